/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The archives that a real pg_dump writes: which of them we read ourselves. */
#include "database-fixture.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ob-dump-archive.h"
#include "ob-fd.h"
#include "ob-io.h"

/* An archive that we cannot read ourselves. */
static void
test_through_pg_restore (Database *database, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Archives) archives = NULL;
  g_autofree char *before = NULL;
  g_autofree char *after = NULL;

  database_or_skip (database);
  database_fill (database);
  archives = archives_dump (database->config, 1, 10, database->progress, NULL, &error);
  g_assert_no_error (error);
  archives_compress (archives, database);
  before = database_describe (database, "erp");
  archives_restore (archives, database->config, "copy", database->progress, &error);
  g_assert_no_error (error);
  after = database_describe (database, "copy");
  g_assert_cmpstr (before, ==, after);
}

/* One that cannot be had is no unknown one: it is not asked for again, which from far away may take
 * minutes. */
static void
test_not_to_be_had (Database *database, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Archives) archives = NULL;

  database_or_skip (database);
  database_fill (database);
  archives = archives_dump (database->config, 1, 10, database->progress, NULL, &error);
  g_assert_no_error (error);
  archives->broken = "data-1.dump";
  archives_restore (archives, database->config, "copy", database->progress, &error);
  g_assert_ob_error (error, OB_ERROR_CORRUPT);
  g_assert_message (error, "data-1.dump is damaged");
  g_assert_cmpint (g_atomic_int_get (&archives->n_broken), ==, 1);
}

static gboolean
is_with_rows (const char *stream)
{
  return g_str_has_prefix (stream, "data-");
}

/* What our own dumps have of rows is known, and no other stream is: else all other tests would go
 * through pg_restore and nobody would see it. */
static void
test_known (Database *database, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Archives) archives = NULL;
  guint n_known = 0;

  database_or_skip (database);
  database_fill (database);
  archives = archives_dump (database->config, 1, 10, database->progress, NULL, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < archives->archives->len; i++)
    {
      const GByteArray *bytes = g_ptr_array_index (archives->archives, i);
      ob_autofd int fd = memfd_create ("archive", MFD_CLOEXEC);
      g_autoptr (ObDumpArchive) archive = ob_dump_archive_new (fd);
      gboolean known = FALSE;

      g_assert_true (ob_write_full (fd, bytes->data, bytes->len));
      g_assert_cmpint (lseek (fd, 0, SEEK_SET), ==, 0);
      g_assert_true (ob_dump_archive_open (archive, &known, &error));
      g_assert_cmpint (known, ==, is_with_rows (g_ptr_array_index (archives->names, i)));
      n_known += known ? 1 : 0;
    }
  g_assert_cmpuint (n_known, ==, 1);
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  server_start ();
  g_test_add ("/database-archives/through-pg-restore", Database, NULL, database_set_up,
              test_through_pg_restore, database_tear_down);
  g_test_add ("/database-archives/not-to-be-had", Database, NULL, database_set_up,
              test_not_to_be_had, database_tear_down);
  g_test_add ("/database-archives/known", Database, NULL, database_set_up, test_known,
              database_tear_down);
  status = g_test_run ();
  server_stop ();
  return status;
}
