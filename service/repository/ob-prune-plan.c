/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the backups need, and what is to become of each pack. */
#include "ob-prune-private.h"

#include <string.h>

#include "ob-error.h"
#include "ob-pack.h"
#include "ob-pack-check.h"
#include "ob-used-blobs.h"
#include "ob-wait.h"

/* The header's seal, and its length behind it. */
#define PACK_OVERHEAD (OB_CRYPTO_OVERHEAD + 4)

/* internal: what there is */

static ObPrunePlan *
plan_new (ObRepository *repository, ObLock *lock, ObProgress *progress)
{
  ObPrunePlan *self = g_new0 (ObPrunePlan, 1);

  self->repository = ob_repository_ref (repository);
  self->index = ob_repository_get_index (repository);
  self->lock = lock;
  self->progress = progress != NULL ? ob_progress_ref (progress) : NULL;
  self->generation = ob_index_get_generation (self->index);
  self->n_packs = ob_index_get_n_packs (self->index);
  for (guint type = OB_BLOB_DATA; type <= OB_BLOB_TREE; type++)
    {
      self->n_places[type] = ob_index_get_n_places (self->index, type);
      self->kept[type] = ob_bitmap_new (self->n_places[type]);
      self->several[type] = g_array_new (FALSE, FALSE, sizeof (guint32));
      self->figures.n_blobs += self->n_places[type];
    }
  self->packs = g_new0 (ObPrunePack, self->n_packs);
  for (guint32 i = 0; i < self->n_packs; i++)
    self->packs[i].stored = OB_PRUNE_MISSING;
  self->loose = g_array_new (FALSE, FALSE, sizeof (ObLoosePack));
  self->index_files = g_ptr_array_new_with_free_func (g_free);
  return self;
}

void
ob_prune_plan_free (ObPrunePlan *self)
{
  if (self == NULL)
    return;

  g_free (self->kept[OB_BLOB_DATA]);
  g_free (self->kept[OB_BLOB_TREE]);
  g_array_unref (self->several[OB_BLOB_DATA]);
  g_array_unref (self->several[OB_BLOB_TREE]);
  g_free (self->packs);
  g_free (self->places);
  g_free (self->first_place);
  g_array_unref (self->loose);
  g_ptr_array_unref (self->index_files);
  g_clear_pointer (&self->progress, ob_progress_unref);
  ob_repository_unref (self->repository);
  g_free (self);
}

gboolean
ob_prune_plan_check (ObPrunePlan *self, GError **error)
{
  if (ob_index_get_generation (self->index) == self->generation)
    return TRUE;
  g_set_error_literal (error, OB_ERROR, OB_ERROR_BUSY,
                       "Somebody else changed the index of the repository meanwhile, in spite of "
                       "the lock, so nothing was removed; try again");
  return FALSE;
}

ObIndexPlace
ob_prune_plan_get_place (ObPrunePlan *self, ObBlobType type, guint32 number)
{
  ObIndexPlace place;

  if (!ob_index_get_place (self->index, type, number, &place) || place.pack >= self->n_packs)
    place = (ObIndexPlace){ .length = OB_CRYPTO_OVERHEAD };
  return place;
}

/* What is not called like a pack is none of ours: it stays. */
static gboolean
add_pack (const char *name, guint64 size, gpointer user_data)
{
  ObPrunePlan *self = user_data;
  ObLoosePack pack = { .size = size };
  guint32 number;

  if (!ob_pack_parse_name (name, &pack.id))
    return TRUE;
  self->figures.n_packs++;
  self->figures.stored_bytes += size;
  if (ob_index_find_pack (self->index, &pack.id, &number) && number < self->n_packs)
    self->packs[number].stored = size;
  else
    g_array_append_val (self->loose, pack);
  return TRUE;
}

static gboolean
add_index_file (const char *name, guint64 size, gpointer user_data)
{
  ObPrunePlan *self = user_data;
  ObId id;

  if (ob_id_from_name (name, &id))
    g_ptr_array_add (self->index_files, g_strdup (name));
  return TRUE;
}

static gboolean
list_store (ObPrunePlan *self, GCancellable *cancellable, GError **error)
{
  ObStore *store = ob_repository_get_store (self->repository);

  return ob_store_list (store, "index", add_index_file, self, cancellable, error)
         && ob_store_list (store, "data", add_pack, self, cancellable, error);
}

