/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is made of the texts that come from outside: answers in XML, and settings. */
#include <string.h>

#include "fixture.h"
#include "ob-error.h"
#include "ob-s3-fault.h"
#include "ob-s3-listing.h"
#include "ob-s3-settings.h"
#include "ob-s3-xml.h"

static ObS3Listing *
parse (const char *text)
{
  return ob_s3_listing_parse (text, strlen (text));
}

#define CONTENTS(key, size) "<Contents><Key>" key "</Key><Size>" size "</Size></Contents>"
#define RESULT(content) "<ListBucketResult>" content "</ListBucketResult>"

static void
test_listing (void)
{
  g_autoptr (ObS3Listing) listing
    = parse ("<?xml version=\"1.0\"?><s:ListBucketResult xmlns:s=\"x\">" CONTENTS ("a&amp;b", "12")
             "<Contents><Size>0</Size><Owner><ID>Key</ID></Owner><Key>c</Key></Contents>"
             "<IsTruncated>true</IsTruncated><NextContinuationToken>t/+</NextContinuationToken>"
             "</s:ListBucketResult>");
  g_autoptr (ObS3Listing) last = parse (RESULT ("<NextContinuationToken>t</NextContinuationToken>"
                                                "<IsTruncated>false</IsTruncated>"));

  g_assert_nonnull (listing);
  g_assert_cmpuint (listing->objects->len, ==, 2);
  g_assert_cmpstr (g_array_index (listing->objects, ObS3ListedObject, 0).key, ==, "a&b");
  g_assert_cmpuint (g_array_index (listing->objects, ObS3ListedObject, 0).size, ==, 12);
  g_assert_cmpstr (g_array_index (listing->objects, ObS3ListedObject, 1).key, ==, "c");
  g_assert_cmpstr (listing->next, ==, "t/+");
  g_assert_nonnull (last);
  g_assert_null (last->next);
}

static void
test_listing_refused (void)
{
  static const char *const texts[] = {
    "",
    "<ListBucketResult>",
    "<Other/>",
    "not XML",
    RESULT ("<Contents><Key>a</Key></Contents>"),
    RESULT ("<Contents><Size>1</Size></Contents>"),
    RESULT (CONTENTS ("", "1")),
    RESULT (CONTENTS ("a", "-1")),
    RESULT (CONTENTS ("a", "99999999999999999999")),
    RESULT (CONTENTS ("a</Key><Key>b", "1")),
    RESULT (CONTENTS ("&unknown;", "1")),
    RESULT ("<IsTruncated>true</IsTruncated>"),
    RESULT ("<a><a><a><a><a><a><a><a></a></a></a></a></a></a></a></a>"),
    "<!DOCTYPE x [<!ENTITY a \"b\">]>" RESULT (""),
    RESULT ("") RESULT (""),
  };
  g_autofree char *name = g_strnfill (OB_S3_LISTING_MAX_KEY + 1, 'k');
  g_autofree char *text = g_strnfill (OB_S3_XML_MAX_TEXT + 1, 't');
  g_autofree char *long_name = g_strdup_printf (RESULT (CONTENTS ("%s", "1")), name);
  g_autofree char *long_text = g_strdup_printf (RESULT ("<Name>%s</Name>"), text);
  g_autofree char *truth = g_strdup_printf (RESULT (CONTENTS ("%s", "1")), name + 1);
  g_autoptr (ObS3Listing) good = parse (truth);

  for (gsize i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_test_message ("%s", texts[i]);
      g_assert_null (parse (texts[i]));
    }
  g_assert_null (parse (long_name));
  g_assert_null (parse (long_text));
  g_assert_nonnull (good);
}

static void
test_fault (void)
{
  const char *text = "<Error><Code>No</Code><Message> a\033[1m\nb </Message><Region>eu-1</Region>"
                     "</Error>";
  const char *bad = "<Error><Code>No\033[1m</Code><Message>";
  g_autoptr (ObS3Fault) fault = ob_s3_fault_parse (text, strlen (text));
  g_autoptr (ObS3Fault) none = ob_s3_fault_parse (bad, strlen (bad));
  g_autoptr (ObS3Fault) empty = ob_s3_fault_parse (NULL, 0);

  g_assert_cmpstr (fault->code, ==, "No");
  g_assert_cmpstr (fault->message, ==, "a [1m b");
  g_assert_cmpstr (fault->region, ==, "eu-1");
  g_assert_cmpstr (none->code, ==, "");
  g_assert_cmpstr (empty->message, ==, "");
}

