/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-s3-store.h"

#include <string.h>

#include "ob-error.h"
#include "ob-read-ahead.h"
#include "ob-s3-checkup.h"
#include "ob-s3-listing.h"
#include "ob-s3-versions.h"
#include "ob-s3-lock.h"
#include "ob-upload-queue.h"

/* The largest body that S3 takes in one PUT. */
#define MAX_OBJECT (G_GINT64_CONSTANT (5) * 1024 * 1024 * 1024)
/* 1,000 objects whose names and tags are as long as may be, quoted. */
#define MAX_LISTING (16 * 1024 * 1024)
/* No repository has so many objects; a listing that goes on for ever has. */
#define MAX_OBJECTS (50 * 1000 * 1000)
/* So many pages of a list may be empty: some servers leave out what they have gone through. */
#define MAX_EMPTY_PAGES 10000
/* An object this large is looked at in full, to see whose it is. */
#define MAX_COMPARED (1024 * 1024)
#define MAX_PUT_HEADERS (4 + OB_S3_LOCK_MAX_HEADERS)
/* Packs are locked a quarter longer than they have to be, so that those which a later backup uses
 * too are not locked anew with each. */
#define EXTRA(days) ((gint64) (days) * 24 * 60 * 60 / 4)
/* Bytes that are read at once where a pack is read in small pieces. */
#define AHEAD (4 * 1024 * 1024)

struct _ObS3Store
{
  ObStore parent_instance;

  ObS3Http *http;
  ObS3Settings *settings;
  char *where;
  char *prefix; /* of the names of objects, "" or with "/" at its end */
  char *storage_class, *encryption, *kms_key;
  ObS3Lock *lock;
  ObUploadQueue *uploads;
  ObReadAhead *ahead;
  guint n_connections;
};

G_DEFINE_FINAL_TYPE (ObS3Store, ob_s3_store, OB_TYPE_STORE)

/* internal methods */

static char *
get_key (ObS3Store *self, const char *name)
{
  return g_strconcat (self->prefix, name, NULL);
}

static void
fail_answer (ObS3Store *self, const char *name, GError **error)
{
  g_set_error (error, OB_ERROR, OB_ERROR_DESTINATION_UNAVAILABLE,
               "%s cannot be read in %s: the server has answered with something else than it was "
               "asked for. Something on the way may answer in its place",
               name, self->where);
}

/* Whether the object @key has these very bytes. */
static gboolean
is_same (ObS3Store *self, const char *key, const struct iovec *parts, gsize n_parts,
         GCancellable *cancellable)
{
  const ObS3Request request = { .method = "GET", .key = key, .query = "", .max = MAX_COMPARED,
                                .verb = "read", .action = "s3:GetObject" };
  g_auto (ObHttpAnswer) answer = { 0 };
  char ours[OB_AWS_HASH_SIZE];
  char theirs[OB_AWS_HASH_SIZE];
  struct iovec part;

  if (!ob_s3_http_send (self->http, &request, &answer, cancellable, NULL))
    return FALSE;
  part = (struct iovec){ answer.body->data, answer.body->len };
  ob_aws_hash (parts, n_parts, ours);
  ob_aws_hash (&part, 1, theirs);
  return strcmp (ours, theirs) == 0;
}

/* Packs, and what has to be there to read them, are used by later backups, too. */
static gint64
get_extra (ObS3Store *self, const char *name)
{
  return g_str_has_prefix (name, "snapshots/") || g_str_has_prefix (name, "index/")
           ? 0
           : EXTRA (ob_s3_lock_get_days (self->lock));
}

/* Headers for an object. Packs alone have the storage class, as with restic: all else is small and
 * read often. */
