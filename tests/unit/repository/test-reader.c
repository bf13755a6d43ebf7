/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-reader.h"

#include <string.h>
#include <sys/mman.h>

#include "ob-error.h"
#include "ob-fd.h"
#include "ob-io.h"
#include "ob-snapshot.h"
#include "pipeline-fixture.h"

#define MIB (1024 * 1024)

/* A backup of a few files; its node. */
static ObNode *
make_backup (Pipeline *pipeline)
{
  g_autofree guint8 *bytes = make_random (2 * MIB, 1);

  g_assert_cmpint (mkdirat (pipeline->source_fd, "a", 0755), ==, 0);
  g_assert_cmpint (mkdirat (pipeline->source_fd, "a/b", 0755), ==, 0);
  pipeline_write (pipeline, "a/b/manifest", "{\"version\":1}", 13);
  pipeline_write (pipeline, "a/large", bytes, 2 * MIB);
  pipeline_write (pipeline, "empty", "", 0);
  return pipeline_backup (pipeline, NULL, NULL, NULL);
}

static ObNode *
find (Pipeline *pipeline, const ObNode *root, const char *path)
{
  g_autoptr (GError) error = NULL;
  ObNode *node = ob_reader_find (pipeline->core.repository, &root->subtree, path, NULL, &error);

  g_assert_no_error (error);
  return node;
}

static void
test_find (Pipeline *pipeline, gconstpointer data)
{
  static const char *const missing[]
    = { "", "b", "a/c", "a/b/manifest/x", "a//b", "/a", "a/", "empty/x", "..", "a/../a" };
  g_autoptr (ObNode) root = make_backup (pipeline);
  g_autoptr (ObNode) directory = find (pipeline, root, "a");
  g_autoptr (ObNode) file = find (pipeline, root, "a/b/manifest");

  g_assert_cmpint (directory->type, ==, OB_NODE_DIRECTORY);
  g_assert_cmpstr (file->name, ==, "manifest");
  g_assert_cmpuint (file->size, ==, 13);
  for (gsize i = 0; i < G_N_ELEMENTS (missing); i++)
    {
      g_autoptr (GError) error = NULL;

      if (ob_reader_find (pipeline->core.repository, &root->subtree, missing[i], NULL, &error)
          != NULL)
        g_error ("“%s”", missing[i]);
      g_assert_error (error, OB_ERROR, OB_ERROR_NOT_FOUND);
    }
}

static void
test_load_file (Pipeline *pipeline, gconstpointer data)
{
  g_autoptr (ObNode) root = make_backup (pipeline);
  g_autoptr (ObNode) file = find (pipeline, root, "a/b/manifest");
  g_autoptr (ObNode) empty = find (pipeline, root, "empty");
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes
    = ob_reader_load_file (pipeline->core.repository, file, 13, NULL, &error);
  g_autoptr (GBytes) none = ob_reader_load_file (pipeline->core.repository, empty, 0, NULL, NULL);

  g_assert_no_error (error);
  g_assert_cmpmem (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), "{\"version\":1}", 13);
  g_assert_cmpuint (g_bytes_get_size (none), ==, 0);
  g_assert_null (ob_reader_load_file (pipeline->core.repository, file, 12, NULL, &error));
  g_assert_error (error, OB_ERROR, OB_ERROR_CORRUPT);
  g_assert_nonnull (strstr (error->message, "manifest"));
}

