/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-pack-check.h"

#include <string.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "ob-error.h"
#include "ob-hasher.h"
#include "ob-wait.h"

/* Bytes read at a time: they are hashed while the processor's cache holds them. */
#define PIECE (256 * 1024)

/* Blobs that lie together are read together up to this. */
#define RUN_LENGTH (1024 * 1024)

/* Blobs above this, sealed or plain, are rare: no writer of files makes them, but the tree of a
 * huge directory may be one. */
#define COMMON_SIZE (8 * 1024 * 1024 + 64 * 1024)

/* What the window of a frame may take where it is uncompressed in pieces: 8 MiB, as the usual
 * levels have it at most. */
#define MAX_WINDOW_LOG 23

/* What a disk that fails at a place loses there, at least. */
#define SECTOR 4096

/* Where so many fail one behind the other, each after many seconds, the disk is dead there: of each
 * stretch one is tried, until one is read again. */
#define MAX_FAILED_SECTORS 16
#define STRETCH (64 * 1024)

/* Read at the end of a pack for its header. */
#define TAIL (8 * 1024)
#define MAX_HEADER_SIZE (16 * 1024 * 1024)

typedef struct
{
  guint8 *data;
  gsize room;
} Buffer;

struct _ObPackCheck
{
  ObRepository *repository;
  pthread_mutex_t *large;
  ObProgress *progress;
  ObCrypto *crypto;
  ObHasher *pack_hasher;
  ObHasher *blob_hasher;
  ZSTD_DCtx *context;
  Buffer sealed;
  Buffer plain;
};

/* One pack. */
typedef struct
{
  ObPackCheck *check;
  const char *name;
  guint64 size;
  guint64 position; /* read and hashed so far */
  GError *failure;  /* of the first read that failed */
  guint n_failed;   /* sectors in a row */
  guint64 tried;    /* number of the stretch of the last one, counted from 1 */
  ObPackFindings *findings;
  GCancellable *cancellable;
} Pass;

ObPackCheck *
ob_pack_check_new (ObRepository *repository, pthread_mutex_t *large, ObProgress *progress)
{
  ObPackCheck *self = g_new0 (ObPackCheck, 1);

  self->repository = ob_repository_ref (repository);
  self->large = large;
  self->progress = progress;
  self->crypto = ob_crypto_new (ob_repository_get_key (repository));
  self->pack_hasher = ob_hasher_new ();
  self->blob_hasher = ob_hasher_new ();
  self->context = ZSTD_createDCtx ();
  if (self->context == NULL)
    g_error ("zstd offers no context");
  ZSTD_DCtx_setParameter (self->context, ZSTD_d_windowLogMax, MAX_WINDOW_LOG);
  return self;
}

void
ob_pack_check_free (ObPackCheck *self)
{
  g_free (self->sealed.data);
  g_free (self->plain.data);
  ZSTD_freeDCtx (self->context);
  ob_hasher_free (self->blob_hasher);
  ob_hasher_free (self->pack_hasher);
  ob_crypto_free (self->crypto);
  ob_repository_unref (self->repository);
  g_free (self);
}

void
ob_pack_findings_clear (ObPackFindings *findings)
{
  g_clear_pointer (&findings->header, g_array_unref);
  g_clear_pointer (&findings->header_problem, g_free);
  g_clear_pointer (&findings->read_problem, g_free);
  g_clear_pointer (&findings->bad, g_array_unref);
  g_clear_pointer (&findings->good, g_array_unref);
}

static guint8 *
make_room (Buffer *buffer, gsize size)
{
  if (buffer->room < size)
    {
      g_free (buffer->data);
      buffer->data = g_malloc (size);
      buffer->room = size;
    }
  return buffer->data;
}

static void
let_go (Buffer *buffer)
{
  g_clear_pointer (&buffer->data, g_free);
  buffer->room = 0;
}

/* internal: reading */

