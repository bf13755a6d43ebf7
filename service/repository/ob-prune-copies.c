/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Of a blob that lies in several packs one copy is kept and the others may go. The one that is kept
 * is read first: it may be damaged and nobody know of it yet, and the other be what a backup of a
 * host that did know has stored for that reason. */
#include "ob-prune-private.h"

#include "ob-blob-runs.h"
#include "ob-error.h"
#include "ob-wait.h"

/* Read at once. */
#define MAX_RUN (4 * 1024 * 1024)

typedef struct
{
  ObPrunePlan *plan;
  ObBlobReader *reader;
  GByteArray *run; /* as read */
  GArray *damaged; /* of ObId: packs */
  GCancellable *cancellable;
} Check;

/* Whether another copy of what lies at a place goes that may be better: also one in a pack that is
 * damaged, which may be so elsewhere. */
static gboolean
loses_another (ObPrunePlan *plan, ObBlobType type, guint32 kept, const ObId *id)
{
  guint32 numbers[OB_PRUNE_MAX_COPIES];
  gsize n = ob_index_find (plan->index, type, id, numbers, OB_PRUNE_MAX_COPIES);
  ObIndexPlace other;

  for (gsize i = 0; i < n; i++)
    if (numbers[i] != kept && ob_index_get_place (plan->index, type, numbers[i], &other)
        && other.pack < plan->n_packs && plan->packs[other.pack].fate != OB_PACK_STAYS
        && plan->packs[other.pack].stored != OB_PRUNE_MISSING)
      return TRUE;
  return FALSE;
}

static void
add_wanted (ObPrunePlan *plan, ObBlobType type, guint32 number, GArray *wanted)
{
  ObWantedBlob blob = { 0 };
  ObIndexPlace place;
  guint64 size;

  if (!ob_index_get_place (plan->index, type, number, &place)
      || ob_index_is_damaged (plan->index, place.pack)
      || !loses_another (plan, type, number, &place.id)
      || !ob_index_get_pack (plan->index, place.pack, &blob.location.pack, &size))
    return;
  blob.id = place.id;
  blob.location.offset = place.offset;
  blob.location.length = place.length;
  blob.location.plain_length = place.plain_length;
  g_array_append_val (wanted, blob);
}

/* The copies to be read, pack by pack (of ObWantedBlob). Transfer full. */
static GArray *
list_wanted (ObPrunePlan *plan)
{
  GArray *wanted = g_array_new (FALSE, FALSE, sizeof (ObWantedBlob));

  for (guint type = OB_BLOB_DATA; type <= OB_BLOB_TREE; type++)
    for (guint i = 0; i < plan->several[type]->len; i++)
      add_wanted (plan, type, g_array_index (plan->several[type], guint32, i), wanted);
  g_array_sort (wanted, ob_wanted_blob_compare);
  return wanted;
}

/* Whether all blobs of the run can be read; what says nothing of the pack is an error. */
static gboolean
read_run (Check *self, const ObWantedBlob *wanted, guint n, gsize length, gboolean *sound,
          GError **error)
{
  const ObBlobLocation *first = &wanted[0].location;
  g_autoptr (GError) failure = NULL;
  gsize size;

  *sound = TRUE;
  g_byte_array_set_size (self->run, (guint) length);
  if (!ob_blob_reader_read_range (self->reader, &first->pack, first->offset, self->run->data,
                                  length, self->cancellable, &failure))
    {
      *sound = FALSE;
      if (ob_repository_is_damage (self->plan->repository, failure, self->cancellable))
        return TRUE;
      g_propagate_error (error, g_steal_pointer (&failure));
      return FALSE;
    }
  for (guint i = 0; i < n && *sound; i++)
    *sound = ob_blob_reader_open (self->reader, &wanted[i].id, &wanted[i].location,
                                  self->run->data + (wanted[i].location.offset - first->offset),
                                  &size, NULL)
             != NULL;
  return ob_check_cancelled (self->cancellable, error);
}

static gboolean
read_all (Check *self, GArray *wanted, GError **error)
{
  guint n;

  for (guint i = 0; i < wanted->len; i += n)
    {
      const ObWantedBlob *first = &g_array_index (wanted, ObWantedBlob, i);
      const ObId *last = self->damaged->len > 0
                           ? &g_array_index (self->damaged, ObId, self->damaged->len - 1)
                           : NULL;
      gboolean sound;
      gsize length;

      n = ob_blob_run_measure (first, wanted->len - i, MAX_RUN, &length);
      /* One damage in a pack is enough. */
      if (last != NULL && ob_id_equal (last, &first->location.pack))
        continue;
      if (!read_run (self, first, n, length, &sound, error))
        return FALSE;
      if (!sound)
        g_array_append_val (self->damaged, first->location.pack);
    }
  return TRUE;
}

static gboolean
find_damaged (ObPrunePlan *plan, GArray *packs, GCancellable *cancellable, GError **error)
{
  g_autoptr (GArray) wanted = list_wanted (plan);
  g_autoptr (GByteArray) run = g_byte_array_new ();
  g_autoptr (ObBlobReader) reader = ob_blob_reader_new (plan->repository);
  Check check = { .plan = plan,
                  .reader = reader,
                  .run = run,
                  .damaged = packs,
                  .cancellable = cancellable };

  return ob_prune_plan_check (plan, error) && read_all (&check, wanted, error);
}

/* From here on these packs are known to be damaged, beside those that were. */
static void
distrust (ObPrunePlan *plan, GArray *packs)
{
  for (guint32 i = 0; i < plan->n_packs; i++)
    {
      guint64 size;
      ObId id;

      if (ob_index_is_damaged (plan->index, i) && ob_index_get_pack (plan->index, i, &id, &size))
        g_array_append_val (packs, id);
    }
  ob_index_set_damaged (plan->index, packs);
}

gboolean
ob_prune_settle_copies (ObPrunePlan *plan, gboolean *settled, GCancellable *cancellable,
                        GError **error)
{
  g_autoptr (GArray) damaged = g_array_new (FALSE, FALSE, sizeof (ObId));
  guint n;

  if (!find_damaged (plan, damaged, cancellable, error))
    return FALSE;
  n = damaged->len;
  *settled = n == 0;
  if (*settled)
    return TRUE;
  ob_progress_warn (plan->progress, FALSE,
                    "%u pack%s %s damaged; of what lies in several packs the other copies stay. "
                    "`obbackupctl verify --read-data` tells which backups lost something",
                    n, n == 1 ? "" : "s", n == 1 ? "is" : "are");
  distrust (plan, damaged);
  return TRUE;
}
