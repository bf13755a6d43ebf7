/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-aws-signature.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>
#include <time.h>

#include "ob-secret.h"

#define ALGORITHM "AWS4-HMAC-SHA256"
#define DIGEST_SIZE 32
#define DATE_LENGTH 8

/* A name and a value that are sorted; both belong to it. */
typedef struct
{
  char *name;
  char *value;
} Pair;

/* internal methods */

static void
pair_free (gpointer data)
{
  Pair *pair = data;

  g_free (pair->name);
  g_free (pair->value);
  g_free (pair);
}

static void
add_pair (GPtrArray *pairs, char *name, char *value)
{
  Pair *pair = g_new (Pair, 1);

  pair->name = name;
  pair->value = value;
  g_ptr_array_add (pairs, pair);
}

static int
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp ((*(const Pair *const *) a)->name, (*(const Pair *const *) b)->name);
}

static int
compare_pairs (gconstpointer a, gconstpointer b)
{
  int order = compare_names (a, b);

  return order != 0 ? order
                    : strcmp ((*(const Pair *const *) a)->value, (*(const Pair *const *) b)->value);
}

static void
append_query (GString *text, const char *query)
{
  g_autoptr (GPtrArray) pairs = g_ptr_array_new_with_free_func (pair_free);
  g_auto (GStrv) words = g_strsplit (query, "&", -1);

  for (char **word = words; *word != NULL; word++)
    {
      const char *sign = strchr (*word, '=');
      gsize length = sign != NULL ? (gsize) (sign - *word) : strlen (*word);

      if (**word != '\0')
        add_pair (pairs, g_strndup (*word, length), g_strdup (sign != NULL ? sign + 1 : ""));
    }
  g_ptr_array_sort (pairs, compare_pairs);
  for (guint i = 0; i < pairs->len; i++)
    {
      const Pair *pair = g_ptr_array_index (pairs, i);

      g_string_append_printf (text, "%s%s=%s", i > 0 ? "&" : "", pair->name, pair->value);
    }
}

/* A header's value without blanks around it, and with one blank for several. */
static char *
fold_blanks (const char *value)
{
  GString *text = g_string_new (NULL);

  for (; *value != '\0'; value++)
    if (*value != ' ' || (text->len > 0 && text->str[text->len - 1] != ' '))
      g_string_append_c (text, *value);
  if (text->len > 0 && text->str[text->len - 1] == ' ')
    g_string_truncate (text, text->len - 1);
  return g_string_free (text, FALSE);
}

/* Sorted; several of one name keep their order. */
static GPtrArray *
sort_headers (const ObAwsRequest *request)
{
  GPtrArray *pairs = g_ptr_array_new_with_free_func (pair_free);

  for (gsize i = 0; i < request->n_headers; i++)
    {
      g_autofree char *name = g_ascii_strdown (request->headers[i].name, -1);
      Pair *same = NULL;

      for (guint j = 0; j < pairs->len && same == NULL; j++)
        if (strcmp (((Pair *) g_ptr_array_index (pairs, j))->name, name) == 0)
          same = g_ptr_array_index (pairs, j);
      if (same == NULL)
        add_pair (pairs, g_steal_pointer (&name), fold_blanks (request->headers[i].value));
      else
        {
          g_autofree char *former = same->value;
          g_autofree char *value = fold_blanks (request->headers[i].value);

          same->value = g_strconcat (former, ",", value, NULL);
        }
    }
  g_ptr_array_sort (pairs, compare_names);
  return pairs;
}

static char *
join_names (GPtrArray *headers)
{
  GString *names = g_string_new (NULL);

  for (guint i = 0; i < headers->len; i++)
    g_string_append_printf (names, "%s%s", i > 0 ? ";" : "",
                            ((const Pair *) g_ptr_array_index (headers, i))->name);
  return g_string_free (names, FALSE);
}

static void
to_hex (const guint8 digest[DIGEST_SIZE], char hash[OB_AWS_HASH_SIZE])
{
  for (guint i = 0; i < DIGEST_SIZE; i++)
    g_snprintf (hash + 2 * i, 3, "%02x", digest[i]);
}

static void
mac (const guint8 *key, gsize size, const char *text, guint8 digest[DIGEST_SIZE])
{
  if (HMAC (EVP_sha256 (), key, (int) size, (const guint8 *) text, strlen (text), digest, NULL)
      == NULL)
    g_error ("libcrypto gives no HMAC-SHA256");
}