typedef struct
{
  const char *settings; /* NAME=VALUE, with blanks between */
  const char *base, *host, *path, *where;
  const char *mistake; /* part of the message where they make no sense */
} Case;

static const Case cases[] = {
  { "bucket=erp", "https://erp.s3.us-east-1.amazonaws.com", "erp.s3.us-east-1.amazonaws.com", "/",
    "s3:https://s3.us-east-1.amazonaws.com/erp", NULL },
  { "bucket=erp.x region=eu-west-1", "https://s3.eu-west-1.amazonaws.com",
    "s3.eu-west-1.amazonaws.com", "/erp.x/", "s3:https://s3.eu-west-1.amazonaws.com/erp.x", NULL },
  { "bucket=erp region=cn-north-1", "https://erp.s3.cn-north-1.amazonaws.com.cn",
    "erp.s3.cn-north-1.amazonaws.com.cn", "/", "s3:https://s3.cn-north-1.amazonaws.com.cn/erp",
    NULL },
  { "bucket=erp endpoint=https://h:9000/ prefix=a/b", "https://h:9000", "h:9000", "/erp/",
    "s3:https://h:9000/erp/a/b", NULL },
  { "bucket=erp endpoint=https://h:443", "https://h", "h", "/erp/", "s3:https://h/erp", NULL },
  { "bucket=erp endpoint=http://h:80 allow-http=true", "http://h", "h", "/erp/",
    "s3:http://h/erp", NULL },
  { "bucket=erp endpoint=HTTPS://H", "https://H", "H", "/erp/", "s3:https://H/erp", NULL },
  { "bucket=erp endpoint=https://h style=virtual", "https://erp.h", "erp.h", "/",
    "s3:https://h/erp", NULL },
  { "bucket=erp endpoint=http://[::1]:9000", "http://[::1]:9000", "[::1]:9000", "/erp/",
    "s3:http://[::1]:9000/erp", NULL },
  { "bucket=erp endpoint=http://127.0.0.2", "http://127.0.0.2", "127.0.0.2", "/erp/",
    "s3:http://127.0.0.2/erp", NULL },
  { "bucket=erp endpoint=http://localhost:1", "http://localhost:1", "localhost:1", "/erp/",
    "s3:http://localhost:1/erp", NULL },
  { "region=eu-west-1", .mistake = "which bucket" },
  { "bucket=erp endpoint=http://h", .mistake = "plain HTTP" },
  { "bucket=erp endpoint=http://127.0.0.1.evil", .mistake = "plain HTTP" },
  { "bucket=erp endpoint=http://h allow-http=false", .mistake = "plain HTTP" },
  { "bucket=erp endpoint=https://10.0.0.1 style=virtual", .mistake = "style path" },
  { "bucket=erp kms-key=k", .mistake = "kms-key" },
  { "bucket=erp lock-mode=governance", .mistake = "lock-days" },
  { "bucket=erp credentials=keys", .mistake = "no access-key" },
  { "bucket=erp credentials=role access-key=k", .mistake = "elsewhere" },
  { "bucket=erp access-key=k profile=p", .mistake = "elsewhere" },
};

static void
set_all (ObS3Settings *settings, const char *text)
{
  g_auto (GStrv) words = g_strsplit (text, " ", -1);

  for (char **word = words; *word != NULL; word++)
    {
      g_auto (GStrv) pair = g_strsplit (*word, "=", 2);
      g_autoptr (GError) error = NULL;

      ob_s3_settings_set (settings, pair[0], pair[1], &error);
      g_assert_no_error (error);
    }
}

