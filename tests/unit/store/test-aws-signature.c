/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Signatures that AWS has published: those of its test suite for version 4, and the examples in
 * the API reference of Amazon S3. What the suite says of normalized paths does not hold for S3. */
#include "ob-aws-signature.h"

#include <string.h>

#define EMPTY_HASH "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define MAX_HEADERS 6

typedef struct
{
  const char *name;
  const char *method;
  const char *path; /* not encoded */
  const char *query;
  const char *body;
  const char *headers[2 * MAX_HEADERS + 1]; /* beside host and x-amz-date */
  const char *signed_headers;
  const char *signature;
} Vector;

/* AKIDEXAMPLE, 2015-08-30T12:36:00Z, us-east-1, "service", example.amazonaws.com. */
static const Vector suite[] = {
  { "get-vanilla", "GET", "/", "", "", { NULL }, "host;x-amz-date",
    "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31" },
  { "get-unreserved", "GET",
    "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", "", "", { NULL },
    "host;x-amz-date", "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f" },
  { "get-utf8", "GET", "/\341\210\264", "", "", { NULL }, "host;x-amz-date",
    "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85" },
  { "get-space", "GET", "/example space/", "", "", { NULL }, "host;x-amz-date",
    "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741" },
  { "get-vanilla-query-order-key-case", "GET", "/", "Param2=value2&Param1=value1", "", { NULL },
    "host;x-amz-date", "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500" },
  { "get-vanilla-query-order-value", "GET", "/", "Param1=value2&Param1=value1", "", { NULL },
    "host;x-amz-date", "5772eed61e12b33fae39ee5e7012498b51d56abc0abb7c60486157bd471c4694" },
  { "get-vanilla-utf8-query", "GET", "/", "%E1%88%B4=bar", "", { NULL }, "host;x-amz-date",
    "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04" },
  { "get-header-value-order", "GET", "/", "", "",
    { "My-Header1", "value4", "My-Header1", "value1", "My-Header1", "value3", "My-Header1",
      "value2" },
    "host;my-header1;x-amz-date",
    "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01" },
  { "get-header-key-duplicate", "GET", "/", "", "",
    { "My-Header1", "value2", "My-Header1", "value2", "My-Header1", "value1" },
    "host;my-header1;x-amz-date",
    "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea" },
  { "get-header-value-trim", "GET", "/", "", "",
    { "My-Header1", " value1", "My-Header2", " \"a   b   c\"" },
    "host;my-header1;my-header2;x-amz-date",
    "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736" },
  { "post-header-key-sort", "POST", "/", "", "", { "My-Header1", "value1" },
    "host;my-header1;x-amz-date",
    "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c" },
  { "post-vanilla", "POST", "/", "", "", { NULL }, "host;x-amz-date",
    "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b" },
  { "post-x-www-form-urlencoded", "POST", "/", "", "Param1=value1",
    { "Content-Type", "application/x-www-form-urlencoded" }, "content-type;host;x-amz-date",
    "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a" },
  { "get-vanilla-with-session-token", "GET", "/", "", "",
    { "X-Amz-Security-Token",
      "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267" },
    "host;x-amz-date;x-amz-security-token",
    "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8" },
};

/* AKIAIOSFODNN7EXAMPLE, 2013-05-24T00:00:00Z, us-east-1, s3, examplebucket.s3.amazonaws.com. */
static const Vector examples[] = {
  { "get-object", "GET", "/test.txt", "", "",
    { "Range", "bytes=0-9", "x-amz-content-sha256", EMPTY_HASH },
    "host;range;x-amz-content-sha256;x-amz-date",
    "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41" },
  { "put-object", "PUT", "/test$file.text", "", "Welcome to Amazon S3.",
    { "Date", "Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class", "REDUCED_REDUNDANCY",
      "x-amz-content-sha256",
      "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072" },
    "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
    "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd" },
  { "get-bucket-lifecycle", "GET", "/", "lifecycle", "", { "x-amz-content-sha256", EMPTY_HASH },
    "host;x-amz-content-sha256;x-amz-date",
    "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543" },
  { "list-objects", "GET", "/", "prefix=J&max-keys=2", "", { "x-amz-content-sha256", EMPTY_HASH },
    "host;x-amz-content-sha256;x-amz-date",
    "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7" },
};

static void
assert_vector (const Vector *vector, ObAwsKeys *keys, const char *host, const char *service,
               gint64 when)
{
  g_autofree char *path = ob_aws_encode (vector->path, TRUE);
  g_autofree char *authorization = NULL;
  g_autofree char *expected = NULL;
  char time_text[OB_AWS_TIME_SIZE];
  char hash[OB_AWS_HASH_SIZE];
  struct iovec body = { (void *) vector->body, strlen (vector->body) };
  ObAwsHeader headers[MAX_HEADERS + 2] = { { "X-Amz-Date", time_text }, { "Host", host } };
  ObAwsRequest request = { vector->method, path, vector->query, headers, 2, hash };

  ob_aws_format_time (when, time_text);
  ob_aws_hash (&body, 1, hash);
  for (gsize i = 0; vector->headers[i] != NULL; i += 2)
    headers[request.n_headers++] = (ObAwsHeader){ vector->headers[i], vector->headers[i + 1] };
  g_test_message ("%s", vector->name);
  authorization = ob_aws_authorize (&request, keys, "us-east-1", service, when);
  expected = g_strdup_printf (
    "AWS4-HMAC-SHA256 Credential=%s/%.8s/us-east-1/%s/aws4_request, SignedHeaders=%s, Signature=%s",
    ob_aws_keys_get_access_key (keys), time_text, service, vector->signed_headers,
    vector->signature);
  g_assert_cmpstr (authorization, ==, expected);
}

