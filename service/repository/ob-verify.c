/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A verification, in the order that lets others write meanwhile: snapshots first, then the
 * index, then the store's packs, so that whatever is referred to was there before. Then packs
 * are read, and at last the trees are walked, which by then know what is lost.
 */
#include "ob-verify-private.h"

#include <string.h>

#include "ob-error.h"

#define MAX_THREADS 16

/* How often one begins anew where others change the index meanwhile. */
#define TRIES 3

static const char *const kind_names[] = {
  [OB_VERIFY_INDEX_FILE] = "index",
  [OB_VERIFY_SNAPSHOT] = "snapshot",
  [OB_VERIFY_PACK_MISSING] = "pack-missing",
  [OB_VERIFY_PACK_SIZE] = "pack-size",
  [OB_VERIFY_PACK_CONTENT] = "pack-content",
  [OB_VERIFY_PACK_HEADER] = "pack-header",
  [OB_VERIFY_PACK_READ] = "pack-unreadable",
  [OB_VERIFY_BLOB] = "blob",
  [OB_VERIFY_BLOB_MISSING] = "blob-missing",
  [OB_VERIFY_TREE] = "tree",
};

/* internal methods */

static void
problem_free (gpointer data)
{
  ObVerifyProblem *problem = data;

  g_free (problem->object);
  g_free (problem->message);
  g_free (problem);
}

static void
loss_free (gpointer data)
{
  ObVerifyLoss *loss = data;

  g_ptr_array_unref (loss->files);
  g_free (loss);
}

static void
report_init (ObVerifyReport *report)
{
  *report = (ObVerifyReport){ 0 };
  report->problems = g_ptr_array_new_with_free_func (problem_free);
  report->losses = g_ptr_array_new_with_free_func (loss_free);
  report->sound = g_ptr_array_new ();
  report->damaged_packs = g_array_new (FALSE, FALSE, sizeof (ObId));
}

static void
report_clear (ObVerifyReport *report)
{
  g_ptr_array_unref (report->problems);
  g_ptr_array_unref (report->losses);
  g_ptr_array_unref (report->sound);
  g_array_unref (report->damaged_packs);
}

/* What a run fills. */
static void
findings_init (ObVerify *self)
{
  report_init (&self->report);
  self->snapshots = g_ptr_array_new_with_free_func ((GDestroyNotify) ob_snapshot_free);
  self->bad_snapshots = g_ptr_array_new_with_free_func (g_free);
  self->bad_indexes = g_ptr_array_new_with_free_func ((GDestroyNotify) ob_index_damage_free);
  self->unused = g_array_new (FALSE, FALSE, sizeof (ObUnusedPack));
  self->missing = g_hash_table_new_full (ob_id_hash, ob_id_equal_func, g_free, NULL);
}

static void
findings_clear (ObVerify *self)
{
  report_clear (&self->report);
  g_ptr_array_unref (self->snapshots);
  g_ptr_array_unref (self->bad_snapshots);
  g_ptr_array_unref (self->bad_indexes);
  g_array_unref (self->unused);
  g_hash_table_unref (self->missing);
  g_clear_pointer (&self->stored, g_free);
  g_clear_pointer (&self->first_place, g_free);
  g_clear_pointer (&self->places, g_free);
  g_clear_pointer (&self->selected, g_free);
  g_clear_pointer (&self->must_read, g_free);
  g_clear_pointer (&self->bad_packs, g_free);
  g_clear_pointer (&self->bad_places[OB_BLOB_DATA], g_free);
  g_clear_pointer (&self->bad_places[OB_BLOB_TREE], g_free);
  g_clear_pointer (&self->seen, g_free);
  g_clear_pointer (&self->dirty, g_free);
}

static gboolean
check_index (ObVerify *self, GError **error)
{
  guint generation = ob_index_get_generation (self->index);

  if (!ob_repository_check_index (self->repository, self->bad_indexes, self->cancellable, error))
    return FALSE;
  for (guint i = 0; i < self->bad_indexes->len; i++)
    {
      const ObIndexDamage *damage = g_ptr_array_index (self->bad_indexes, i);

      ob_verify_add_problem (self, OB_VERIFY_INDEX_FILE, damage->name, "%s", damage->message);
    }
  if (!self->strict)
    return TRUE;
  /* All that such a file lists would be missing. */
  if (self->bad_indexes->len > 0)
    g_set_error (error, OB_ERROR, OB_ERROR_CORRUPT, OB_VERIFY_STRICT_ADVICE "%s",
                 ((const ObIndexDamage *) g_ptr_array_index (self->bad_indexes, 0))->message);
  else if (ob_index_get_generation (self->index) != generation)
    g_set_error_literal (error, OB_ERROR, OB_ERROR_CORRUPT,
                         OB_VERIFY_STRICT_ADVICE
                         "A file of the index that was just there was not found any more");
  else
    return TRUE;
  return FALSE;
}

