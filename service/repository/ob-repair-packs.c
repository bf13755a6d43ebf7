/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "ob-error.h"
#include "ob-pack.h"
#include "ob-packer.h"
#include "ob-repair.h"

/* As in an index file. */
#define MAX_BLOBS 50000

/* Copies of one blob that are looked for. */
#define MAX_COPIES 8

typedef struct
{
  ObRepair *repair;
  ObPackCheck *check;
  ObBlobReader *reader;
  ObFirstError *first_error;
  ObPacker *packer;     /* of what is rescued */
  GHashTable *rescued[2]; /* by ObBlobType: of ObId */
  GPtrArray *old_index; /* names of the index files that there were */
  GPtrArray *old_packs; /* names of packs that are replaced */
  GArray *packs;        /* of ObId: for the next index file */
  GPtrArray *entries;   /* of GArray of ObPackEntry, beside them */
  guint n_blobs;        /* in entries */
  guint8 *buffer;
  gsize room;
} Work;

/* internal methods: the new index */

static gboolean
save_index (Work *work, GError **error)
{
  ObRepair *repair = work->repair;

  if (work->packs->len == 0)
    return TRUE;
  if (!ob_repair_check_lock (repair, error)
      || !ob_repository_save_index (repair->repository, (const ObId *) (gpointer) work->packs->data,
                                    (GArray *const *) work->entries->pdata, work->packs->len,
                                    repair->cancellable, error))
    return FALSE;
  g_array_set_size (work->packs, 0);
  g_ptr_array_set_size (work->entries, 0);
  work->n_blobs = 0;
  repair->repairs->index_files++;
  return TRUE;
}

/* @entries: transfer full. */
static gboolean
index_pack (Work *work, const ObId *pack, GArray *entries, GError **error)
{
  if (work->n_blobs > 0 && work->n_blobs + entries->len > MAX_BLOBS && !save_index (work, error))
    {
      g_array_unref (entries);
      return FALSE;
    }
  g_array_append_vals (work->packs, pack, 1);
  g_ptr_array_add (work->entries, entries);
  work->n_blobs += entries->len;
  return TRUE;
}

/* internal methods: rescuing */

/* Whether a sound pack of the former index holds the blob, too. */
static gboolean
is_elsewhere (Work *work, const ObPackEntry *entry)
{
  ObVerify *verify = work->repair->verify;
  guint32 numbers[MAX_COPIES];
  gsize n = ob_index_find (verify->index, entry->type, &entry->id, numbers, MAX_COPIES);
  ObIndexPlace place;

  for (gsize i = 0; i < n; i++)
    if (!ob_bitmap_test (verify->bad_places[entry->type], numbers[i])
        && ob_index_get_place (verify->index, entry->type, numbers[i], &place)
        && place.pack < verify->n_packs && !ob_bitmap_test (verify->bad_packs, place.pack))
      return TRUE;
  return FALSE;
}

/* A sealed blob is moved as it is: its seal says nothing of where it lies. It is opened once more,
 * since the disk that damaged its neighbours gives it a second time. */
static gboolean
move_blob (Work *work, const ObId *pack, const ObPackEntry *entry, GError **error)
{
  ObBlobLocation location = { .pack = *pack,
                              .offset = entry->offset,
                              .length = entry->length,
                              .plain_length = entry->plain_length };
  g_autofree guint8 *copy = NULL;
  ObPackSlot slot;
  gsize size;

  if (work->room < entry->length)
    {
      g_free (work->buffer);
      work->buffer = g_malloc (entry->length);
      work->room = entry->length;
    }
  if (!ob_blob_reader_read_range (work->reader, pack, entry->offset, work->buffer, entry->length,
                                  work->repair->cancellable, error))
    return FALSE;
  copy = g_memdup2 (work->buffer, entry->length);
  if (ob_blob_reader_open (work->reader, &entry->id, &location, copy, &size, error) == NULL)
    return FALSE;
  if (!ob_packer_reserve (work->packer, entry->type, &entry->id, entry->length, entry->plain_length,
                          &slot))
    return ob_first_error_check (work->first_error, error);
  memcpy (slot.at, work->buffer, entry->length);
  ob_packer_commit (work->packer, &slot);
  return TRUE;
}

