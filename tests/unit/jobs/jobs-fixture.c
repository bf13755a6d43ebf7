/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "jobs-fixture.h"

#include <stdio.h>
#include <sys/stat.h>

#include "ob-manifest.h"
#include "ob-writer.h"

void
jobs_fixture_set_up (JobsFixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *config = NULL;
  g_autofree char *state = NULL;
  g_autofree char *cache = NULL;
  g_autofree char *runtime = NULL;

  fixture_set_up (&fixture->base, data);
  config = fixture_path (&fixture->base, "etc");
  state = fixture_path (&fixture->base, "state");
  cache = fixture_path (&fixture->base, "cache");
  runtime = fixture_path (&fixture->base, "run");
  fixture->context = ob_context_new (config, state, cache, runtime, &error);
  g_assert_no_error (error);
}

void
jobs_fixture_tear_down (JobsFixture *fixture, gconstpointer data)
{
  g_clear_pointer (&fixture->context, ob_context_free);
  fixture_tear_down (&fixture->base, data);
}

ObInstance *
jobs_fixture_make_instance (JobsFixture *fixture, const char *name, const char *attachments)
{
  g_autofree char *sources = fixture_path (&fixture->base, "app/sources");
  g_autofree char *inside = g_build_filename (sources, attachments, NULL);
  g_autofree char *outside = fixture_path (&fixture->base, attachments);
  g_autofree char *file = g_strdup_printf ("etc/instances/%s.conf", name);
  g_autofree char *text = g_strdup_printf (
    "[instance]\nversion=1\nproperties=%s/config/Openbravo.properties\ncontext-name=openbravo\n"
    "deploy-mode=class\n[paths]\nsources=%s\nattachments=%s\n[database]\nhost=localhost\n"
    "port=5432\nname=openbravo\nuser=tad\npassword=database-secret\n",
    sources, sources, *attachments == '/' ? outside : inside);
  g_autoptr (GError) error = NULL;
  ObInstance *instance = NULL;

  fixture_write (&fixture->base, file, text);
  instance = ob_instance_load (fixture->context->instances_fd, name, &error);
  g_assert_no_error (error);
  return instance;
}

ObDestination *
jobs_new_destination (const char *name, const char *path, const char *passphrase,
                      gboolean no_passphrase, GError **error)
{
  g_autoptr (ObPlace) place = ob_place_new_local (path, error);

  return place != NULL ? ob_destination_new (name, place, passphrase, no_passphrase, error) : NULL;
}

ObDestination *
jobs_move_destination (ObDestination *destination, ObContext *context, const char *path,
                       GError **error)
{
  g_autoptr (ObPlace) place = ob_place_new_local (path, error);

  return place != NULL ? ob_destination_update (destination, context, place, NULL, NULL, error)
                       : NULL;
}