/* Whether other bytes of the pack may be had where these cannot. What is far away is no disk: a
 * server gives an object, or does not. */
static gboolean
may_lack_sectors (Pass *pass, const GError *failure)
{
  ObRepository *repository = pass->check->repository;

  return g_error_matches (failure, OB_ERROR, OB_ERROR_DESTINATION_UNAVAILABLE)
         && ob_store_get_reads_at_once (ob_repository_get_store (repository)) <= 1
         && ob_repository_confirm (repository, pass->cancellable, NULL);
}

static gboolean
is_dead_zone (const Pass *pass)
{
  return pass->n_failed >= MAX_FAILED_SECTORS;
}

/* Whether the sector at @offset is worth a try. */
static gboolean
is_to_try (Pass *pass, guint64 offset)
{
  guint64 stretch = offset / STRETCH + 1;

  if (is_dead_zone (pass) && stretch == pass->tried)
    return FALSE;
  pass->tried = stretch;
  return TRUE;
}

/* Reads once more, sector by sector, what the store could not give at once. What it does not give
 * now either is zeros, and counted in *@lost: nothing is sealed to zeros, so what should lie there
 * is not taken for sound. */
static gssize
read_sectors (Pass *pass, guint64 offset, guint8 *buffer, gsize size, guint64 *lost,
              GError **error)
{
  ObStore *store = ob_repository_get_store (pass->check->repository);
  gsize wanted;

  for (gsize done = 0; done < size; done += wanted)
    {
      g_autoptr (GError) failure = NULL;
      gboolean tried = is_to_try (pass, offset + done);
      gssize n = -1;

      wanted = MIN (size - done, SECTOR - (gsize) ((offset + done) % SECTOR));
      if (tried && ob_check_cancelled (pass->cancellable, &failure))
        n = ob_store_read (store, pass->name, offset + done, buffer + done, wanted,
                           pass->cancellable, &failure);
      pass->n_failed = n >= 0 ? 0 : pass->n_failed + 1;
      if (n >= 0 && (gsize) n < wanted)
        return (gssize) done + n;
      if (n >= 0)
        continue;
      if (tried && !g_error_matches (failure, OB_ERROR, OB_ERROR_DESTINATION_UNAVAILABLE))
        {
          g_propagate_error (error, g_steal_pointer (&failure));
          return -1;
        }
      memset (buffer + done, 0, wanted);
      *lost += wanted;
    }
  return (gssize) size;
}

/* As ob_store_read(), but where a disk fails to give some sectors all others are read. */
static gssize
read_piece (Pass *pass, guint64 offset, guint8 *buffer, gsize size, guint64 *lost, GError **error)
{
  ObRepository *repository = pass->check->repository;
  g_autoptr (GError) failure = NULL;
  guint64 n_lost = 0;
  gssize n = -1;

  if (is_dead_zone (pass))
    failure = g_error_copy (pass->failure);
  else
    n = ob_store_read (ob_repository_get_store (repository), pass->name, offset, buffer, size,
                       pass->cancellable, &failure);
  if (n >= 0)
    {
      pass->n_failed = 0;
      return n;
    }
  if (may_lack_sectors (pass, failure))
    {
      n = read_sectors (pass, offset, buffer, size, &n_lost, error);
      if (n < 0)
        return -1;
      *lost += n_lost;
      /* Else it has gone away meanwhile. */
      if (n_lost == 0 || ob_repository_confirm (repository, pass->cancellable, NULL))
        {
          if (pass->failure == NULL)
            pass->failure = g_steal_pointer (&failure);
          return n;
        }
    }
  g_propagate_error (error, g_steal_pointer (&failure));
  return -1;
}

/* internal: the header */

static void
set_header_error (GError **error)
{
  g_set_error_literal (error, OB_ERROR, OB_ERROR_CORRUPT,
                       "The length of the header of the pack makes no sense");
}

