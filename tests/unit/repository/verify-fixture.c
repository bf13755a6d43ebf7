/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "verify-fixture.h"

#include <string.h>
#include <sys/stat.h>

ObSnapshot *
verify_backup (Pipeline *pipeline, gint64 when)
{
  g_autoptr (ObNode) node = pipeline_backup (pipeline, NULL, NULL, NULL);
  ObSnapshot *snapshot = ob_snapshot_new ();
  g_autoptr (GError) error = NULL;

  snapshot->tree = node->subtree;
  snapshot->time.tv_sec = when;
  ob_repository_save_snapshot (pipeline->core.repository, snapshot, NULL, &error);
  g_assert_no_error (error);
  return snapshot;
}

void
verify_make_source (Pipeline *pipeline)
{
  static const char *const names[] = { "a/one", "a/two", "b/deep/three" };

  g_assert_cmpint (mkdirat (pipeline->source_fd, "a", 0755), ==, 0);
  g_assert_cmpint (mkdirat (pipeline->source_fd, "b", 0755), ==, 0);
  g_assert_cmpint (mkdirat (pipeline->source_fd, "b/deep", 0755), ==, 0);
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree guint8 *bytes = make_random (100 * 1024, i + 1);

      pipeline_write (pipeline, names[i], bytes, 100 * 1024);
    }
  pipeline_write (pipeline, "empty", "", 0);
}

ObVerify *
verify_run (Pipeline *pipeline, gdouble share)
{
  ObVerifyOptions options = { .share = share, .n_threads = 2 };
  ObVerify *verify = ob_verify_new (pipeline->core.repository, &options, pipeline->progress);
  g_autoptr (GError) error = NULL;

  ob_verify_run (verify, NULL, &error);
  g_assert_no_error (error);
  return verify;
}

guint
verify_count (ObVerify *verify, ObVerifyKind kind)
{
  const ObVerifyReport *report = ob_verify_get_report (verify);
  guint n = 0;

  for (guint i = 0; i < report->problems->len; i++)
    n += ((const ObVerifyProblem *) g_ptr_array_index (report->problems, i))->kind == kind;
  return n;
}

void
verify_assert_sound (Pipeline *pipeline, gdouble share)
{
  g_autoptr (ObVerify) verify = verify_run (pipeline, share);
  const ObVerifyReport *report = ob_verify_get_report (verify);

  for (guint i = 0; i < report->problems->len; i++)
    g_test_message ("%s", ((ObVerifyProblem *) g_ptr_array_index (report->problems, i))->message);
  g_assert_cmpuint (report->n_problems, ==, 0);
  g_assert_cmpuint (report->n_losses, ==, 0);
  g_assert_cmpuint (report->sound->len, ==, report->snapshots);
}

char *
verify_get_lost (ObVerify *verify, const ObId *public_id)
{
  const ObVerifyReport *report = ob_verify_get_report (verify);
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < report->losses->len; i++)
    {
      const ObVerifyLoss *loss = g_ptr_array_index (report->losses, i);

      if (!ob_id_equal (ob_snapshot_get_public_id (loss->snapshot), public_id))
        continue;
      g_assert_cmpuint (loss->n_files, >=, loss->files->len);
      for (guint j = 0; j < loss->files->len; j++)
        g_string_append_printf (text, "%s%s", j > 0 ? " " : "",
                                (char *) g_ptr_array_index (loss->files, j));
    }
  return g_string_free (text, FALSE);
}

void
verify_locate (Pipeline *pipeline, const ObSnapshot *snapshot, const char *path,
               ObBlobLocation *location)
{
  ObIndex *index = ob_repository_get_index (pipeline->core.repository);
  g_autoptr (GError) error = NULL;
  g_autoptr (ObNode) node = NULL;
  gboolean directory;

  if (*path == '\0')
    {
      g_assert_true (ob_index_lookup (index, OB_BLOB_TREE, &snapshot->tree, location));
      return;
    }
  node = ob_reader_find (pipeline->core.repository, &snapshot->tree, path, NULL, &error);
  g_assert_no_error (error);
  directory = node->type == OB_NODE_DIRECTORY;
  g_assert_true (ob_index_lookup (index, directory ? OB_BLOB_TREE : OB_BLOB_DATA,
                                  directory ? &node->subtree
                                            : &g_array_index (node->content, ObId, 0),
                                  location));
}

