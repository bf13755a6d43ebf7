/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Copies what is needed of packs into new ones. A blob stands alone with its seal, so it is
 * copied as it is; but its content is opened and its hash looked at first, since the old pack
 * goes afterwards: a damage must not be spread, nor the only trace of it removed. One thread
 * reads and checks, the packer's own writes. */
#include "ob-prune-private.h"

#include <string.h>

#include "ob-blob-runs.h"
#include "ob-error.h"
#include "ob-packer.h"
#include "ob-wait.h"

/* Read at once. */
#define MAX_RUN (4 * 1024 * 1024)

typedef struct
{
  ObPrunePlan *plan;
  ObBlobReader *reader;
  ObPacker *packer;
  ObFirstError *first_error;
  GByteArray *run;    /* as read */
  GByteArray *opened; /* of the blob that is looked at: opening overwrites the seal */
  GCancellable *cancellable;
} Repack;

static gboolean
copy_blob (Repack *self, ObBlobType type, const ObWantedBlob *wanted, const guint8 *sealed,
           GError **error)
{
  gsize length = wanted->location.length;
  ObPackSlot slot;
  gsize size;

  g_byte_array_set_size (self->opened, 0);
  g_byte_array_append (self->opened, sealed, (guint) length);
  if (ob_blob_reader_open (self->reader, &wanted->id, &wanted->location, self->opened->data, &size,
                           error)
      == NULL)
    {
      g_prefix_error (error,
                      "Nothing was deleted, since what is still needed could not be copied. ");
      return FALSE;
    }
  if (!ob_packer_reserve (self->packer, type, &wanted->id, length, wanted->location.plain_length,
                          &slot))
    return ob_first_error_check (self->first_error, error)
           && ob_check_cancelled (self->cancellable, error);
  memcpy (slot.at, sealed, length);
  ob_packer_commit (self->packer, &slot);
  ob_progress_add_done (self->plan->progress, length);
  return TRUE;
}

static gboolean
copy_run (Repack *self, const ObPrunePlace *places, const ObWantedBlob *wanted, guint n,
          gsize length, GError **error)
{
  guint32 begin = wanted[0].location.offset;

  g_byte_array_set_size (self->run, (guint) length);
  if (!ob_blob_reader_read_range (self->reader, &wanted[0].location.pack, begin, self->run->data,
                                  length, self->cancellable, error))
    return FALSE;
  for (guint i = 0; i < n; i++)
    if (!ob_check_cancelled (self->cancellable, error)
        || !copy_blob (self, places[i].type, &wanted[i],
                       self->run->data + (wanted[i].location.offset - begin), error))
      return FALSE;
  return TRUE;
}

static GArray *
list_wanted (ObPrunePlan *plan, guint32 number, GArray *places)
{
  GArray *wanted = g_array_sized_new (FALSE, TRUE, sizeof (ObWantedBlob), places->len);
  guint64 size;
  ObId pack;

  ob_index_get_pack (plan->index, number, &pack, &size);
  for (guint i = 0; i < places->len; i++)
    {
      const ObIndexPlace *place = &g_array_index (places, ObPrunePlace, i).place;
      ObWantedBlob blob = { .id = place->id,
                            .location = { .pack = pack,
                                          .offset = place->offset,
                                          .length = place->length,
                                          .plain_length = place->plain_length } };

      g_array_append_val (wanted, blob);
    }
  return wanted;
}

static gboolean
copy_pack (Repack *self, guint32 number, GError **error)
{
  g_autoptr (GArray) places = ob_prune_plan_get_places (self->plan, number, TRUE);
  g_autoptr (GArray) wanted = list_wanted (self->plan, number, places);
  guint n;

  if (!ob_prune_plan_check (self->plan, error))
    return FALSE;
  for (guint i = 0; i < wanted->len; i += n)
    {
      const ObWantedBlob *first = &g_array_index (wanted, ObWantedBlob, i);
      gsize length;

      n = ob_blob_run_measure (first, wanted->len - i, MAX_RUN, &length);
      if (!copy_run (self, &g_array_index (places, ObPrunePlace, i), first, n, length, error))
        return FALSE;
    }
  return ob_lock_check (self->plan->lock, error);
}

/* It stays as it is, and the next prune goes on with it. */
static void
postpone (ObPrunePlan *plan, guint32 number)
{
  ObPrunePack *pack = &plan->packs[number];
  guint64 waste = ob_prune_pack_get_waste (pack);

  pack->fate = OB_PACK_STAYS;
  plan->figures.n_repacked_packs--;
  plan->figures.n_postponed_packs++;
  plan->figures.repacked_bytes -= pack->used;
  plan->figures.waste_bytes += waste;
  plan->figures.freed_bytes -= waste;
  plan->figures.removed_blobs
    -= plan->first_place[number + 1] - plan->first_place[number] - pack->n_used;
}

static gboolean
copy_packs (Repack *self, GError **error)
{
  for (guint32 i = 0; i < self->plan->n_packs; i++)
    {
      if (self->plan->packs[i].fate != OB_PACK_IS_REPACKED)
        continue;
      if (g_get_monotonic_time () >= self->plan->deadline)
        postpone (self->plan, i);
      else if (!copy_pack (self, i, error))
        return FALSE;
    }
  if (ob_packer_finish (self->packer))
    return TRUE;
  return ob_first_error_check (self->first_error, error)
         && ob_check_cancelled (self->cancellable, error);
}

/* A full disk is where one prunes: there is a way that needs no room. */
static void
add_advice (GError **error)
{
  if (error != NULL && g_error_matches (*error, OB_ERROR, OB_ERROR_NO_SPACE))
    g_prefix_error (error, "There is no room for copies of what is still needed (with a limit of "
                           "\"unlimited\" for what may stay unused none are made): ");
}

gboolean
ob_prune_repack (ObPrunePlan *plan, guint64 *written, GCancellable *cancellable, GError **error)
{
  g_autoptr (ObFirstError) first_error = ob_first_error_new ();
  g_autoptr (GByteArray) run = g_byte_array_new ();
  g_autoptr (GByteArray) opened = g_byte_array_new ();
  g_autoptr (ObBlobReader) reader = NULL;
  g_autoptr (ObPacker) packer = NULL;
  Repack self = { .plan = plan,
                  .first_error = first_error,
                  .run = run,
                  .opened = opened,
                  .cancellable = cancellable };
  gboolean done;

  *written = 0;
  if (plan->figures.n_repacked_packs == 0)
    return TRUE;
  ob_progress_set_phase (plan->progress, "repacking");
  ob_progress_add_total (plan->progress, plan->figures.repacked_bytes);
  reader = self.reader = ob_blob_reader_new (plan->repository);
  packer = self.packer = ob_packer_new (plan->repository, first_error, cancellable);
  ob_packer_set_lock (packer, plan->lock);
  done = copy_packs (&self, error);
  if (!done)
    add_advice (error);
  *written = ob_packer_get_stored_bytes (packer);
  return done;
}