static gboolean
rescue (Work *work, const ObId *pack, GArray *good, GError **error)
{
  for (guint i = 0; i < good->len; i++)
    {
      const ObPackEntry *entry = &g_array_index (good, ObPackEntry, i);

      if (g_hash_table_contains (work->rescued[entry->type], &entry->id)
          || is_elsewhere (work, entry))
        continue;
      if (!move_blob (work, pack, entry, error))
        return FALSE;
      g_hash_table_add (work->rescued[entry->type], g_memdup2 (&entry->id, sizeof entry->id));
      work->repair->repairs->blobs_rescued++;
    }
  return TRUE;
}

/* A lack of memory or descriptors is one of this host, and says nothing of the pack. */
static gboolean
is_loss (Work *work, GError **failure, GError **error)
{
  if (!g_error_matches (*failure, OB_ERROR, OB_ERROR_FAILED))
    return ob_verify_is_damage (work->repair->verify, failure, error);
  g_propagate_error (error, g_steal_pointer (failure));
  return FALSE;
}

/* A pack that is damaged, or in no index. */
typedef struct
{
  ObId id;
  guint64 size;   /* as listed; OB_VERIFY_NOT_THERE */
  GArray *listed; /* of ObPackEntry: what the index has in it */
  GArray *sound;  /* of them: what the verification found good */
} Suspect;

/* What is to become of it. */
typedef enum
{
  FATE_KEEP,    /* it is sound: it comes into the index */
  FATE_REPLACE, /* what is good of it was rescued */
  FATE_RESCUED, /* the same, but the file stays: another time the disk may give the rest */
  FATE_LEAVE,   /* nothing of it can be had now; the file stays where it is */
} Fate;

static void
set_doubtful (const ObId *pack, GError **error)
{
  char hex[OB_ID_HEX_SIZE];

  ob_id_to_hex (pack, hex);
  g_set_error (error, OB_ERROR, OB_ERROR_CORRUPT,
               OB_VERIFY_STRICT_ADVICE
               "Pack %s was read differently twice: what was good in it at first is not any more. "
               "The disk, or the way to it, may be failing",
               hex);
}

/* A list may have left a pack out, or given it the wrong size, this once. */
static gboolean
confirm_size (Work *work, const Suspect *suspect, GError **error)
{
  g_autofree char *name = ob_pack_get_name (&suspect->id);
  g_autoptr (GError) failure = NULL;
  guint64 size;

  if (!ob_store_stat (ob_repository_get_store (work->repair->repository), name, &size,
                      work->repair->cancellable, &failure))
    {
      if (!g_error_matches (failure, OB_ERROR, OB_ERROR_NOT_FOUND))
        {
          g_propagate_error (error, g_steal_pointer (&failure));
          return FALSE;
        }
      size = OB_VERIFY_NOT_THERE;
    }
  if (size == suspect->size)
    return TRUE;
  g_set_error (error, OB_ERROR, OB_ERROR_CORRUPT,
               OB_VERIFY_STRICT_ADVICE
               "The destination answered differently twice whether %s is there, and how long it is",
               name);
  return FALSE;
}

/* Whether all that is good now was so before: a disk that does not always say the same may give the
 * rest another time. */
static gboolean
are_among (GArray *entries, GArray *sound)
{
  for (guint i = 0; i < entries->len; i++)
    if (!ob_pack_entry_is_among (sound, &g_array_index (entries, ObPackEntry, i)))
      return FALSE;
  return TRUE;
}