static gsize
add_headers (ObS3Store *self, const char *name, const struct iovec *parts, gsize n_parts,
             ObStorePutFlags flags, ObS3LockTexts *texts, ObAwsHeader *headers)
{
  gsize n = 0;

  if (ob_store_is_for_good (name) && (flags & OB_STORE_PUT_UNLOCKED) == 0)
    n = ob_s3_lock_add_headers (self->lock, get_extra (self, name), parts, n_parts, texts, headers);
  if (self->storage_class != NULL && g_str_has_prefix (name, "data/"))
    headers[n++] = (ObAwsHeader){ "X-Amz-Storage-Class", self->storage_class };
  if (self->encryption != NULL)
    headers[n++] = (ObAwsHeader){ "X-Amz-Server-Side-Encryption", self->encryption };
  if (self->kms_key != NULL)
    headers[n++]
      = (ObAwsHeader){ "X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id", self->kms_key };
  return n;
}

static gboolean
put_now (ObS3Store *self, const char *name, const struct iovec *parts, gsize n_parts,
         ObStorePutFlags flags, GCancellable *cancellable, GError **error)
{
  g_autofree char *key = get_key (self, name);
  g_autoptr (GError) local = NULL;
  g_auto (ObHttpAnswer) answer = { 0 };
  ObAwsHeader headers[MAX_PUT_HEADERS];
  ObS3LockTexts texts = { 0 };
  g_autofree char *digest = NULL;
  gboolean is_new = (flags & OB_STORE_PUT_NEW) != 0;
  ObS3Request request = { .method = "PUT", .key = key, .query = "", .headers = headers,
                          .parts = parts, .n_parts = n_parts, .max = OB_HTTP_MAX_REFUSAL,
                          .verb = "written", .action = "s3:PutObject" };

  ob_read_ahead_forget (self->ahead, name);
  request.n_headers = add_headers (self, name, parts, n_parts, flags, &texts, headers);
  digest = texts.digest;
  if (is_new)
    headers[request.n_headers++] = (ObAwsHeader){ "If-None-Match", "*" };
  if (ob_s3_http_send (self->http, &request, &answer, cancellable, &local))
    return TRUE;
  /* A server that knows no conditions: it is as if we had not asked. */
  if (is_new && g_error_matches (local, OB_ERROR, OB_ERROR_NOT_SUPPORTED))
    return put_now (self, name, parts, n_parts, flags & ~OB_STORE_PUT_NEW, cancellable, error);
  /* Where an answer got lost, and the request was sent again, what is in the way is our own. */
  if (is_new && g_error_matches (local, OB_ERROR, OB_ERROR_EXISTS)
      && is_same (self, key, parts, n_parts, cancellable))
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&local));
  return FALSE;
}

static gboolean
upload (const char *name, const void *data, gsize size, gpointer user_data,
        GCancellable *cancellable, GError **error)
{
  const struct iovec part = { (void *) data, size };

  return put_now (user_data, name, &part, 1, OB_STORE_PUT_NONE, cancellable, error);
}

/* Whether a 206 has what was asked for: @size bytes from @offset, or fewer at the end of the
 * object. */
static gboolean
is_range (const ObHttpAnswer *answer, guint64 offset, gsize size)
{
  guint64 count = answer->last - answer->first + 1;

  return answer->has_range && answer->first == offset && count <= size && count == answer->size
         && (count == size || answer->last + 1 == answer->total);
}

/* Bytes from @offset: the count, smaller only at the object's end; -1 on error. @size > 0. */
static gssize
read_range (ObS3Store *self, const char *name, guint64 offset, void *buffer, gsize size,
            GCancellable *cancellable, GError **error)
{
  g_autofree char *key = get_key (self, name);
  g_autofree char *range = g_strdup_printf ("bytes=%" G_GUINT64_FORMAT "-%" G_GUINT64_FORMAT,
                                            offset, offset + size - 1);
  const ObAwsHeader header = { "Range", range };
  const ObS3Request request = { .method = "GET", .key = key, .query = "", .headers = &header,
                                .n_headers = 1, .buffer = buffer, .max = size, .accepted = 416,
                                .verb = "read", .action = "s3:GetObject" };
  g_auto (ObHttpAnswer) answer = { 0 };

  if (!ob_s3_http_send (self->http, &request, &answer, cancellable, error))
    return -1;
  if (answer.status == 416)
    return 0;
  if (answer.status == 206 ? is_range (&answer, offset, size)
                           : answer.status == 200 && offset == 0)
    return (gssize) answer.size;
  fail_answer (self, name, error);
  return -1;
}

