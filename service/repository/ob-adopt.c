/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-adopt.h"

#include <string.h>

#include "ob-error.h"
#include "ob-pack.h"
#include "ob-pack-check.h"
#include "ob-wait.h"

/* Entries that are held before they are written; an index file has as many at most. */
#define MAX_HELD 50000

/* No pack is larger: its blobs' offsets have 32 bits. */
#define MAX_PACK G_MAXUINT32

typedef struct
{
  ObId id;
  guint64 size;
} Loose;

typedef struct
{
  ObRepository *repository;
  ObIndex *index;
  ObLock *lock;
  ObAdopted *adopted;
  GArray *loose;      /* of Loose */
  GArray *ids;        /* of ObId: for the next index file */
  GPtrArray *entries; /* of GArray of ObPackEntry, beside them */
  guint n_held;       /* in entries */
  guint64 bytes_held;
} Adoption;

/* What is not called like a pack is none of ours. */
static gboolean
add_loose (const char *name, guint64 size, gpointer user_data)
{
  Adoption *self = user_data;
  Loose loose = { .size = size };
  guint32 number;

  if (ob_pack_parse_name (name, &loose.id)
      && !ob_index_find_pack (self->index, &loose.id, &number))
    g_array_append_val (self->loose, loose);
  return TRUE;
}

static gboolean
has_news (Adoption *self, GArray *entries)
{
  for (guint i = 0; i < entries->len; i++)
    {
      const ObPackEntry *entry = &g_array_index (entries, ObPackEntry, i);
      ObBlobLocation location;

      if (!ob_index_lookup (self->index, entry->type, &entry->id, &location))
        return TRUE;
    }
  return FALSE;
}

static gboolean
save_held (Adoption *self, GCancellable *cancellable, GError **error)
{
  if (self->ids->len == 0)
    return TRUE;
  if (!ob_lock_confirm (self->lock, cancellable, error)
      || !ob_repository_save_index (self->repository, (const ObId *) (gpointer) self->ids->data,
                                    (GArray *const *) self->entries->pdata, self->ids->len,
                                    cancellable, error))
    return FALSE;
  self->adopted->n_packs += self->ids->len;
  self->adopted->bytes += self->bytes_held;
  g_array_set_size (self->ids, 0);
  g_ptr_array_set_size (self->entries, 0);
  self->n_held = 0;
  self->bytes_held = 0;
  return TRUE;
}

/* What is in the pack; NULL with CORRUPT where it is damaged. A disk may have damaged it since it
 * was stored: a repair that was cut off leaves such packs, too, and what is in the index is built
 * on. So all of it is read, but where it is far away: there the server has seen its hash. */
static GArray *
read_entries (Adoption *self, ObPackCheck *check, const Loose *loose, GCancellable *cancellable,
              GError **error)
{
  ObStore *store = ob_repository_get_store (self->repository);
  g_autoptr (GArray) none = g_array_new (FALSE, FALSE, sizeof (ObPackEntry));
  g_auto (ObPackFindings) findings = { 0 };

  if (ob_store_get_reads_at_once (store) > 1)
    return ob_pack_check_read_header (check, &loose->id, loose->size, cancellable, error);
  if (!ob_pack_check_run (check, &loose->id, loose->size, none, &findings, cancellable, error))
    return NULL;
  if (findings.hash_is_right && findings.header != NULL && findings.bad->len == 0)
    return g_steal_pointer (&findings.header);
  g_set_error_literal (error, OB_ERROR, OB_ERROR_CORRUPT, "The pack is damaged");
  return NULL;
}

/* One that is damaged, or that the disk cannot read, stays where it is, for a repair to look at: a
 * repair leaves some such packs for good. */
static gboolean
look_at (Adoption *self, ObPackCheck *check, const Loose *loose, GCancellable *cancellable,
         GError **error)
{
  g_autoptr (GError) local = NULL;
  g_autoptr (GArray) entries = NULL;

  if (loose->size <= MAX_PACK)
    entries = read_entries (self, check, loose, cancellable, &local);
  if (local != NULL && !ob_repository_is_damage (self->repository, local, cancellable))
    {
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
  /* A header accounts for every byte, so a pack that has one is whole. */
  if (entries == NULL || !has_news (self, entries))
    {
      self->adopted->n_left++;
      return TRUE;
    }
  if (self->n_held > 0 && self->n_held + entries->len > MAX_HELD
      && !save_held (self, cancellable, error))
    return FALSE;
  self->n_held += entries->len;
  self->bytes_held += loose->size;
  g_array_append_val (self->ids, loose->id);
  g_ptr_array_add (self->entries, g_steal_pointer (&entries));
  return TRUE;
}

static gboolean
look_at_all (Adoption *self, GCancellable *cancellable, GError **error)
{
  pthread_mutex_t large = PTHREAD_MUTEX_INITIALIZER;
  g_autoptr (ObPackCheck) check = ob_pack_check_new (self->repository, &large, NULL);

  for (guint i = 0; i < self->loose->len; i++)
    if (!ob_check_cancelled (cancellable, error)
        || !look_at (self, check, &g_array_index (self->loose, Loose, i), cancellable, error))
      return FALSE;
  return save_held (self, cancellable, error);
}

/* public methods */

gboolean
ob_adopt_packs (ObRepository *repository, ObLock *lock, ObAdopted *adopted,
                GCancellable *cancellable, GError **error)
{
  g_autoptr (GArray) loose = g_array_new (FALSE, FALSE, sizeof (Loose));
  g_autoptr (GArray) ids = g_array_new (FALSE, FALSE, sizeof (ObId));
  g_autoptr (GPtrArray) entries = g_ptr_array_new_with_free_func ((GDestroyNotify) g_array_unref);
  Adoption self = { .repository = repository,
                    .index = ob_repository_get_index (repository),
                    .lock = lock,
                    .adopted = adopted,
                    .loose = loose,
                    .ids = ids,
                    .entries = entries };

  *adopted = (ObAdopted){ 0 };
  return ob_repository_check_writable (repository, error)
         && ob_repository_load_index (repository, cancellable, error)
         && ob_store_list (ob_repository_get_store (repository), "data", add_loose, &self,
                           cancellable, error)
         && look_at_all (&self, cancellable, error);
}
