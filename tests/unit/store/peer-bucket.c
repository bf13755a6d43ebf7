/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "peer-bucket.h"

#include <string.h>

#define ROOT "/erp/"

void
peer_bucket_init (PeerBucket *bucket)
{
  bucket->objects
    = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) g_bytes_unref);
  bucket->locks = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  bucket->headers = g_strdup ("");
  bucket->page = 1000;
}

void
peer_bucket_clear (PeerBucket *bucket)
{
  g_hash_table_unref (bucket->objects);
  g_hash_table_unref (bucket->locks);
  g_free (bucket->headers);
}

char *
peer_request_get_header (const char *head, const char *name)
{
  g_auto (GStrv) lines = g_strsplit (head, "\r\n", -1);
  gsize length = strlen (name);

  for (char **line = lines; *line != NULL; line++)
    if (g_ascii_strncasecmp (*line, name, length) == 0 && (*line)[length] == ':')
      return g_strdup (g_strstrip (*line + length + 1));
  return NULL;
}

GString *
peer_bucket_answer (PeerBucket *bucket, guint status, const char *headers, const char *body,
                    gsize size)
{
  GString *text = g_string_new (NULL);

  g_string_append_printf (text, "HTTP/1.1 %u Status\r\n%s%sContent-Length: %" G_GSIZE_FORMAT "\r\n"
                          "\r\n",
                          status, bucket->headers, headers, size);
  g_string_append_len (text, body, (gssize) size);
  return text;
}

GString *
peer_bucket_answer_error (PeerBucket *bucket, guint status, const char *code)
{
  g_autofree char *body
    = g_strdup_printf ("<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>%s</Code><Message>"
                       "Told so</Message></Error>",
                       code);

  return peer_bucket_answer (bucket, status, "Content-Type: application/xml\r\n", body,
                             strlen (body));
}