static guint8 *
read_pack (Pipeline *pipeline, const char *name, gsize *size)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes = ob_store_get (pipeline->core.store, name, 256 << 20, NULL, &error);

  g_assert_no_error (error);
  *size = g_bytes_get_size (bytes);
  return g_memdup2 (g_bytes_get_data (bytes, NULL), *size);
}

void
verify_flip (Pipeline *pipeline, const ObId *pack, gint64 offset)
{
  g_autofree char *name = ob_pack_get_name (pack);
  gsize size;
  g_autofree guint8 *bytes = read_pack (pipeline, name, &size);

  bytes[offset < 0 ? (gint64) size + offset : offset] ^= 1;
  core_fixture_put (&pipeline->core, name, bytes, size);
}

void
verify_resize (Pipeline *pipeline, const ObId *pack, gsize size)
{
  g_autofree char *name = ob_pack_get_name (pack);
  gsize former;
  g_autofree guint8 *bytes = read_pack (pipeline, name, &former);

  bytes = g_realloc (bytes, MAX (size, former));
  if (size > former)
    memset (bytes + former, 0, size - former);
  core_fixture_put (&pipeline->core, name, bytes, size);
}

void
verify_remove_pack (Pipeline *pipeline, const ObId *pack)
{
  g_autofree char *name = ob_pack_get_name (pack);

  core_fixture_remove (&pipeline->core, name);
}

char *
verify_get_only (Pipeline *pipeline, const char *directory)
{
  g_autoptr (GPtrArray) names = core_fixture_list (&pipeline->core, directory);

  g_assert_cmpuint (names->len, ==, 1);
  return g_strdup (g_ptr_array_index (names, 0));
}

guint
verify_check_and_restore (Pipeline *pipeline, const ObSnapshot *snapshot)
{
  g_autoptr (GPtrArray) problems = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (ObNode) node = ob_node_new_directory ("", &snapshot->tree, &snapshot->time);
  g_autoptr (GError) error = NULL;
  ObFileRestoreStats stats;

  pipeline_reopen (pipeline);
  ob_reader_check_tree (pipeline->core.repository, &snapshot->tree, problems, NULL, &error);
  g_assert_no_error (error);
  if (problems->len > 0)
    return problems->len;
  pipeline_clear_target (pipeline);
  pipeline_restore (pipeline, node, &stats);
  return 0;
}

ObVerifyRepairs
verify_repair (ObRepository *repository)
{
  ObVerifyOptions options = { .share = 1, .n_threads = 2 };
  g_autoptr (GError) error = NULL;
  g_autoptr (ObLock) lock = ob_lock_acquire (repository, TRUE, NULL, &error);
  g_autoptr (ObVerify) verify = ob_verify_new (repository, &options, NULL);
  ObVerifyRepairs repairs;

  g_assert_no_error (error);
  ob_verify_run (verify, NULL, &error);
  g_assert_no_error (error);
  ob_verify_repair (verify, lock, &repairs, NULL, &error);
  g_assert_no_error (error);
  return repairs;
}

ObSnapshot *
verify_find_snapshot (ObRepository *repository, const ObId *id)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) snapshots = ob_repository_list_snapshots (repository, NULL, NULL, &error);

  g_assert_no_error (error);
  for (guint i = 0; i < snapshots->len; i++)
    if (ob_id_equal (ob_snapshot_get_public_id (g_ptr_array_index (snapshots, i)), id))
      return g_ptr_array_steal_index (snapshots, i);
  return NULL;
}