/* Reads @size bytes that end where the pack does; NULL on error. */
static guint8 *
read_tail (Pass *pass, gsize size, GError **error)
{
  g_autofree guint8 *tail = g_malloc (size);
  guint64 lost = 0;
  gssize n = read_piece (pass, pass->size - size, tail, size, &lost, error);

  /* What comes next lies somewhere else. */
  pass->n_failed = 0;
  if (n >= 0 && (gsize) n < size)
    g_set_error_literal (error, OB_ERROR, OB_ERROR_CORRUPT, "The pack is cut short");
  return n == (gssize) size ? g_steal_pointer (&tail) : NULL;
}

/* NULL with CORRUPT, or an error of the store. */
static GArray *
read_header (Pass *pass, GError **error)
{
  guint64 size = pass->size;
  gsize n = (gsize) MIN (size, TAIL);
  g_autofree guint8 *tail = NULL;
  guint32 length;
  GArray *entries;

  if (size < OB_CRYPTO_OVERHEAD + sizeof length)
    {
      set_header_error (error);
      return NULL;
    }
  tail = read_tail (pass, n, error);
  if (tail == NULL)
    return NULL;

  memcpy (&length, tail + n - sizeof length, sizeof length);
  length = GUINT32_FROM_LE (length);
  if (length < OB_CRYPTO_OVERHEAD || length > MAX_HEADER_SIZE || length + sizeof length > size)
    {
      set_header_error (error);
      return NULL;
    }
  if (length + sizeof length > n)
    {
      g_free (tail);
      n = length + sizeof length;
      tail = read_tail (pass, n, error);
      if (tail == NULL)
        return NULL;
    }

  entries = ob_pack_parse_header (pass->check->crypto, tail + n - sizeof length - length, length,
                                  size, error);
  if (entries != NULL)
    g_array_sort (entries, ob_pack_entry_compare);
  return entries;
}

/* internal: the blobs */

static gboolean
hash_at_once (ObPackCheck *self, const ObPackEntry *entry, const guint8 *opened, gsize size,
              ObId *id)
{
  guint8 *plain = make_room (&self->plain, entry->plain_length);

  if (ZSTD_decompressDCtx (self->context, plain, entry->plain_length, opened, size)
      != entry->plain_length)
    return FALSE;
  ob_hasher_run (self->blob_hasher, plain, entry->plain_length, id);
  return TRUE;
}

/* What is too large for a buffer of its own is hashed as it is uncompressed; all the same at once
 * where its window is as large as itself. */
static gboolean
hash_in_pieces (ObPackCheck *self, const ObPackEntry *entry, const guint8 *opened, gsize size,
                ObId *id)
{
  ZSTD_inBuffer in = { .src = opened, .size = size };
  guint8 *piece = make_room (&self->plain, PIECE);
  guint64 total = 0;
  size_t left = 1;

  ZSTD_DCtx_reset (self->context, ZSTD_reset_session_only);
  while (left != 0 && !ZSTD_isError (left))
    {
      ZSTD_outBuffer out = { .dst = piece, .size = PIECE };
      size_t before = in.pos;

      left = ZSTD_decompressStream (self->context, &out, &in);
      if (ZSTD_isError (left) || (out.pos == 0 && in.pos == before)
          || total + out.pos > entry->plain_length)
        break;
      total += out.pos;
      ob_hasher_update (self->blob_hasher, piece, out.pos);
    }
  ob_hasher_finish (self->blob_hasher, id);
  if (ZSTD_isError (left)
      && ZSTD_getErrorCode (left) == ZSTD_error_frameParameter_windowTooLarge)
    return hash_at_once (self, entry, opened, size, id);
  return left == 0 && in.pos == size && total == entry->plain_length;
}