/* As read_range(), from what was read ahead; where one reads on, more is read than was asked
 * for. */
static gssize
read_pack (ObS3Store *self, const char *name, guint64 offset, guint8 *buffer, gsize size,
           GCancellable *cancellable, GError **error)
{
  gboolean goes_on, at_end;
  gsize done = ob_read_ahead_take (self->ahead, name, offset, buffer, size, &goes_on, &at_end);
  g_autofree guint8 *more = NULL;
  gsize wanted = size - done;
  gsize count;
  gssize n;

  if (wanted == 0 || at_end)
    return (gssize) done;
  more = goes_on && wanted < AHEAD ? g_try_malloc (AHEAD) : NULL;
  wanted = more != NULL ? AHEAD : wanted;
  n = read_range (self, name, offset + done, more != NULL ? more : buffer + done, wanted,
                  cancellable, error);
  if (n < 0)
    return -1;
  count = MIN ((gsize) n, size - done);
  if (more != NULL)
    memcpy (buffer + done, more, count);
  ob_read_ahead_put (self->ahead, name, offset + done + count,
                     more != NULL ? g_bytes_new (more + count, (gsize) n - count) : NULL,
                     (gsize) n < wanted);
  return (gssize) (done + count);
}

/* virtual functions */

static gboolean
ob_s3_store_put (ObStore *store, const char *name, const struct iovec *parts, gsize n_parts,
                 ObStorePutFlags flags, GCancellable *cancellable, GError **error)
{
  ObS3Store *self = OB_S3_STORE (store);
  const struct iovec nothing = { (void *) "", 0 };
  guint64 size = 0;

  for (gsize i = 0; i < n_parts; i++)
    size += parts[i].iov_len;
  if (size > MAX_OBJECT)
    {
      g_set_error (error, OB_ERROR, OB_ERROR_NOT_SUPPORTED,
                   "%s has %" G_GUINT64_FORMAT " bytes; S3 takes at most 5 GiB at once", name,
                   size);
      return FALSE;
    }
  if (n_parts == 0)
    {
      parts = &nothing;
      n_parts = 1;
    }
  if ((flags & OB_STORE_PUT_DEFERRED) != 0)
    return ob_upload_queue_add (self->uploads, name, parts, n_parts, cancellable, error);
  return put_now (self, name, parts, n_parts, flags, cancellable, error);
}

static gboolean
ob_s3_store_flush (ObStore *store, GCancellable *cancellable, GError **error)
{
  return ob_upload_queue_flush (OB_S3_STORE (store)->uploads, cancellable, error);
}

static gssize
ob_s3_store_read (ObStore *store, const char *name, guint64 offset, void *buffer, gsize size,
                  GCancellable *cancellable, GError **error)
{
  ObS3Store *self = OB_S3_STORE (store);

  if (size == 0)
    return ob_store_stat (store, name, NULL, cancellable, error) ? 0 : -1;
  if (offset > G_MAXINT64 - size)
    return 0;
  /* Packs never change, and are what is read in pieces. */
  if (g_str_has_prefix (name, "data/"))
    return read_pack (self, name, offset, buffer, size, cancellable, error);
  return read_range (self, name, offset, buffer, size, cancellable, error);
}