/* An index says what cannot be: no memory is taken for it, and nothing is read beyond a pack. */
static void
test_impossible_places (Pipeline *pipeline, gconstpointer data)
{
  static const struct
  {
    gboolean in_the_pack; /* that is there; else in one that is missing */
    guint32 length;
    const char *text;
  } cases[] = { { TRUE, OB_CRYPTO_OVERHEAD - 1, "size that cannot be" },
                { TRUE, 32 * MIB, "more bytes than the pack has" },
                { FALSE, 32 * MIB, "missing" },
                { FALSE, 1000, "missing" } };
  g_autofree guint8 *bytes = make_random (MIB, 6);
  g_autoptr (GArray) content = pipeline_store (pipeline, bytes, MIB);
  ObIndex *index = ob_repository_get_index (pipeline->core.repository);
  ObBlobLocation place;

  g_assert_true (ob_index_lookup (index, OB_BLOB_DATA, &g_array_index (content, ObId, 0), &place));
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      ObBlobLocation wrong = { .pack = place.pack, .length = cases[i].length };
      g_autoptr (GArray) one = g_array_new (FALSE, FALSE, sizeof (ObId));
      struct timespec when = { 0 };
      g_autoptr (ObNode) node = NULL;
      g_autoptr (GError) error = NULL;
      ObId id;

      ob_id_of (&i, sizeof i, &id);
      if (!cases[i].in_the_pack)
        wrong.pack = id;
      ob_index_add (index, OB_BLOB_DATA, &id, &wrong);
      g_array_append_val (one, id);
      node = ob_node_new_file ("f", 1, one, &when);
      g_assert_null (
        ob_reader_load_file (pipeline->core.repository, node, 64 * MIB, NULL, &error));
      g_assert_error (error, OB_ERROR, OB_ERROR_CORRUPT);
      g_assert_nonnull (strstr (error->message, cases[i].text));
    }
}

static GPtrArray *
check (Pipeline *pipeline, const ObNode *root)
{
  GPtrArray *problems = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GError) error = NULL;

  ob_reader_check_tree (pipeline->core.repository, &root->subtree, problems, NULL, &error);
  g_assert_no_error (error);
  return problems;
}

static guint64
size_of (Pipeline *pipeline, const char *name)
{
  guint64 size;

  g_assert_true (ob_store_stat (pipeline->core.store, name, &size, NULL, NULL));
  return size;
}

/* The name of the pack with the files' data, or with the trees. Transfer full. */
static char *
find_pack (Pipeline *pipeline, gboolean of_data)
{
  g_autoptr (GPtrArray) packs = core_fixture_list (&pipeline->core, "data");

  g_assert_cmpuint (packs->len, ==, 2);
  for (guint i = 0; i < packs->len; i++)
    if ((size_of (pipeline, g_ptr_array_index (packs, i)) > MIB) == of_data)
      return g_strdup (g_ptr_array_index (packs, i));
  g_assert_not_reached ();
}

static void
truncate_file (Pipeline *pipeline, const char *name)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes = ob_store_get (pipeline->core.store, name, 64 * MIB, NULL, &error);

  g_assert_no_error (error);
  core_fixture_put (&pipeline->core, name, g_bytes_get_data (bytes, NULL),
                    g_bytes_get_size (bytes) / 2);
}

/* What a message about damage must tell: the pack. */
static void
assert_names (const char *message, const char *pack)
{
  if (strstr (message, strrchr (pack, '/') + 1) == NULL)
    g_error ("“%s” does not name %s", message, pack);
}

static void
test_check (Pipeline *pipeline, gconstpointer data)
{
  g_autoptr (ObNode) root = make_backup (pipeline);
  g_autofree char *pack = find_pack (pipeline, TRUE);
  g_autoptr (GPtrArray) sound = check (pipeline, root);
  g_autoptr (GPtrArray) cut = NULL;
  g_autoptr (GPtrArray) missing = NULL;

  g_assert_cmpuint (sound->len, ==, 0);
  truncate_file (pipeline, pack);
  cut = check (pipeline, root);
  g_assert_cmpuint (cut->len, ==, 1);
  assert_names (g_ptr_array_index (cut, 0), pack);
  core_fixture_remove (&pipeline->core, pack);
  missing = check (pipeline, root);
  g_assert_cmpuint (missing->len, ==, 1);
  assert_names (g_ptr_array_index (missing, 0), pack);
}

static void
test_check_trees (Pipeline *pipeline, gconstpointer data)
{
  g_autoptr (ObNode) root = make_backup (pipeline);
  g_autofree char *pack = find_pack (pipeline, FALSE);
  g_autoptr (GPtrArray) damaged = NULL;
  g_autoptr (GPtrArray) unknown = NULL;
  g_autoptr (GPtrArray) indexes = core_fixture_list (&pipeline->core, "index");

  core_fixture_flip (&pipeline->core, pack);
  damaged = check (pipeline, root);
  g_assert_cmpuint (damaged->len, >=, 1);
  assert_names (g_ptr_array_index (damaged, 0), pack);

  for (guint i = 0; i < indexes->len; i++)
    core_fixture_remove (&pipeline->core, g_ptr_array_index (indexes, i));
  pipeline_reopen (pipeline);
  unknown = check (pipeline, root);
  g_assert_cmpuint (unknown->len, >=, 1);
  g_assert_nonnull (strstr (g_ptr_array_index (unknown, 0), "no index"));
}