gboolean
ob_prune_plan_is_whole (ObPrunePlan *self, guint32 number)
{
  ObId id;
  guint64 size;

  return ob_index_get_pack (self->index, number, &id, &size)
         && self->packs[number].stored == size;
}

/* internal: places by pack */

/* Counts first, then fills: a number for each place, whatever their packs. */
static void
sort_places (ObPrunePlan *self)
{
  gsize n = (gsize) self->n_places[OB_BLOB_DATA] + self->n_places[OB_BLOB_TREE];
  g_autofree guint32 *next = NULL;

  self->first_place = g_new0 (guint32, (gsize) self->n_packs + 1);
  self->places = g_new0 (guint32, n + 1);
  for (guint type = OB_BLOB_DATA; type <= OB_BLOB_TREE; type++)
    for (guint32 i = 0; i < self->n_places[type]; i++)
      self->first_place[ob_prune_plan_get_place (self, type, i).pack + 1]++;
  for (guint32 i = 0; i < self->n_packs; i++)
    self->first_place[i + 1] += self->first_place[i];

  next = g_memdup2 (self->first_place, sizeof (guint32) * ((gsize) self->n_packs + 1));
  for (guint type = OB_BLOB_DATA; type <= OB_BLOB_TREE; type++)
    for (guint32 i = 0; i < self->n_places[type]; i++)
      {
        guint32 at = next[ob_prune_plan_get_place (self, type, i).pack]++;

        if (at < n)
          self->places[at] = i + (type == OB_BLOB_TREE ? self->n_places[OB_BLOB_DATA] : 0);
      }
}

static gint
compare_offsets (gconstpointer a, gconstpointer b)
{
  const ObPrunePlace *left = a;
  const ObPrunePlace *right = b;

  return left->place.offset < right->place.offset ? -1 : left->place.offset > right->place.offset;
}

GArray *
ob_prune_plan_get_places (ObPrunePlan *self, guint32 number, gboolean only_kept)
{
  guint32 first = self->first_place[number];
  guint32 end = self->first_place[number + 1];
  GArray *places = g_array_sized_new (FALSE, FALSE, sizeof (ObPrunePlace), end - first);

  for (guint32 i = first; i < end; i++)
    {
      ObPrunePlace place = { .type = OB_BLOB_DATA, .number = self->places[i] };

      if (place.number >= self->n_places[OB_BLOB_DATA])
        {
          place.type = OB_BLOB_TREE;
          place.number -= self->n_places[OB_BLOB_DATA];
        }
      if (only_kept && !ob_bitmap_test (self->kept[place.type], place.number))
        continue;
      place.place = ob_prune_plan_get_place (self, place.type, place.number);
      g_array_append_val (places, place);
    }
  g_array_sort (places, compare_offsets);
  return places;
}

/* internal: the packs' fate */

/* A pack that is needed has to be there with all its bytes. */
static gboolean
check_pack (ObPrunePlan *self, guint32 number, GError **error)
{
  g_autofree char *where = NULL;
  char hex[OB_ID_HEX_SIZE];
  guint64 size;
  ObId id;

  if (ob_prune_plan_is_whole (self, number))
    return TRUE;

  where = ob_store_describe (ob_repository_get_store (self->repository));
  ob_index_get_pack (self->index, number, &id, &size);
  ob_id_to_hex (&id, hex);
  if (self->packs[number].stored == OB_PRUNE_MISSING)
    g_set_error (error, OB_ERROR, OB_ERROR_CORRUPT,
                 "Pack %s, which backups need, is missing from %s; nothing was changed. "
                 "`obbackupctl verify` tells which backups lost something",
                 hex, where);
  else
    g_set_error (error, OB_ERROR, OB_ERROR_CORRUPT,
                 "Pack %s, which backups need, has %" G_GUINT64_FORMAT " bytes in %s and should "
                 "have %" G_GUINT64_FORMAT "; nothing was changed. `obbackupctl verify` tells "
                 "which backups lost something",
                 hex, self->packs[number].stored, where, size);
  return FALSE;
}

guint64
ob_prune_pack_get_waste (const ObPrunePack *pack)
{
  return pack->stored - MIN (pack->stored, pack->used + PACK_OVERHEAD);
}