/* From here on the index is looked at as it is now. */
static void
fix_index (ObVerify *self)
{
  ObIndex *index = self->index;

  self->generation = ob_index_get_generation (index);
  self->n_packs = ob_index_get_n_packs (index);
  for (guint type = 0; type < 2; type++)
    {
      self->n_places[type] = ob_index_get_n_places (index, type);
      self->bad_places[type] = ob_bitmap_new (self->n_places[type]);
    }
  self->bad_packs = ob_bitmap_new (self->n_packs);
  self->must_read = ob_bitmap_new (self->n_packs);
  self->seen = ob_bitmap_new (self->n_places[OB_BLOB_TREE]);
  self->dirty = ob_bitmap_new (self->n_places[OB_BLOB_TREE]);
  self->report.blobs = (guint64) self->n_places[0] + self->n_places[1];
}

/* Whether what was found says nothing: the index is another one, so that its numbers have changed,
 * or ought to be. Another verification has found a file of it damaged, or somebody cleaned up, from
 * whom no lock protects where none can be had. */
static gboolean
find_outdated (ObVerify *self, gboolean *outdated, GError **error)
{
  *outdated = ob_index_get_generation (self->index) != self->generation;
  return *outdated || self->report.n_problems == 0
         || ob_repository_has_lost_index (self->repository, outdated, self->cancellable, error);
}

static gboolean
run_once (ObVerify *self, GError **error)
{
  ob_progress_set_phase (self->progress, "index");
  if (!ob_verify_load_snapshots (self, error) || !check_index (self, error))
    return FALSE;
  fix_index (self);
  if (!ob_verify_select_packs (self, error) || !ob_verify_list_packs (self, error)
      || !ob_verify_compare_packs (self, error))
    return FALSE;

  ob_progress_set_phase (self->progress, "data");
  if (!ob_verify_read_packs (self, error))
    return FALSE;

  ob_progress_set_phase (self->progress, "trees");
  if (!ob_verify_walk (self, error))
    return FALSE;
  ob_verify_list_damaged (self);
  return TRUE;
}

static gboolean
run (ObVerify *self, GError **error)
{
  for (guint i = 0; i < TRIES; i++)
    {
      gboolean outdated;

      if (i > 0)
        {
          findings_clear (self);
          findings_init (self);
        }
      if (!run_once (self, error) || !find_outdated (self, &outdated, error))
        return FALSE;
      if (!outdated)
        return TRUE;
    }
  g_set_error_literal (error, OB_ERROR, OB_ERROR_BUSY,
                       "The repository was cleaned up again and again while it was verified, so "
                       "what was found says nothing; verify it again");
  return FALSE;
}

/* For the parts */

void
ob_verify_add_problem (ObVerify *self, ObVerifyKind kind, const char *object, const char *format,
                       ...)
{
  ObVerifyProblem *problem = NULL;
  va_list arguments;

  pthread_mutex_lock (&self->mutex);
  if (self->report.n_problems++ < OB_VERIFY_MAX_PROBLEMS)
    {
      problem = g_new0 (ObVerifyProblem, 1);
      problem->kind = kind;
      problem->object = g_strdup (object);
      va_start (arguments, format);
      problem->message = g_strdup_vprintf (format, arguments);
      va_end (arguments);
      g_ptr_array_add (self->report.problems, problem);
    }
  pthread_mutex_unlock (&self->mutex);
}

gboolean
ob_verify_is_damage (ObVerify *self, GError **failure, GError **error)
{
  if (ob_repository_is_damage (self->repository, *failure, self->cancellable))
    return TRUE;
  g_propagate_error (error, g_steal_pointer (failure));
  return FALSE;
}

gboolean
ob_verify_is_loss (ObVerify *self, GError **failure, GError **error)
{
  if (!ob_verify_is_damage (self, failure, error))
    return FALSE;
  if (!self->strict)
    return TRUE;
  g_propagate_prefixed_error (error, g_steal_pointer (failure), OB_VERIFY_STRICT_ADVICE);
  return FALSE;
}

/* public methods */

const char *
ob_verify_kind_get_name (ObVerifyKind kind)
{
  return kind_names[kind];
}

ObVerify *
ob_verify_new (ObRepository *repository, const ObVerifyOptions *options, ObProgress *progress)
{
  ObVerify *self = g_new0 (ObVerify, 1);

  self->repository = ob_repository_ref (repository);
  self->index = ob_repository_get_index (repository);
  self->progress = progress != NULL ? ob_progress_ref (progress) : NULL;
  if (options->snapshots != NULL)
    self->wanted = g_array_copy ((GArray *) options->snapshots);
  self->share = CLAMP (options->share, 0, 1);
  self->seed = options->seed;
  self->n_threads = ob_repository_count_readers (repository, options->n_threads, MAX_THREADS);
  pthread_mutex_init (&self->mutex, NULL);
  findings_init (self);
  return self;
}

void
ob_verify_free (ObVerify *self)
{
  if (self == NULL)
    return;

  findings_clear (self);
  g_clear_pointer (&self->wanted, g_array_unref);
  pthread_mutex_destroy (&self->mutex);
  g_clear_pointer (&self->progress, ob_progress_unref);
  ob_repository_unref (self->repository);
  g_free (self);
}

gboolean
ob_verify_run (ObVerify *self, GCancellable *cancellable, GError **error)
{
  gboolean ok;

  self->cancellable = cancellable;
  ok = run (self, error);
  self->cancellable = NULL;
  return ok;
}

const ObVerifyReport *
ob_verify_get_report (ObVerify *self)
{
  return &self->report;
}