/* The SHA-256 of an opened blob's plain bytes; FALSE where it does not uncompress. */
static gboolean
hash_plain (ObPackCheck *self, const ObPackEntry *entry, const guint8 *opened, ObId *id)
{
  gsize size = entry->length - OB_CRYPTO_OVERHEAD;

  if (entry->plain_length == 0)
    {
      ob_hasher_run (self->blob_hasher, opened, size, id);
      return TRUE;
    }
  return entry->plain_length > COMMON_SIZE ? hash_in_pieces (self, entry, opened, size, id)
                                           : hash_at_once (self, entry, opened, size, id);
}

/* @sealed is overwritten. */
static gboolean
is_sound (ObPackCheck *self, const ObPackEntry *entry, guint8 *sealed)
{
  ObId id;

  return ob_crypto_open (self->crypto, sealed, entry->length, sealed + OB_CRYPTO_OVERHEAD / 2)
         && hash_plain (self, entry, sealed + OB_CRYPTO_OVERHEAD / 2, &id)
         && ob_id_equal (&id, &entry->id);
}

static void
add_entry (Pass *pass, gboolean good, const ObPackEntry *entry)
{
  g_array_append_vals (good ? pass->findings->good : pass->findings->bad, entry, 1);
}

/* internal: the pass */

/* Reads and hashes the next @size bytes into @buffer; *@n smaller only where the pack ends
 * early. */
static gboolean
read_next (Pass *pass, guint8 *buffer, gsize size, gsize *n, GError **error)
{
  for (*n = 0; *n < size;)
    {
      gsize wanted = MIN (size - *n, PIECE);
      gssize got = read_piece (pass, pass->position, buffer + *n, wanted,
                               &pass->findings->unreadable, error);

      if (got < 0)
        return FALSE;
      ob_hasher_update (pass->check->pack_hasher, buffer + *n, (gsize) got);
      ob_progress_add_done (pass->check->progress, (guint64) got);
      pass->position += (guint64) got;
      *n += (gsize) got;
      if ((gsize) got < wanted)
        return TRUE;
    }
  return TRUE;
}

/* What no blob lies in: a gap, or the header. */
static gboolean
pass_over (Pass *pass, guint64 end, GError **error)
{
  guint8 *buffer = make_room (&pass->check->sealed, PIECE);

  while (pass->position < end)
    {
      gsize wanted = (gsize) MIN (end - pass->position, PIECE);
      gsize n;

      if (!read_next (pass, buffer, wanted, &n, error))
        return FALSE;
      if (n < wanted)
        return TRUE;
    }
  return TRUE;
}

static gboolean
is_large (const ObPackEntry *entry)
{
  return entry->length > COMMON_SIZE || entry->plain_length > COMMON_SIZE;
}

/* How many of the entries from @first on lie one behind the other and are read at once; *@length is
 * their bytes. */
static guint
measure_run (GArray *entries, guint first, gsize *length)
{
  const ObPackEntry *entry = &g_array_index (entries, ObPackEntry, first);
  guint64 end = (guint64) entry->offset + entry->length;
  guint n = 1;

  *length = entry->length;
  for (guint i = first + 1; i < entries->len; i++, n++)
    {
      entry = &g_array_index (entries, ObPackEntry, i);
      if (entry->offset != end || *length + entry->length > RUN_LENGTH || is_large (entry))
        break;
      *length += entry->length;
      end += entry->length;
    }
  return n;
}

static gboolean
check_run (Pass *pass, const ObPackEntry *entries, guint n, gsize length, GError **error)
{
  guint8 *sealed = make_room (&pass->check->sealed, MAX (length, RUN_LENGTH));
  gsize begin = 0;
  gsize got;

  if (!read_next (pass, sealed, length, &got, error))
    return FALSE;
  for (guint i = 0; i < n; i++)
    {
      const ObPackEntry *entry = &entries[i];

      add_entry (pass,
                 begin + entry->length <= got && is_sound (pass->check, entry, sealed + begin),
                 entry);
      begin += entry->length;
    }
  return TRUE;
}