static GBytes *
ob_s3_store_get (ObStore *store, const char *name, gsize max, GCancellable *cancellable,
                 GError **error)
{
  ObS3Store *self = OB_S3_STORE (store);
  g_autofree char *key = get_key (self, name);
  const ObS3Request request = { .method = "GET", .key = key, .query = "", .max = max,
                                .verb = "read", .action = "s3:GetObject" };
  g_auto (ObHttpAnswer) answer = { 0 };

  if (!ob_s3_http_send (self->http, &request, &answer, cancellable, error))
    return NULL;
  if (answer.status == 200)
    return g_byte_array_free_to_bytes (g_steal_pointer (&answer.body));
  fail_answer (self, name, error);
  return NULL;
}

/* The first byte is asked for instead of a HEAD, whose refusal would not say why. */
static gboolean
ob_s3_store_stat (ObStore *store, const char *name, guint64 *size, GCancellable *cancellable,
                  GError **error)
{
  ObS3Store *self = OB_S3_STORE (store);
  g_autofree char *key = get_key (self, name);
  const ObAwsHeader header = { "Range", "bytes=0-0" };
  guint8 first;
  const ObS3Request request = { .method = "GET", .key = key, .query = "", .headers = &header,
                                .n_headers = 1, .buffer = &first, .max = 1, .accepted = 416,
                                .verb = "read", .action = "s3:GetObject" };
  g_auto (ObHttpAnswer) answer = { 0 };

  if (!ob_s3_http_send (self->http, &request, &answer, cancellable, error))
    return FALSE;
  if (answer.status == 206 && is_range (&answer, 0, 1) && answer.total > 0)
    *size = answer.total;
  else if (answer.status == 416 || answer.status == 200)
    *size = answer.status == 416 ? 0 : answer.size;
  else
    {
      fail_answer (self, name, error);
      return FALSE;
    }
  return TRUE;
}

/* One page. NULL on error. */
static ObS3Listing *
list_page (ObS3Store *self, const char *key_prefix, const char *token, GCancellable *cancellable,
           GError **error)
{
  g_autofree char *encoded = ob_aws_encode (key_prefix, FALSE);
  g_autofree char *encoded_token = token != NULL ? ob_aws_encode (token, FALSE) : NULL;
  g_autofree char *query
    = g_strconcat (token != NULL ? "continuation-token=" : "", token != NULL ? encoded_token : "",
                   token != NULL ? "&" : "", "list-type=2&prefix=", encoded, NULL);
  const ObS3Request request = { .method = "GET", .key = "", .query = query, .max = MAX_LISTING,
                                .verb = "listed", .action = "s3:ListBucket" };
  g_auto (ObHttpAnswer) answer = { 0 };
  ObS3Listing *listing;

  if (!ob_s3_http_send (self->http, &request, &answer, cancellable, error))
    return NULL;
  listing = ob_s3_listing_parse ((const char *) answer.body->data, answer.body->len);
  if (listing == NULL)
    fail_answer (self, "The list of objects", error);
  return listing;
}

/* Hands the objects of a page on. *@more: whether the caller wants more. */
static gboolean
hand_on (ObS3Store *self, const ObS3Listing *listing, const char *key_prefix, ObStoreListFunc func,
         gpointer user_data, gboolean *more, GError **error)
{
  for (guint i = 0; *more && i < listing->objects->len; i++)
    {
      const ObS3ListedObject *object = &g_array_index (listing->objects, ObS3ListedObject, i);

      if (!g_str_has_prefix (object->key, key_prefix))
        {
          fail_answer (self, "The list of objects", error);
          return FALSE;
        }
      /* Some programs make an empty object for what they show as a directory. */
      if (!g_str_has_suffix (object->key, "/"))
        *more = func (object->key + strlen (self->prefix), object->size, user_data);
    }
  return TRUE;
}