/* One reading alone says nothing against what another one found good. */
static gboolean
count_lost (Work *work, const Suspect *suspect, GArray *bad, GError **error)
{
  for (guint i = 0; i < bad->len; i++)
    {
      const ObPackEntry *entry = &g_array_index (bad, ObPackEntry, i);

      if (ob_pack_entry_is_among (suspect->sound, entry))
        {
          set_doubtful (&suspect->id, error);
          return FALSE;
        }
      if (!is_elsewhere (work, entry))
        work->repair->repairs->blobs_lost++;
    }
  return TRUE;
}

static gboolean
settle_pack (Work *work, const Suspect *suspect, GArray **header, Fate *fate, GError **error)
{
  g_auto (ObPackFindings) findings = { 0 };
  g_autoptr (GError) failure = NULL;

  *fate = FATE_LEAVE;
  if (!confirm_size (work, suspect, error))
    return FALSE;
  if (suspect->size == OB_VERIFY_NOT_THERE)
    return TRUE;
  if (!ob_pack_check_run (work->check, &suspect->id, suspect->size, suspect->listed, &findings,
                          work->repair->cancellable, &failure))
    {
      if (!is_loss (work, &failure, error))
        return FALSE;
      if (suspect->sound->len > 0)
        set_doubtful (&suspect->id, error);
      return suspect->sound->len == 0;
    }
  if (findings.hash_is_right && findings.header != NULL && findings.bad->len == 0)
    {
      *header = g_steal_pointer (&findings.header);
      *fate = FATE_KEEP;
      return TRUE;
    }
  if (!count_lost (work, suspect, findings.bad, error))
    return FALSE;
  if (findings.good->len == 0 && findings.bad->len == 0)
    return TRUE;
  *fate = findings.unreadable > 0 || !are_among (findings.good, suspect->sound) ? FATE_RESCUED
                                                                                : FATE_REPLACE;
  return rescue (work, &suspect->id, findings.good, error);
}

static gboolean
repair_bad_pack (Work *work, guint32 number, GError **error)
{
  ObVerify *verify = work->repair->verify;
  ObVerifyRepairs *repairs = work->repair->repairs;
  g_autoptr (GArray) listed = ob_verify_get_listed (verify, number);
  g_autoptr (GArray) sound = ob_verify_get_sound (verify, number);
  Suspect suspect = { .size = verify->stored[number], .listed = listed, .sound = sound };
  GArray *header = NULL;
  guint64 expected;
  Fate fate;

  if (!ob_index_get_pack (verify->index, number, &suspect.id, &expected))
    return TRUE;
  if (!settle_pack (work, &suspect, &header, &fate, error))
    return FALSE;
  switch (fate)
    {
    case FATE_KEEP:
      repairs->packs_added++;
      return index_pack (work, &suspect.id, header, error);
    case FATE_REPLACE:
      repairs->packs_replaced++;
      g_ptr_array_add (work->old_packs, ob_pack_get_name (&suspect.id));
      return TRUE;
    case FATE_RESCUED:
      repairs->packs_replaced++;
      return TRUE;
    default:
      repairs->packs_dropped++;
      for (guint i = 0; i < listed->len; i++)
        if (!is_elsewhere (work, &g_array_index (listed, ObPackEntry, i)))
          repairs->blobs_lost++;
      return TRUE;
    }
}

/* A pack that no index that can be read lists. It is read for the first time, so whatever is wrong
 * with it the file stays. */
static gboolean
repair_unused_pack (Work *work, const ObUnusedPack *unused, GError **error)
{
  g_autoptr (GArray) none = g_array_new (FALSE, FALSE, sizeof (ObPackEntry));
  Suspect suspect = { .id = unused->id, .size = unused->size, .listed = none, .sound = none };
  GArray *header = NULL;
  Fate fate;

  if (!settle_pack (work, &suspect, &header, &fate, error))
    return FALSE;
  if (fate == FATE_RESCUED || fate == FATE_REPLACE)
    work->repair->repairs->packs_replaced++;
  if (fate != FATE_KEEP)
    return TRUE;
  work->repair->repairs->packs_added++;
  return index_pack (work, &unused->id, header, error);
}