/* Whether a pack that could go has to stay as it is. */
static gboolean
check_lock (ObPrunePlan *self, const ObId *id, guint64 waste, gboolean *locked,
            GCancellable *cancellable, GError **error)
{
  ObPruneFigures *figures = &self->figures;
  g_autofree char *name = ob_pack_get_name (id);
  gint64 until;

  *locked = FALSE;
  if (!ob_store_get_lock (ob_repository_get_store (self->repository), name, &until, cancellable,
                          error))
    return FALSE;
  if (until == 0)
    return TRUE;
  *locked = TRUE;
  figures->n_locked_packs++;
  figures->locked_bytes += waste;
  if (figures->locked_until == 0 || until < figures->locked_until)
    figures->locked_until = until;
  return TRUE;
}

static gboolean
check_pack_lock (ObPrunePlan *self, guint32 number, guint64 waste, gboolean *locked,
                 GCancellable *cancellable, GError **error)
{
  guint64 size;
  ObId id;

  *locked = FALSE;
  return self->packs[number].stored == OB_PRUNE_MISSING
         || !ob_index_get_pack (self->index, number, &id, &size)
         || check_lock (self, &id, waste, locked, cancellable, error);
}

static gboolean
remove_pack (ObPrunePlan *self, guint32 number, GCancellable *cancellable, GError **error)
{
  ObPrunePack *pack = &self->packs[number];
  gboolean locked;

  if (!check_pack_lock (self, number, pack->stored, &locked, cancellable, error))
    return FALSE;
  if (locked)
    return TRUE;
  pack->fate = OB_PACK_IS_REMOVED;
  if (pack->stored == OB_PRUNE_MISSING)
    return TRUE;
  self->figures.n_removed_packs++;
  self->figures.freed_bytes += pack->stored;
  return TRUE;
}

/* The waste that may stay: as restic counts it, a share of all that there is then. */
static guint64
get_max_waste (const ObPruneLimit *limit, guint64 used)
{
  if (!limit->is_percent)
    return limit->bytes;
  if (limit->percent >= 100)
    return G_MAXUINT64;
  return (guint64) (limit->percent / (100 - limit->percent) * (double) used);
}

/* Smallest share of use first: there the least is copied for what is freed. */
static gint
compare_shares (gconstpointer a, gconstpointer b, gpointer user_data)
{
  const ObPrunePlan *self = user_data;
  const ObPrunePack *left = &self->packs[*(const guint32 *) a];
  const ObPrunePack *right = &self->packs[*(const guint32 *) b];
  /* No pack is above 4 GiB. */
  guint64 x = left->used * right->stored;
  guint64 y = right->used * left->stored;

  return x < y ? -1 : x > y;
}

static gboolean
choose_repacked (ObPrunePlan *self, GArray *partly, const ObPruneLimit *limit,
                 GCancellable *cancellable, GError **error)
{
  guint64 max = get_max_waste (limit, self->figures.used_bytes);

  g_array_sort_with_data (partly, compare_shares, self);
  for (guint i = 0; i < partly->len && self->figures.waste_bytes > max; i++)
    {
      guint32 number = g_array_index (partly, guint32, i);
      ObPrunePack *pack = &self->packs[number];
      gboolean locked;

      /* A copy of what is needed would free nothing. */
      if (!check_pack_lock (self, number, ob_prune_pack_get_waste (pack), &locked, cancellable,
                            error))
        return FALSE;
      if (locked)
        continue;
      pack->fate = OB_PACK_IS_REPACKED;
      self->figures.n_repacked_packs++;
      self->figures.repacked_bytes += pack->used;
      self->figures.waste_bytes -= ob_prune_pack_get_waste (pack);
      self->figures.freed_bytes += ob_prune_pack_get_waste (pack);
    }
  return TRUE;
}

static gboolean
drop_locked_loose (ObPrunePlan *self, GCancellable *cancellable, GError **error)
{
  for (guint i = self->loose->len; i > 0; i--)
    {
      const ObLoosePack *pack = &g_array_index (self->loose, ObLoosePack, i - 1);
      gboolean locked;

      if (!check_lock (self, &pack->id, pack->size, &locked, cancellable, error))
        return FALSE;
      if (locked)
        g_array_remove_index_fast (self->loose, i - 1);
    }
  return TRUE;
}

static void
count_loose (ObPrunePlan *self)
{
  for (guint i = 0; i < self->loose->len; i++)
    self->figures.freed_bytes += g_array_index (self->loose, ObLoosePack, i).size;
  self->figures.n_removed_packs += self->loose->len;
  self->figures.n_unindexed_packs = self->loose->len;
}