static void
test_suite (void)
{
  g_autoptr (ObAwsKeys) keys
    = ob_aws_keys_new ("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", NULL, 0);

  for (gsize i = 0; i < G_N_ELEMENTS (suite); i++)
    assert_vector (&suite[i], keys, "example.amazonaws.com", "service", 1440938160);
}

static void
test_examples (void)
{
  g_autoptr (ObAwsKeys) keys = ob_aws_keys_new (
    "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", NULL, 0);

  for (gsize i = 0; i < G_N_ELEMENTS (examples); i++)
    assert_vector (&examples[i], keys, "examplebucket.s3.amazonaws.com", "s3", 1369353600);
}

static void
test_canonical (void)
{
  const ObAwsHeader headers[]
    = { { "X-Amz-Date", "20150830T123600Z" }, { "b", "  2  3 " }, { "HOST", "h:1" }, { "B", "4" } };
  const ObAwsRequest request
    = { "GET", "/a//b/./c", "z&a-b=2&a=3&a=%2F", headers, G_N_ELEMENTS (headers), EMPTY_HASH };
  g_autofree char *text = ob_aws_canonical_request (&request);

  /* "a" comes before "a-b", although "=" comes after "-"; S3's paths stay as they are. */
  g_assert_cmpstr (text, ==,
                   "GET\n/a//b/./c\na=%2F&a=3&a-b=2&z=\nb:2 3,4\nhost:h:1\n"
                   "x-amz-date:20150830T123600Z\n\nb;host;x-amz-date\n" EMPTY_HASH);
}

static void
test_encode (void)
{
  g_autofree char *path = ob_aws_encode ("/a b/\303\244+%~", TRUE);
  g_autofree char *value = ob_aws_encode ("a/b=&", FALSE);

  g_assert_cmpstr (path, ==, "/a%20b/%C3%A4%2B%25~");
  g_assert_cmpstr (value, ==, "a%2Fb%3D%26");
}

static void
test_hash (void)
{
  const struct iovec parts[] = { { (void *) "Welcome to ", 11 }, { NULL, 0 },
                                 { (void *) "Amazon S3.", 10 } };
  char hash[OB_AWS_HASH_SIZE];

  ob_aws_hash (NULL, 0, hash);
  g_assert_cmpstr (hash, ==, EMPTY_HASH);
  ob_aws_hash (parts, G_N_ELEMENTS (parts), hash);
  g_assert_cmpstr (hash, ==, "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072");
}

static void
test_time (void)
{
  static const struct
  {
    gint64 when;
    const char *text;
  } times[] = { { 0, "19700101T000000Z" },
                { 1440938160, "20150830T123600Z" },
                { G_MAXINT64, "19700101T000000Z" },
                { 253402300799, "99991231T235959Z" },
                { 253402300800, "19700101T000000Z" } };

  for (gsize i = 0; i < G_N_ELEMENTS (times); i++)
    {
      char text[OB_AWS_TIME_SIZE];

      ob_aws_format_time (times[i].when, text);
      g_assert_cmpstr (text, ==, times[i].text);
    }
}

static void
test_keys (void)
{
  g_autofree char *much = g_strnfill (OB_AWS_MAX_KEY + 1, 'k');

  g_assert_true (ob_aws_keys_is_valid_text ("AKIAIOSFODNN7EXAMPLE", OB_AWS_MAX_KEY));
  g_assert_true (ob_aws_keys_is_valid_text ("wJalr/K7+=", OB_AWS_MAX_KEY));
  g_assert_false (ob_aws_keys_is_valid_text ("", OB_AWS_MAX_KEY));
  g_assert_false (ob_aws_keys_is_valid_text ("a b", OB_AWS_MAX_KEY));
  g_assert_false (ob_aws_keys_is_valid_text ("a\r\nHost: b", OB_AWS_MAX_KEY));
  g_assert_false (ob_aws_keys_is_valid_text ("\303\244", OB_AWS_MAX_KEY));
  g_assert_false (ob_aws_keys_is_valid_text (much, OB_AWS_MAX_KEY));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/aws-signature/suite", test_suite);
  g_test_add_func ("/aws-signature/examples", test_examples);
  g_test_add_func ("/aws-signature/canonical", test_canonical);
  g_test_add_func ("/aws-signature/encode", test_encode);
  g_test_add_func ("/aws-signature/hash", test_hash);
  g_test_add_func ("/aws-signature/time", test_time);
  g_test_add_func ("/aws-signature/keys", test_keys);
  return g_test_run ();
}