typedef enum
{
  FLIP,
  TRUNCATE,
  REMOVE,
} Damage;

/* Data that is damaged is never given out, and the message names blob and pack. */
static void
test_damaged_data (Pipeline *pipeline, gconstpointer data)
{
  g_autoptr (ObNode) root = make_backup (pipeline);
  g_autoptr (ObNode) file = find (pipeline, root, "a/large");
  g_autofree char *pack = find_pack (pipeline, TRUE);
  ob_autofd int fd = memfd_create ("damaged", MFD_CLOEXEC);
  g_autoptr (GError) error = NULL;

  switch ((Damage) GPOINTER_TO_INT (data))
    {
    case FLIP:
      core_fixture_flip (&pipeline->core, pack);
      break;
    case TRUNCATE:
      truncate_file (pipeline, pack);
      break;
    default:
      core_fixture_remove (&pipeline->core, pack);
      break;
    }
  pipeline_reopen (pipeline);
  g_assert_false (
    ob_reader_write_file (pipeline->core.repository, file, fd, 2, NULL, NULL, &error));
  g_assert_error (error, OB_ERROR, OB_ERROR_CORRUPT);
  assert_names (error->message, pack);
  if (GPOINTER_TO_INT (data) == FLIP)
    {
      gboolean named = FALSE;

      for (guint i = 0; i < file->content->len && !named; i++)
        {
          char hex[OB_ID_HEX_SIZE];

          ob_id_to_hex (&g_array_index (file->content, ObId, i), hex);
          named = strstr (error->message, hex) != NULL;
        }
      g_assert_true (named);
    }
}

static void
test_damaged_tree (Pipeline *pipeline, gconstpointer data)
{
  g_autoptr (ObNode) root = make_backup (pipeline);
  g_autofree char *pack = find_pack (pipeline, FALSE);
  g_autoptr (GError) error = NULL;

  truncate_file (pipeline, pack);
  core_fixture_flip (&pipeline->core, pack);
  pipeline_reopen (pipeline);
  g_assert_null (ob_reader_find (pipeline->core.repository, &root->subtree, "a/b/manifest", NULL,
                                 &error));
  g_assert_error (error, OB_ERROR, OB_ERROR_CORRUPT);
  assert_names (error->message, pack);
}

/* A blob that is sealed as it should be, and is not what its name says. */
static void
test_wrong_content (Pipeline *pipeline, gconstpointer data)
{
  g_autoptr (ObWriter) writer = ob_writer_new (pipeline->core.repository, 1, NULL);
  g_autoptr (GArray) content = g_array_new (FALSE, FALSE, sizeof (ObId));
  g_autoptr (ObNode) node = NULL;
  g_autoptr (GError) error = NULL;
  struct timespec when = { 0 };
  ObId id;

  ob_id_of ("this", 4, &id);
  g_array_append_val (content, id);
  pipeline_add_blob (writer, OB_BLOB_DATA, &id, "that", 4);
  ob_writer_finish (writer, &error);
  g_assert_no_error (error);
  node = ob_node_new_file ("f", 4, content, &when);
  g_assert_null (ob_reader_load_file (pipeline->core.repository, node, 100, NULL, &error));
  g_assert_error (error, OB_ERROR, OB_ERROR_CORRUPT);
  g_assert_nonnull (strstr (error->message, "SHA-256"));
}

