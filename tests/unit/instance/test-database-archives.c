/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The archives that a real pg_dump writes: which of them we read ourselves, and over how many
 * connections. */
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

/* Of pg_dump 17, whose archives nothing that an older server understands can read: that is told
 * before anything was made. */
static void
test_too_new (Database *database, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Archives) archives = NULL;
  g_autofree char *version = NULL;
  g_autofree char *left = NULL;
  GByteArray *schema;

  database_or_skip (database);
  version = database_ask (database, NULL, "SHOW server_version_num");
  if (g_ascii_strtoull (version, NULL, 10) >= 170000)
    {
      g_test_skip ("needs a server before PostgreSQL 17");
      return;
    }
  archives = archives_dump (database->config, 1, 10, database->progress, NULL, &error);
  g_assert_no_error (error);
  schema = archives->archives->pdata[0];
  g_assert_cmpmem (schema->data, 6, "PGDMP\1", 6);
  schema->data[6] = 16;
  archives_restore (archives, database->config, "copy", database->progress, &error);
  g_assert_ob_error (error, OB_ERROR_VERSION_MISMATCH);
  g_assert_message (error, "to a server of PostgreSQL 17 or newer");
  left = database_ask (database, NULL, "SELECT count(*) FROM pg_database WHERE datname = 'copy'");
  g_assert_cmpstr (left, ==, "0");
}

static gboolean
is_with_rows (const char *stream)
{
  return g_str_has_prefix (stream, "data-");
}

/* All at once, then nothing. */
static gboolean
give_all (gpointer source, const guint8 **data, gsize *size, GError **error)
{
  GByteArray **bytes = source;
  const GByteArray *given = g_steal_pointer (bytes);

  *data = given != NULL ? given->data : NULL;
  *size = given != NULL ? given->len : 0;
  return TRUE;
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
      GByteArray *bytes = g_ptr_array_index (archives->archives, i);
      g_autoptr (ObDumpArchive) archive = ob_dump_archive_new (give_all, &bytes);
      gboolean known = FALSE;

      g_assert_true (ob_dump_archive_open (archive, &known, &error));
      g_assert_cmpint (known, ==, is_with_rows (g_ptr_array_index (archives->names, i)));
      n_known += known ? 1 : 0;
    }
  g_assert_cmpuint (n_known, ==, 1);
}

/* Restores with @n_parallel connections, and not one more. Returns how many of them brought rows of
 * public.large: each COPY is a transaction. */
static guint
restore_over (Database *database, Archives *archives, guint n_parallel, const char *before)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *limit
    = g_strdup_printf ("ALTER ROLE " OWNER " CONNECTION LIMIT %u", n_parallel);
  g_autofree char *after = NULL;
  g_autofree char *n = NULL;

  database_run (database, OB_ROLE_SUPERUSER, NULL, limit);
  archives->n_parallel = n_parallel;
  archives_restore (archives, database->config, "copy", database->progress, &error);
  database_run (database, OB_ROLE_SUPERUSER, NULL, "ALTER ROLE " OWNER " CONNECTION LIMIT -1");
  g_assert_no_error (error);
  after = database_describe (database, "copy");
  g_assert_cmpstr (before, ==, after);
  n = database_ask (database, "copy", "SELECT count(DISTINCT xmin::text) FROM public.large");
  ob_database_drop (database->config, "copy", NULL, &error);
  g_assert_no_error (error);
  return (guint) g_ascii_strtoull (n, NULL, 10);
}

/* More streams than connections and the other way round: none is used twice, and none idles where
 * there is a table to fill, which the server does slower than rows come: those of the other streams
 * help, too, when these have ended. */
static void
test_connections (Database *database, gconstpointer data)
{
  typedef struct
  {
    guint n_streams;
    guint n_parallel;
  } Connections;
  static const Connections cases[] = { { 1, 3 }, { 4, 1 }, { 4, 3 }, { 4, 4 }, { 4, 7 } };
  g_autoptr (GError) error = NULL;
  g_autofree char *before = NULL;

  database_or_skip (database);
  database_run (database, OB_ROLE_OWNER, NULL,
                "DO $$ BEGIN FOR i IN 1..6 LOOP"
                "  EXECUTE format ('CREATE TABLE public.t%s AS SELECT i, md5 (i::text)"
                " FROM generate_series (1, %s) i', i, 60000 + i * 4000);"
                " END LOOP; END $$;"
                "CREATE TABLE public.large (i integer, md5 text,"
                "  CHECK (current_database () = 'erp' OR pg_sleep (0.01) IS NOT NULL));"
                "INSERT INTO public.large SELECT i, repeat (md5 (i::text), 1000)"
                "  FROM generate_series (1, 400) i");
  before = database_describe (database, "erp");
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      const Connections *tried = &cases[i];
      g_autoptr (Archives) archives
        = archives_dump (database->config, tried->n_streams, 10, database->progress, NULL, &error);
      guint n;

      g_assert_no_error (error);
      g_assert_cmpuint (archives->names->len, ==, tried->n_streams + 2);
      n = restore_over (database, archives, tried->n_parallel, before);
      g_assert_cmpuint (n, >=, tried->n_parallel >= tried->n_streams ? 2 : 1);
      g_assert_cmpuint (n, <=, tried->n_parallel);
    }
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
  g_test_add ("/database-archives/too-new", Database, NULL, database_set_up, test_too_new,
              database_tear_down);
  g_test_add ("/database-archives/known", Database, NULL, database_set_up, test_known,
              database_tear_down);
  g_test_add ("/database-archives/connections", Database, NULL, database_set_up, test_connections,
              database_tear_down);
  status = g_test_run ();
  server_stop ();
  return status;
}