static int
compare_keys (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

/* The token of a page is the last key of the one before. */
static GString *
list (PeerBucket *bucket, const char *query)
{
  g_autoptr (GHashTable) words = g_uri_parse_params (query, -1, "&", 0, NULL);
  const char *prefix = g_hash_table_lookup (words, "prefix");
  const char *token = g_hash_table_lookup (words, "continuation-token");
  g_autofree gpointer *keys = g_hash_table_get_keys_as_array (bucket->objects, NULL);
  guint n = g_hash_table_size (bucket->objects);
  g_autoptr (GString) xml = g_string_new ("<?xml version=\"1.0\" encoding=\"UTF-8\"?>"
                                          "<ListBucketResult xmlns=\"http://s3/\">");
  const char *last = NULL;
  guint count = 0;

  if (n > 0)
    qsort (keys, n, sizeof (gpointer), compare_keys);
  for (guint i = 0; i < n; i++)
    {
      g_autofree char *quoted = g_markup_escape_text (keys[i], -1);

      if (!g_str_has_prefix (keys[i], prefix) || (token != NULL && strcmp (keys[i], token) <= 0))
        continue;
      if (count++ == bucket->page)
        break;
      last = keys[i];
      g_string_append_printf (
        xml, "<Contents><Key>%s</Key><Size>%" G_GSIZE_FORMAT "</Size></Contents>", quoted,
        g_bytes_get_size (g_hash_table_lookup (bucket->objects, keys[i])));
    }
  g_string_append_printf (xml, "<IsTruncated>%s</IsTruncated>",
                          count > bucket->page ? "true" : "false");
  if (count > bucket->page)
    {
      g_autofree char *quoted = g_markup_escape_text (last, -1);

      g_string_append_printf (xml, "<NextContinuationToken>%s</NextContinuationToken>", quoted);
    }
  g_string_append (xml, "</ListBucketResult>");
  return peer_bucket_answer (bucket, 200, "Content-Type: application/xml\r\n", xml->str, xml->len);
}

static GString *
get (PeerBucket *bucket, const char *key, const char *range)
{
  GBytes *bytes = g_hash_table_lookup (bucket->objects, key);
  gsize size;
  const char *data = bytes != NULL ? g_bytes_get_data (bytes, &size) : NULL;
  guint64 first, last;
  g_autofree char *header = NULL;
  char *end;

  if (bytes == NULL)
    return peer_bucket_answer_error (bucket, 404, "NoSuchKey");
  if (range == NULL)
    return peer_bucket_answer (bucket, 200, "", data, size);
  first = g_ascii_strtoull (range + strlen ("bytes="), &end, 10);
  last = MIN (g_ascii_strtoull (end + 1, NULL, 10), (guint64) size - 1);
  if (first >= size)
    return peer_bucket_answer_error (bucket, 416, "InvalidRange");
  header = g_strdup_printf ("Content-Range: bytes %" G_GUINT64_FORMAT "-%" G_GUINT64_FORMAT
                            "/%" G_GSIZE_FORMAT "\r\n",
                            first, last, size);
  return peer_bucket_answer (bucket, 206, header, data + first, (gsize) (last - first + 1));
}

void
peer_bucket_set_lock (PeerBucket *bucket, const char *key, const char *mode, const char *until)
{
  g_hash_table_replace (bucket->locks, g_strdup (key),
                        g_strconcat (mode, " until ", until, NULL));
}

static char *
get_between (const char *text, const char *before, const char *after)
{
  const char *begin = g_strstr_len (text, -1, before);
  const char *end = begin != NULL ? g_strstr_len (begin, -1, after) : NULL;

  return end != NULL ? g_strndup (begin + strlen (before),
                                  (gsize) (end - begin) - strlen (before))
                     : g_strdup ("");
}

static GString *
serve_retention (PeerBucket *bucket, const PeerRequest *request, const char *key)
{
  const char *lock = g_hash_table_lookup (bucket->locks, key);
  g_auto (GStrv) words = lock != NULL ? g_strsplit (lock, " ", 3) : NULL;
  g_autofree char *body = NULL;

  if (!g_hash_table_contains (bucket->objects, key))
    return peer_bucket_answer_error (bucket, 404, "NoSuchKey");
  if (strcmp (request->method, "PUT") == 0)
    {
      g_autofree char *text = g_strndup (g_bytes_get_data (request->body, NULL),
                                         g_bytes_get_size (request->body));
      g_autofree char *mode = get_between (text, "<Mode>", "</Mode>");
      g_autofree char *until = get_between (text, "<RetainUntilDate>", "</RetainUntilDate>");

      peer_bucket_set_lock (bucket, key, mode, until);
      return peer_bucket_answer (bucket, 200, "", "", 0);
    }
  if (lock == NULL)
    return peer_bucket_answer_error (bucket, 404, "NoSuchObjectLockConfiguration");
  body = g_strdup_printf ("<Retention><Mode>%s</Mode><RetainUntilDate>%s</RetainUntilDate>"
                          "</Retention>",
                          words[0], words[2]);
  return peer_bucket_answer (bucket, 200, "", body, strlen (body));
}

static GString *
serve_object_lock (PeerBucket *bucket)
{
  const char *body = "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled>"
                     "</ObjectLockConfiguration>";

  return bucket->lockable
           ? peer_bucket_answer (bucket, 200, "", body, strlen (body))
           : peer_bucket_answer_error (bucket, 404, "ObjectLockConfigurationNotFoundError");
}

static GString *
put (PeerBucket *bucket, const PeerRequest *request, const char *key)
{
  g_autofree char *mode = peer_request_get_header (request->head, "X-Amz-Object-Lock-Mode");
  g_autofree char *until
    = peer_request_get_header (request->head, "X-Amz-Object-Lock-Retain-Until-Date");
  g_autofree char *digest = peer_request_get_header (request->head, "Content-MD5");

  if (mode != NULL && (digest == NULL || until == NULL))
    return peer_bucket_answer_error (bucket, 400, "InvalidRequest");
  g_hash_table_remove (bucket->locks, key);
  if (mode != NULL)
    peer_bucket_set_lock (bucket, key, mode, until);
  g_hash_table_replace (bucket->objects, g_strdup (key), g_bytes_ref (request->body));
  return peer_bucket_answer (bucket, 200, "", "", 0);
}

GString *
peer_bucket_serve (PeerBucket *bucket, const PeerRequest *request)
{
  g_autofree char *range = peer_request_get_header (request->head, "Range");
  g_autofree char *condition = peer_request_get_header (request->head, "If-None-Match");
  const char *key = request->path + strlen (ROOT);

  if (!g_str_has_prefix (request->path, ROOT))
    return peer_bucket_answer_error (bucket, 404, "NoSuchBucket");
  if (g_str_has_prefix (request->query, "object-lock"))
    return serve_object_lock (bucket);
  if (g_str_has_prefix (request->query, "retention"))
    return serve_retention (bucket, request, key);
  if (strcmp (request->method, "GET") == 0)
    {
      if (*key != '\0')
        return get (bucket, key, range);
      return strstr (request->query, "list-type") != NULL
               ? list (bucket, request->query)
               : peer_bucket_answer_error (bucket, 501, "NotImplemented");
    }
  if (strcmp (request->method, "PUT") == 0)
    {
      if (condition != NULL && g_hash_table_contains (bucket->objects, key))
        return peer_bucket_answer_error (bucket, 412, "PreconditionFailed");
      return put (bucket, request, key);
    }
  g_hash_table_remove (bucket->objects, key);
  return peer_bucket_answer (bucket, 204, "", "", 0);
}