/* A second copy of a pack under another name, as restic makes when two hosts store the same. */
static void
test_other_copy (Pipeline *pipeline, gconstpointer data)
{
  g_autofree guint8 *bytes = make_random (MIB, 6);
  g_autoptr (GArray) content = pipeline_store (pipeline, bytes, MIB);
  g_autoptr (GPtrArray) packs = core_fixture_list (&pipeline->core, "data");
  g_autoptr (GPtrArray) indexes = core_fixture_list (&pipeline->core, "index");
  g_autoptr (GArray) again = NULL;
  g_autoptr (GBytes) back = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) index
    = ob_store_get (pipeline->core.store, g_ptr_array_index (indexes, 0), MIB, NULL, &error);
  struct timespec when = { 0 };
  g_autoptr (ObNode) node = ob_node_new_file ("f", MIB, content, &when);

  g_assert_no_error (error);
  core_fixture_remove (&pipeline->core, g_ptr_array_index (indexes, 0));
  pipeline_reopen (pipeline);
  again = pipeline_store (pipeline, bytes, MIB);
  core_fixture_put (&pipeline->core, g_ptr_array_index (indexes, 0),
                    g_bytes_get_data (index, NULL), g_bytes_get_size (index));
  core_fixture_flip (&pipeline->core, g_ptr_array_index (packs, 0));
  pipeline_reopen (pipeline);
  back = pipeline_read (pipeline, node);
  g_assert_cmpmem (g_bytes_get_data (back, NULL), g_bytes_get_size (back), bytes, MIB);
}

static void
test_damaged_index (Pipeline *pipeline, gconstpointer data)
{
  g_autoptr (ObNode) root = make_backup (pipeline);
  g_autoptr (GPtrArray) indexes = core_fixture_list (&pipeline->core, "index");
  g_autoptr (ObRepository) repository = NULL;
  g_autoptr (GError) error = NULL;

  core_fixture_flip (&pipeline->core, g_ptr_array_index (indexes, 0));
  repository = ob_repository_open (pipeline->core.store, CORE_PASSPHRASE, NULL, &error);
  g_assert_no_error (error);
  g_assert_false (ob_repository_load_index (repository, NULL, &error));
  g_assert_error (error, OB_ERROR, OB_ERROR_CORRUPT);
  assert_names (error->message, g_ptr_array_index (indexes, 0));
}

/* One damaged snapshot does not hide the others. */
static void
test_damaged_snapshot (Pipeline *pipeline, gconstpointer data)
{
  g_autoptr (ObNode) root = make_backup (pipeline);
  g_autoptr (GPtrArray) names = NULL;
  g_autoptr (GPtrArray) snapshots = NULL;
  g_autoptr (GPtrArray) problems = NULL;
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < 3; i++)
    {
      g_autoptr (ObSnapshot) snapshot = ob_snapshot_new ();

      snapshot->time.tv_sec = 1000 + i;
      snapshot->tree = root->subtree;
      ob_repository_save_snapshot (pipeline->core.repository, snapshot, NULL, &error);
      g_assert_no_error (error);
    }
  names = core_fixture_list (&pipeline->core, "snapshots");
  core_fixture_flip (&pipeline->core, g_ptr_array_index (names, 1));
  snapshots
    = ob_repository_list_snapshots (pipeline->core.repository, &problems, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (snapshots->len, ==, 2);
  g_assert_cmpuint (problems->len, ==, 1);
  assert_names (g_ptr_array_index (problems, 0), g_ptr_array_index (names, 1));
}

static void
add (const char *path, void (*test) (Pipeline *, gconstpointer), gpointer data)
{
  g_test_add (path, Pipeline, data, pipeline_set_up, test, pipeline_tear_down);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  add ("/reader/find", test_find, NULL);
  add ("/reader/load-file", test_load_file, NULL);
  add ("/reader/check", test_check, NULL);
  add ("/reader/check-trees", test_check_trees, NULL);
  add ("/reader/flipped-data", test_damaged_data, GINT_TO_POINTER (FLIP));
  add ("/reader/truncated-data", test_damaged_data, GINT_TO_POINTER (TRUNCATE));
  add ("/reader/missing-data", test_damaged_data, GINT_TO_POINTER (REMOVE));
  add ("/reader/damaged-tree", test_damaged_tree, NULL);
  add ("/reader/wrong-content", test_wrong_content, NULL);
  add ("/reader/other-copy", test_other_copy, NULL);
  add ("/reader/impossible-places", test_impossible_places, NULL);
  add ("/reader/damaged-index", test_damaged_index, NULL);
  add ("/reader/damaged-snapshot", test_damaged_snapshot, NULL);
  return g_test_run ();
}