static gboolean
ob_s3_store_list (ObStore *store, const char *directory, ObStoreListFunc func, gpointer user_data,
                  GCancellable *cancellable, GError **error)
{
  ObS3Store *self = OB_S3_STORE (store);
  g_autofree char *key_prefix = g_strconcat (self->prefix, directory, "/", NULL);
  g_autofree char *token = NULL;
  guint64 count = 0;
  guint n_empty = 0;
  gboolean more = TRUE;

  while (more)
    {
      g_autoptr (ObS3Listing) listing
        = list_page (self, key_prefix, token, cancellable, error);

      if (listing == NULL
          || !hand_on (self, listing, key_prefix, func, user_data, &more, error))
        return FALSE;
      count += listing->objects->len;
      n_empty += listing->objects->len == 0 ? 1 : 0;
      more = more && listing->next != NULL;
      /* A list that leads nowhere would never come to an end. */
      if (more && (n_empty > MAX_EMPTY_PAGES || count > MAX_OBJECTS
                   || g_strcmp0 (listing->next, token) == 0))
        {
          fail_answer (self, "The list of objects", error);
          return FALSE;
        }
      g_free (token);
      token = g_steal_pointer (&listing->next);
    }
  return TRUE;
}

static gboolean
ob_s3_store_remove (ObStore *store, const char *name, GCancellable *cancellable, GError **error)
{
  ObS3Store *self = OB_S3_STORE (store);
  g_autofree char *key = get_key (self, name);
  const ObS3Request request = { .method = "DELETE", .key = key, .query = "",
                                .max = OB_HTTP_MAX_REFUSAL, .verb = "removed",
                                .action = "s3:DeleteObject" };
  g_autoptr (GError) local = NULL;
  g_auto (ObHttpAnswer) answer = { 0 };

  ob_read_ahead_forget (self->ahead, name);
  if (ob_s3_http_send (self->http, &request, &answer, cancellable, &local)
      || g_error_matches (local, OB_ERROR, OB_ERROR_NOT_FOUND))
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&local));
  return FALSE;
}

static gboolean
ob_s3_store_space (ObStore *store, guint64 *free_bytes, guint64 *total_bytes,
                   GCancellable *cancellable, GError **error)
{
  *free_bytes = G_MAXUINT64;
  *total_bytes = G_MAXUINT64;
  return TRUE;
}

/* There are no directories in a bucket. */
static gboolean
ob_s3_store_prepare (ObStore *store, GCancellable *cancellable, GError **error)
{
  return TRUE;
}

static char *
ob_s3_store_describe (ObStore *store)
{
  return g_strdup (OB_S3_STORE (store)->where);
}

static gboolean
ob_s3_store_has_failed (ObStore *store)
{
  return ob_upload_queue_has_failed (OB_S3_STORE (store)->uploads);
}

static guint
ob_s3_store_get_reads_at_once (ObStore *store)
{
  return OB_S3_STORE (store)->n_connections;
}

static char *
ob_s3_store_get_waiting (ObStore *store, gint64 *since)
{
  return ob_s3_http_get_waiting (OB_S3_STORE (store)->http, since);
}

static gboolean
ob_s3_store_purge (ObStore *store, const char *name, GCancellable *cancellable, GError **error)
{
  g_autofree char *key = get_key (OB_S3_STORE (store), name);

  return ob_s3_versions_remove (OB_S3_STORE (store)->http, key, cancellable, error);
}

static void
ob_s3_store_checkup (ObStore *store, ObCheckup *checkup)
{
  ob_s3_checkup (OB_S3_STORE (store)->settings, OB_S3_STORE (store)->http, checkup);
}

static guint64
ob_s3_store_get_requests (ObStore *store)
{
  return ob_s3_http_get_requests (OB_S3_STORE (store)->http);
}

static guint
ob_s3_store_get_lock_days (ObStore *store)
{
  return ob_s3_lock_get_days (OB_S3_STORE (store)->lock);
}

static gboolean
ob_s3_store_can_lock (ObStore *store, gboolean *can, GCancellable *cancellable, GError **error)
{
  return ob_s3_lock_is_there (OB_S3_STORE (store)->lock, can, cancellable, error);
}