/* One blob beyond the common sizes, for which one thread at a time has memory. */
static gboolean
check_large (Pass *pass, const ObPackEntry *entry, GError **error)
{
  gboolean ok;

  pthread_mutex_lock (pass->check->large);
  ok = check_run (pass, entry, 1, entry->length, error);
  let_go (&pass->check->sealed);
  let_go (&pass->check->plain);
  pthread_mutex_unlock (pass->check->large);
  return ok;
}

static gboolean
check_entries (Pass *pass, GArray *entries, GError **error)
{
  gsize length;
  guint n;

  for (guint i = 0; i < entries->len; i += n)
    {
      const ObPackEntry *entry = &g_array_index (entries, ObPackEntry, i);
      guint64 end = (guint64) entry->offset + entry->length;
      gboolean ok;

      n = 1;
      /* What only the index tells of may lie across another one, or behind the end. */
      if (entry->offset < pass->position || end > pass->size)
        {
          add_entry (pass, FALSE, entry);
          continue;
        }
      if (!pass_over (pass, entry->offset, error))
        return FALSE;
      if (is_large (entry))
        ok = check_large (pass, entry, error);
      else
        {
          n = measure_run (entries, i, &length);
          ok = check_run (pass, entry, n, length, error);
        }
      if (!ok)
        return FALSE;
    }
  return TRUE;
}

/* A damaged header is a finding; a store that does not answer is an error. */
static gboolean
find_header (Pass *pass, GError **error)
{
  g_autoptr (GError) failure = NULL;

  pass->findings->header = read_header (pass, &failure);
  if (failure == NULL)
    return TRUE;
  if (!g_error_matches (failure, OB_ERROR, OB_ERROR_CORRUPT))
    {
      g_propagate_error (error, g_steal_pointer (&failure));
      return FALSE;
    }
  pass->findings->header_problem
    = g_strdup (pass->failure != NULL ? pass->failure->message : failure->message);
  return TRUE;
}

/* A pack of which nothing can be read says nothing: that is as if it could not be opened. */
static gboolean
settle_failure (Pass *pass, GError **error)
{
  ObPackFindings *findings = pass->findings;

  if (pass->failure == NULL)
    return TRUE;
  if (findings->unreadable < pass->position)
    {
      findings->read_problem = g_strdup (pass->failure->message);
      return TRUE;
    }
  g_propagate_error (error, g_steal_pointer (&pass->failure));
  return FALSE;
}

/* public methods */

GArray *
ob_pack_check_read_header (ObPackCheck *self, const ObId *pack, guint64 size,
                           GCancellable *cancellable, GError **error)
{
  g_autofree char *name = ob_pack_get_name (pack);
  Pass pass = { .check = self, .name = name, .size = size, .cancellable = cancellable };
  GArray *entries = read_header (&pass, error);

  g_clear_error (&pass.failure);
  return entries;
}

gboolean
ob_pack_check_run (ObPackCheck *self, const ObId *pack, guint64 size, GArray *listed,
                   ObPackFindings *findings, GCancellable *cancellable, GError **error)
{
  g_autofree char *name = ob_pack_get_name (pack);
  Pass pass = { .check = self,
                .name = name,
                .size = size,
                .findings = findings,
                .cancellable = cancellable };
  ObId actual;
  gboolean ok;

  *findings = (ObPackFindings){ .bad = g_array_new (FALSE, FALSE, sizeof (ObPackEntry)),
                                .good = g_array_new (FALSE, FALSE, sizeof (ObPackEntry)) };
  ok = find_header (&pass, error)
       && check_entries (&pass, findings->header != NULL ? findings->header : listed, error)
       && pass_over (&pass, size, error) && settle_failure (&pass, error);
  ob_hasher_finish (self->pack_hasher, &actual);
  findings->size = pass.position;
  findings->hash_is_right
    = ok && findings->unreadable == 0 && ob_id_equal (&actual, pack);
  g_clear_error (&pass.failure);
  return ok;
}