static void
test_settings (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (ObS3Settings) first = ob_s3_settings_new ();
      g_autoptr (ObS3Settings) settings = NULL;
      g_autofree char *host = NULL;
      g_autofree char *path = NULL;
      g_autofree char *base = NULL;
      g_autofree char *where = NULL;
      g_autoptr (GError) error = NULL;

      g_test_message ("%s", cases[i].settings);
      set_all (first, cases[i].settings);
      settings = ob_s3_settings_copy (first);
      if (cases[i].mistake != NULL)
        {
          g_assert_false (ob_s3_settings_check (settings, &error));
          g_assert_ob_error (error, OB_ERROR_INVALID_ARGUMENT);
          g_assert_message (error, cases[i].mistake);
          continue;
        }
      ob_s3_settings_check (settings, &error);
      g_assert_no_error (error);
      base = ob_s3_settings_get_base (settings, &host, &path);
      where = ob_s3_settings_describe (settings);
      g_assert_cmpstr (base, ==, cases[i].base);
      g_assert_cmpstr (host, ==, cases[i].host);
      g_assert_cmpstr (path, ==, cases[i].path);
      g_assert_cmpstr (where, ==, cases[i].where);
    }
}

static void
test_settings_refused (void)
{
  static const char *const bad[][2] = {
    { "nonsense", "x" },
    { "bucket", "a" },
    { "bucket", "a/b" },
    { "bucket", "erp?x" },
    { "prefix", "/a" },
    { "prefix", "a/" },
    { "prefix", "a//b" },
    { "prefix", "../a" },
    { "prefix", "a\nb" },
    { "endpoint", "s3.amazonaws.com" },
    { "endpoint", "ftp://h" },
    { "endpoint", "https://user:secret@h" },
    { "endpoint", "https://h/path" },
    { "endpoint", "https://h?x" },
    { "endpoint", "https://h\r\nX: y" },
    { "region", "eu west" },
    { "style", "other" },
    { "ca-file", "ca.pem" },
    { "allow-http", "yes" },
    { "storage-class", "GLACIER" },
    { "storage-class", "DEEP_ARCHIVE" },
    { "encryption", "rot13" },
    { "connections", "0" },
    { "connections", "33" },
    { "connections", "1x" },
    { "lock-days", "-1" },
    { "lock-days", "36501" },
    { "lock-mode", "strict" },
    { "credentials", "none" },
    { "access-key", "a b" },
    { "profile", "a]b" },
  };
  g_autoptr (ObS3Settings) settings = ob_s3_settings_new ();

  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GError) error = NULL;

      g_test_message ("%s=%s", bad[i][0], bad[i][1]);
      g_assert_false (ob_s3_settings_set (settings, bad[i][0], bad[i][1], &error));
      g_assert_ob_error (error, OB_ERROR_INVALID_ARGUMENT);
      g_assert_message (error, bad[i][0]);
      g_assert_null (ob_s3_settings_get (settings, bad[i][0]));
    }
  set_all (settings, "bucket=erp prefix=a");
  g_assert_true (ob_s3_settings_set (settings, "prefix", "", NULL));
  g_assert_null (ob_s3_settings_get (settings, "prefix"));
}

static void
test_defaults (void)
{
  static const char *const sources[][2]
    = { { "bucket=erp", "role" },
        { "bucket=erp access-key=k", "keys" },
        { "bucket=erp profile=p", "profile" },
        { "bucket=erp profile-file=/p", "profile" },
        { "bucket=erp credentials=environment", "environment" } };

  for (gsize i = 0; i < G_N_ELEMENTS (sources); i++)
    {
      g_autoptr (ObS3Settings) settings = ob_s3_settings_new ();

      set_all (settings, sources[i][0]);
      g_assert_true (ob_s3_settings_check (settings, NULL));
      g_assert_cmpstr (ob_s3_settings_get_credentials (settings), ==, sources[i][1]);
      g_assert_cmpstr (ob_s3_settings_get_region (settings), ==, "us-east-1");
      g_assert_cmpuint (ob_s3_settings_get_connections (settings), ==, 5);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/s3-answers/listing", test_listing);
  g_test_add_func ("/s3-answers/listing-refused", test_listing_refused);
  g_test_add_func ("/s3-answers/fault", test_fault);
  g_test_add_func ("/s3-answers/settings", test_settings);
  g_test_add_func ("/s3-answers/settings-refused", test_settings_refused);
  g_test_add_func ("/s3-answers/defaults", test_defaults);
  return g_test_run ();
}