static gboolean
ob_s3_store_get_lock (ObStore *store, const char *name, gint64 *until, GCancellable *cancellable,
                      GError **error)
{
  ObS3Store *self = OB_S3_STORE (store);
  g_autofree char *key = get_key (self, name);

  return ob_s3_lock_get (self->lock, key, until, cancellable, error);
}

static gboolean
ob_s3_store_extend_lock (ObStore *store, const char *name, gint64 until, gboolean *changed,
                         GCancellable *cancellable, GError **error)
{
  ObS3Store *self = OB_S3_STORE (store);
  g_autofree char *key = get_key (self, name);

  return ob_s3_lock_extend (self->lock, key, until, get_extra (self, name), changed, cancellable,
                            error);
}

static void
ob_s3_store_finalize (GObject *object)
{
  ObS3Store *self = OB_S3_STORE (object);

  ob_upload_queue_free (self->uploads);
  ob_read_ahead_free (self->ahead);
  ob_s3_lock_free (self->lock);
  ob_s3_http_free (self->http);
  ob_s3_settings_free (self->settings);
  g_free (self->where);
  g_free (self->prefix);
  g_free (self->storage_class);
  g_free (self->encryption);
  g_free (self->kms_key);
  G_OBJECT_CLASS (ob_s3_store_parent_class)->finalize (object);
}

static void
ob_s3_store_class_init (ObS3StoreClass *klass)
{
  ObStoreClass *store_class = OB_STORE_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = ob_s3_store_finalize;
  store_class->put = ob_s3_store_put;
  store_class->flush = ob_s3_store_flush;
  store_class->read = ob_s3_store_read;
  store_class->get = ob_s3_store_get;
  store_class->stat = ob_s3_store_stat;
  store_class->list = ob_s3_store_list;
  store_class->remove = ob_s3_store_remove;
  store_class->space = ob_s3_store_space;
  store_class->prepare = ob_s3_store_prepare;
  store_class->describe = ob_s3_store_describe;
  store_class->has_failed = ob_s3_store_has_failed;
  store_class->get_reads_at_once = ob_s3_store_get_reads_at_once;
  store_class->get_waiting = ob_s3_store_get_waiting;
  store_class->purge = ob_s3_store_purge;
  store_class->checkup = ob_s3_store_checkup;
  store_class->get_requests = ob_s3_store_get_requests;
  store_class->get_lock_days = ob_s3_store_get_lock_days;
  store_class->can_lock = ob_s3_store_can_lock;
  store_class->get_lock = ob_s3_store_get_lock;
  store_class->extend_lock = ob_s3_store_extend_lock;
}

static void
ob_s3_store_init (ObS3Store *self)
{
}

/* public methods */

ObStore *
ob_s3_store_new (const ObS3Settings *settings, ObAwsCredentials *credentials,
                 const ObS3Limits *limits, GError **error)
{
  ObS3Http *http = ob_s3_http_new (settings, credentials, limits, error);
  const char *prefix = ob_s3_settings_get (settings, "prefix");
  ObS3Store *self;

  if (http == NULL)
    return NULL;
  self = g_object_new (OB_TYPE_S3_STORE, NULL);
  self->http = http;
  self->settings = ob_s3_settings_copy (settings);
  self->lock = ob_s3_lock_new (http, settings);
  self->where = ob_s3_settings_describe (settings);
  self->prefix = prefix != NULL ? g_strconcat (prefix, "/", NULL) : g_strdup ("");
  self->storage_class = g_strdup (ob_s3_settings_get (settings, "storage-class"));
  self->encryption = g_strdup (ob_s3_settings_get (settings, "encryption"));
  self->kms_key = g_strdup (ob_s3_settings_get (settings, "kms-key"));
  self->n_connections = ob_s3_settings_get_connections (settings);
  self->ahead = ob_read_ahead_new (self->n_connections);
  self->uploads = ob_upload_queue_new (self->n_connections, upload, self);
  return OB_STORE (self);
}

ObS3Http *
ob_s3_store_get_http (ObS3Store *store)
{
  return store->http;
}