ObDestination *
jobs_fixture_make_destination (JobsFixture *fixture, const char *name)
{
  g_autofree char *path = fixture_path (&fixture->base, name);
  g_autoptr (GError) error = NULL;
  ObDestination *destination
    = jobs_new_destination (name, path, JOBS_PASSPHRASE, FALSE, &error);
  gboolean created = FALSE;
  gboolean generated = FALSE;

  g_assert_no_error (error);
  ob_destination_set_up (destination, fixture->context, &created, &generated, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (created);
  g_assert_false (generated);
  return destination;
}

guint
jobs_fixture_count_files (JobsFixture *fixture, const char *name)
{
  g_autofree char *path = fixture_path (&fixture->base, name);
  g_autoptr (GDir) directory = g_dir_open (path, 0, NULL);
  guint count = 0;

  g_assert_nonnull (directory);
  for (const char *entry; (entry = g_dir_read_name (directory)) != NULL;)
    {
      g_autofree char *below = g_build_filename (name, entry, NULL);
      g_autofree char *below_path = fixture_path (&fixture->base, below);

      count += g_file_test (below_path, G_FILE_TEST_IS_DIR)
                 ? jobs_fixture_count_files (fixture, below)
                 : 1;
    }
  return count;
}

void
jobs_fixture_rename (JobsFixture *fixture, const char *from, const char *to)
{
  g_assert_cmpint (renameat (fixture->base.fd, from, fixture->base.fd, to), ==, 0);
}

static JsonObject *
make_summary (const JobsBackup *backup)
{
  JsonObject *object = json_object_new ();
  JsonArray *parts = json_array_new ();

  for (ObParts part = OB_PART_DATABASE; part < OB_PART_ALL; part <<= 1)
    if (backup->parts & part)
      json_array_add_string_element (parts, ob_part_get_name (part));
  json_object_set_int_member (object, "format", OB_MANIFEST_FORMAT);
  json_object_set_string_member (object, "result", backup->result);
  json_object_set_array_member (object, "parts", parts);
  return object;
}

/* The root directory: empty but for the manifest. */
static void
store_tree (ObRepository *repository, const JobsBackup *backup, ObId *tree)
{
  g_autoptr (ObWriter) writer = ob_writer_new (repository, 1, NULL);
  g_autoptr (GPtrArray) nodes = g_ptr_array_new_with_free_func ((GDestroyNotify) ob_node_free);
  g_autoptr (GError) error = NULL;

  if (backup->manifest != NULL)
    {
      const struct timespec when = { .tv_sec = backup->seconds };
      g_autoptr (GArray) content = NULL;
      gsize size = strlen (backup->manifest);

      ob_writer_add_bytes (writer, backup->manifest, size, &content, &error);
      g_assert_no_error (error);
      g_ptr_array_add (nodes, ob_node_new_file (OB_MANIFEST_FILE, size, content, &when));
    }
  ob_writer_add_tree (writer, nodes, tree, &error);
  g_assert_no_error (error);
  ob_writer_finish (writer, &error);
  g_assert_no_error (error);
}

char *
jobs_fixture_store (JobsFixture *fixture, ObDestination *destination, const JobsBackup *backup)
{
  static const char *const usual[] = { "obbackup", "instance=ob", "kind=manual", NULL };
  const char *const paths[] = { "/ob", NULL };
  g_autoptr (GError) error = NULL;
  g_autoptr (ObRepository) repository
    = ob_destination_open (destination, fixture->context, NULL, &error);
  g_autoptr (ObSnapshot) snapshot = ob_snapshot_new ();
  char hex[OB_ID_HEX_SIZE];

  g_assert_no_error (error);
  ob_repository_load_index (repository, NULL, &error);
  g_assert_no_error (error);
  store_tree (repository, backup, &snapshot->tree);
  snapshot->time.tv_sec = backup->seconds;
  snapshot->paths = g_strdupv ((GStrv) paths);
  snapshot->tags = g_strdupv ((GStrv) (backup->tags != NULL ? backup->tags : usual));
  snapshot->hostname = g_strdup ("erp");
  snapshot->username = g_strdup ("root");
  snapshot->obbackup = backup->result != NULL ? make_summary (backup) : NULL;
  if (backup->original != NULL)
    {
      snapshot->has_original = TRUE;
      snapshot->original = *backup->original;
    }
  ob_repository_save_snapshot (repository, snapshot, NULL, &error);
  g_assert_no_error (error);
  ob_id_to_hex (ob_snapshot_get_public_id (snapshot), hex);
  return g_strdup (hex);
}

static gint expected_warnings;

static GLogWriterOutput
write_log (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer data)
{
  if ((level & (G_LOG_LEVEL_MESSAGE | G_LOG_LEVEL_INFO | G_LOG_LEVEL_DEBUG)) != 0)
    return G_LOG_WRITER_HANDLED;
  if ((level & G_LOG_LEVEL_WARNING) != 0 && g_atomic_int_get (&expected_warnings) > 0)
    {
      g_atomic_int_dec_and_test (&expected_warnings);
      return G_LOG_WRITER_HANDLED;
    }
  return g_log_writer_default (level, fields, n_fields, data);
}

void
jobs_fixture_quiet_log (void)
{
  g_log_set_writer_func (write_log, NULL, NULL);
}

void
jobs_expect_warnings (int n)
{
  g_assert_cmpint (g_atomic_int_get (&expected_warnings), ==, 0);
  g_atomic_int_set (&expected_warnings, n);
}
