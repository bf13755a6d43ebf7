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
  GByteArray *alone;  /* a blob, as read */
  GByteArray *opened; /* of the blob that is looked at: opening overwrites the seal */
  GCancellable *cancellable;
} Repack;

/* Whether this is the blob, sealed. */
static gboolean
check_blob (Repack *self, const ObWantedBlob *wanted, const guint8 *sealed, GError **error)
{
  gsize size;

  g_byte_array_set_size (self->opened, 0);
  g_byte_array_append (self->opened, sealed, wanted->location.length);
  return ob_blob_reader_open (self->reader, &wanted->id, &wanted->location, self->opened->data,
                              &size, error)
         != NULL;
}

static gboolean
put_blob (Repack *self, ObBlobType type, const ObWantedBlob *wanted, const guint8 *sealed,
          GError **error)
{
  gsize length = wanted->location.length;
  ObPackSlot slot;

  if (!ob_packer_reserve (self->packer, type, &wanted->id, length, wanted->location.plain_length,
                          &slot))
    return ob_first_error_check (self->first_error, error)
           && ob_check_cancelled (self->cancellable, error);
  memcpy (slot.at, sealed, length);
  ob_packer_commit (self->packer, &slot);
  ob_progress_add_done (self->plan->progress, length);
  return TRUE;
}

/* The places of a blob, beginning with the one where it is wanted (of ObWantedBlob). Transfer
 * full. */
static GArray *
list_copies (Repack *self, ObBlobType type, const ObWantedBlob *wanted)
{
  GArray *copies = g_array_new (FALSE, FALSE, sizeof (ObWantedBlob));
  ObBlobLocation locations[OB_PRUNE_MAX_COPIES];
  gsize n = ob_index_lookup_all (self->plan->index, type, &wanted->id, locations,
                                 OB_PRUNE_MAX_COPIES);

  g_array_append_vals (copies, wanted, 1);
  for (gsize i = 0; i < n; i++)
    {
      ObWantedBlob copy = { .id = wanted->id, .location = locations[i] };

      if (ob_wanted_blob_compare (&copy, wanted) != 0)
        g_array_append_val (copies, copy);
    }
  return copies;
}

static gboolean
read_alone (Repack *self, const ObWantedBlob *wanted, GError **error)
{
  const ObBlobLocation *location = &wanted->location;

  g_byte_array_set_size (self->alone, location->length);
  return ob_blob_reader_read_range (self->reader, &location->pack, location->offset,
                                    self->alone->data, location->length, self->cancellable, error)
         && check_blob (self, wanted, self->alone->data, error);
}

/* A blob that could not be had with those beside it: the disk may fail where nobody needs anything,
 * or the blob lie elsewhere, too. */
static gboolean
copy_alone (Repack *self, ObBlobType type, const ObWantedBlob *wanted, GError **error)
{
  g_autoptr (GArray) copies = list_copies (self, type, wanted);
  g_autoptr (GError) first = NULL;

  for (guint i = 0; i < copies->len; i++)
    {
      const ObWantedBlob *copy = &g_array_index (copies, ObWantedBlob, i);
      g_autoptr (GError) failure = NULL;

      if (read_alone (self, copy, &failure))
        return put_blob (self, type, copy, self->alone->data, error);
      if (!ob_blob_reader_is_damage (self->reader, failure, self->cancellable))
        {
          g_propagate_error (error, g_steal_pointer (&failure));
          return FALSE;
        }
      if (first == NULL)
        first = g_steal_pointer (&failure);
    }
  g_propagate_prefixed_error (
    error, g_steal_pointer (&first),
    "Nothing was deleted, since what is still needed could not be copied. ");
  return FALSE;
}

/* *@whole: it was read, and no disk failed anywhere in it. */
static gboolean
read_run (Repack *self, const ObWantedBlob *first, gsize length, gboolean *whole, GError **error)
{
  g_autoptr (GError) failure = NULL;

  g_byte_array_set_size (self->run, (guint) length);
  *whole = ob_blob_reader_read_range (self->reader, &first->location.pack, first->location.offset,
                                      self->run->data, length, self->cancellable, &failure);
  if (*whole || ob_blob_reader_is_damage (self->reader, failure, self->cancellable))
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&failure));
  return FALSE;
}

static gboolean
copy_run (Repack *self, const ObPrunePlace *places, const ObWantedBlob *wanted, guint n,
          gsize length, GError **error)
{
  gboolean whole;

  if (!read_run (self, &wanted[0], length, &whole, error))
    return FALSE;
  for (guint i = 0; i < n; i++)
    {
      const guint8 *sealed
        = self->run->data + (wanted[i].location.offset - wanted[0].location.offset);

      if (!ob_check_cancelled (self->cancellable, error))
        return FALSE;
      if (whole && check_blob (self, &wanted[i], sealed, NULL)
            ? !put_blob (self, places[i].type, &wanted[i], sealed, error)
            : !copy_alone (self, places[i].type, &wanted[i], error))
        return FALSE;
    }
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
  g_autoptr (GByteArray) alone = g_byte_array_new ();
  g_autoptr (GByteArray) opened = g_byte_array_new ();
  g_autoptr (ObBlobReader) reader = NULL;
  g_autoptr (ObPacker) packer = NULL;
  Repack self = { .plan = plan,
                  .first_error = first_error,
                  .run = run,
                  .alone = alone,
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