/* The key of a day, a region and a service, which the secret key cannot be got back from. */
static void
derive_key (ObAwsKeys *keys, const char *date, const char *region, const char *service,
            guint8 key[DIGEST_SIZE])
{
  const char *const steps[] = { region, service, "aws4_request" };
  ob_autosecret char *first = g_strconcat ("AWS4", ob_aws_keys_get_secret_key (keys), NULL);
  guint8 next[DIGEST_SIZE];

  mac ((const guint8 *) first, strlen (first), date, key);
  for (gsize i = 0; i < G_N_ELEMENTS (steps); i++)
    {
      mac (key, DIGEST_SIZE, steps[i], next);
      memcpy (key, next, DIGEST_SIZE);
    }
  ob_secret_wipe (next, sizeof next);
}

static struct tm
split_time (gint64 when)
{
  time_t seconds = (time_t) when;
  struct tm parts = { 0 };

  if (gmtime_r (&seconds, &parts) == NULL || parts.tm_year + 1900 < 1
      || parts.tm_year + 1900 > 9999)
    {
      seconds = 0;
      gmtime_r (&seconds, &parts);
    }
  return parts;
}

/* public methods */

char *
ob_aws_encode (const char *text, gboolean keep_slash)
{
  GString *encoded = g_string_new (NULL);

  for (; *text != '\0'; text++)
    if (g_ascii_isalnum (*text) || strchr ("-._~", *text) != NULL || (keep_slash && *text == '/'))
      g_string_append_c (encoded, *text);
    else
      g_string_append_printf (encoded, "%%%02X", (guint8) *text);
  return g_string_free (encoded, FALSE);
}

void
ob_aws_hash (const struct iovec *parts, gsize n_parts, char hash[OB_AWS_HASH_SIZE])
{
  EVP_MD_CTX *context = EVP_MD_CTX_new ();
  guint8 digest[DIGEST_SIZE];
  gboolean good = context != NULL && EVP_DigestInit_ex (context, EVP_sha256 (), NULL) == 1;

  for (gsize i = 0; good && i < n_parts; i++)
    good = EVP_DigestUpdate (context, parts[i].iov_base, parts[i].iov_len) == 1;
  if (!good || EVP_DigestFinal_ex (context, digest, NULL) != 1)
    g_error ("libcrypto gives no SHA-256");
  EVP_MD_CTX_free (context);
  to_hex (digest, hash);
}

void
ob_aws_format_time (gint64 when, char text[OB_AWS_TIME_SIZE])
{
  struct tm parts = split_time (when);

  strftime (text, OB_AWS_TIME_SIZE, "%Y%m%dT%H%M%SZ", &parts);
}

void
ob_aws_format_long_time (gint64 when, char text[OB_AWS_LONG_TIME_SIZE])
{
  struct tm parts = split_time (when);

  strftime (text, OB_AWS_LONG_TIME_SIZE, "%Y-%m-%dT%H:%M:%SZ", &parts);
}

char *
ob_aws_canonical_request (const ObAwsRequest *request)
{
  g_autoptr (GPtrArray) headers = sort_headers (request);
  g_autofree char *names = join_names (headers);
  GString *text = g_string_new (NULL);

  g_string_append_printf (text, "%s\n%s\n", request->method, request->path);
  append_query (text, request->query);
  g_string_append_c (text, '\n');
  for (guint i = 0; i < headers->len; i++)
    {
      const Pair *header = g_ptr_array_index (headers, i);

      g_string_append_printf (text, "%s:%s\n", header->name, header->value);
    }
  g_string_append_printf (text, "\n%s\n%s", names, request->payload_hash);
  return g_string_free (text, FALSE);
}

char *
ob_aws_authorize (const ObAwsRequest *request, ObAwsKeys *keys, const char *region,
                  const char *service, gint64 when)
{
  g_autofree char *canonical = ob_aws_canonical_request (request);
  struct iovec part = { canonical, strlen (canonical) };
  g_autoptr (GPtrArray) headers = sort_headers (request);
  g_autofree char *names = join_names (headers);
  g_autofree char *scope = NULL;
  g_autofree char *text = NULL;
  char hash[OB_AWS_HASH_SIZE];
  char time_text[OB_AWS_TIME_SIZE];
  char date[DATE_LENGTH + 1];
  guint8 key[DIGEST_SIZE];
  guint8 signature[DIGEST_SIZE];

  ob_aws_format_time (when, time_text);
  g_strlcpy (date, time_text, sizeof date);
  ob_aws_hash (&part, 1, hash);
  scope = g_strdup_printf ("%s/%s/%s/aws4_request", date, region, service);
  text = g_strdup_printf (ALGORITHM "\n%s\n%s\n%s", time_text, scope, hash);
  derive_key (keys, date, region, service, key);
  mac (key, DIGEST_SIZE, text, signature);
  ob_secret_wipe (key, sizeof key);
  to_hex (signature, hash);
  return g_strdup_printf (ALGORITHM " Credential=%s/%s, SignedHeaders=%s, Signature=%s",
                          ob_aws_keys_get_access_key (keys), scope, names, hash);
}