static void
count_removed_blobs (ObPrunePlan *self)
{
  for (guint32 i = 0; i < self->n_packs; i++)
    if (self->packs[i].fate != OB_PACK_STAYS)
      self->figures.removed_blobs
        += self->first_place[i + 1] - self->first_place[i] - self->packs[i].n_used;
}

static gboolean
decide (ObPrunePlan *self, const ObPruneLimit *limit, GCancellable *cancellable, GError **error)
{
  g_autoptr (GArray) partly = g_array_new (FALSE, FALSE, sizeof (guint32));
  guint64 stays = 0;

  for (guint32 i = 0; i < self->n_packs; i++)
    {
      guint64 waste;

      if (self->packs[i].n_used == 0)
        {
          if (!remove_pack (self, i, cancellable, error))
            return FALSE;
        }
      else if (!check_pack (self, i, error))
        return FALSE;
      else if ((waste = ob_prune_pack_get_waste (&self->packs[i])) == 0)
        continue;
      /* What cannot be read there cannot be copied: only a repair helps. */
      else if (ob_index_is_damaged (self->index, i))
        stays += waste;
      else
        {
          g_array_append_val (partly, i);
          self->figures.waste_bytes += waste;
        }
    }
  if (!choose_repacked (self, partly, limit, cancellable, error)
      || !drop_locked_loose (self, cancellable, error))
    return FALSE;
  self->figures.waste_bytes += stays;
  count_loose (self);
  count_removed_blobs (self);
  return TRUE;
}

/* internal: the backups */

/* One that does not open may need anything. */
static GPtrArray *
list_snapshots (ObRepository *repository, GCancellable *cancellable, GError **error)
{
  g_autoptr (GPtrArray) problems = NULL;
  g_autoptr (GPtrArray) snapshots
    = ob_repository_list_snapshots (repository, &problems, cancellable, error);

  if (snapshots == NULL)
    return NULL;
  if (problems->len > 0)
    {
      g_set_error (error, OB_ERROR, OB_ERROR_CORRUPT,
                   "A backup cannot be read, so what it needs cannot be told and nothing was "
                   "changed: %s. Look with `obbackupctl verify`, and mend or delete it first",
                   (const char *) g_ptr_array_index (problems, 0));
      return NULL;
    }
  return g_steal_pointer (&snapshots);
}

static gboolean
make_plan (ObPrunePlan *self, GPtrArray *snapshots, const ObPruneLimit *limit,
           GCancellable *cancellable, GError **error)
{
  g_autoptr (ObUsedBlobs) used
    = ob_used_blobs_find (self->repository, snapshots, cancellable, error);

  if (used == NULL)
    return FALSE;
  ob_progress_set_phase (self->progress, "planning");
  if (!list_store (self, cancellable, error))
    return FALSE;
  self->figures.n_backups = snapshots->len;
  ob_prune_keep_used (self, used);
  sort_places (self);
  return ob_check_cancelled (cancellable, error) && ob_prune_plan_check (self, error)
         && decide (self, limit, cancellable, error);
}

/* public methods */

ObPrunePlan *
ob_prune_plan_new (ObRepository *repository, ObLock *lock, const ObPruneLimit *limit,
                   ObProgress *progress, GCancellable *cancellable, GError **error)
{
  g_autoptr (ObPrunePlan) self = NULL;
  g_autoptr (GPtrArray) snapshots = NULL;
  gint64 deadline = limit->time > 0 ? g_get_monotonic_time () + limit->time : G_MAXINT64;
  gboolean settled = FALSE;

  ob_progress_set_phase (progress, "reading");
  if (!ob_repository_check_writable (repository, error)
      || !ob_repository_confirm (repository, cancellable, error)
      || !ob_repository_load_index (repository, cancellable, error))
    return NULL;
  snapshots = list_snapshots (repository, cancellable, error);
  if (snapshots == NULL)
    return NULL;
  /* Each turn knows of more damage than the one before. */
  while (!settled)
    {
      g_clear_pointer (&self, ob_prune_plan_free);
      self = plan_new (repository, lock, progress);
      self->deadline = deadline;
      if (!make_plan (self, snapshots, limit, cancellable, error)
          || !ob_prune_settle_copies (self, &settled, cancellable, error))
        return NULL;
    }
  return ob_lock_check (lock, error) ? g_steal_pointer (&self) : NULL;
}

const ObPruneFigures *
ob_prune_plan_get_figures (ObPrunePlan *self)
{
  return &self->figures;
}