/* internal methods: the order */

static gboolean
add_name (const char *name, guint64 size, gpointer user_data)
{
  ObId id;

  if (ob_id_from_name (name, &id))
    g_ptr_array_add (user_data, g_strdup (name));
  return TRUE;
}

static gboolean
settle_all (Work *work, GError **error)
{
  ObVerify *verify = work->repair->verify;

  for (guint32 i = 0; i < verify->n_packs; i++)
    {
      gboolean bad = ob_bitmap_test (verify->bad_packs, i);
      guint64 size;
      ObId id;

      if (!ob_check_cancelled (work->repair->cancellable, error))
        return FALSE;
      if (bad ? !repair_bad_pack (work, i, error)
              : ob_index_get_pack (verify->index, i, &id, &size)
                  && !index_pack (work, &id, ob_verify_get_listed (verify, i), error))
        return FALSE;
    }
  for (guint i = 0; i < verify->unused->len; i++)
    if (!repair_unused_pack (work, &g_array_index (verify->unused, ObUnusedPack, i), error))
      return FALSE;
  return TRUE;
}

static gboolean
remove_all (Work *work, GPtrArray *names, GError **error)
{
  ObStore *store = ob_repository_get_store (work->repair->repository);

  for (guint i = 0; i < names->len; i++)
    if (!ob_repair_check_lock (work->repair, error)
        || !ob_store_hide (store, g_ptr_array_index (names, i), work->repair->cancellable, error))
      return FALSE;
  return ob_store_flush (store, work->repair->cancellable, error);
}

/* New packs with their index, then the index of all others, both durable; only then does the former
 * index go, and at last what nothing refers to any more. */
static gboolean
run (Work *work, GError **error)
{
  ObRepair *repair = work->repair;

  if (!ob_store_list (ob_repository_get_store (repair->repository), "index", add_name,
                      work->old_index, repair->cancellable, error)
      || !settle_all (work, error))
    return FALSE;
  if (!ob_packer_finish (work->packer))
    return ob_first_error_check (work->first_error, error);
  return save_index (work, error) && remove_all (work, work->old_index, error)
         && remove_all (work, work->old_packs, error)
         && ob_repository_load_index (repair->repository, repair->cancellable, error);
}

/* For the parts */

gboolean
ob_repair_packs (ObRepair *repair, GError **error)
{
  pthread_mutex_t large = PTHREAD_MUTEX_INITIALIZER;
  g_autoptr (ObPackCheck) check = ob_pack_check_new (repair->repository, &large, NULL);
  g_autoptr (ObBlobReader) reader = ob_blob_reader_new (repair->repository);
  g_autoptr (ObFirstError) first_error = ob_first_error_new ();
  g_autoptr (ObPacker) packer
    = ob_packer_new (repair->repository, first_error, repair->cancellable);
  g_autoptr (GHashTable) data = g_hash_table_new_full (ob_id_hash, ob_id_equal_func, g_free, NULL);
  g_autoptr (GHashTable) trees = g_hash_table_new_full (ob_id_hash, ob_id_equal_func, g_free, NULL);
  g_autoptr (GPtrArray) old_index = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GPtrArray) old_packs = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GArray) packs = g_array_new (FALSE, FALSE, sizeof (ObId));
  g_autoptr (GPtrArray) entries
    = g_ptr_array_new_with_free_func ((GDestroyNotify) g_array_unref);
  Work work = { .repair = repair,
                .check = check,
                .reader = reader,
                .first_error = first_error,
                .packer = packer,
                .rescued = { [OB_BLOB_DATA] = data, [OB_BLOB_TREE] = trees },
                .old_index = old_index,
                .old_packs = old_packs,
                .packs = packs,
                .entries = entries };
  gboolean ok;

  ob_packer_set_lock (packer, repair->lock);
  ok = run (&work, error);
  g_free (work.buffer);
  return ok;
}
