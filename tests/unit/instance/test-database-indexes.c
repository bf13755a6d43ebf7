/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Indexes of a restored database: the memory that they are sorted in, and those of partitioned
 * tables. */
#include "database-fixture.h"

#include <string.h>

#include "ob-database-restore-private.h"

#define MIB ((guint64) 1024 * 1024)
#define GIB (1024 * MIB)

static void
test_sort_memory (void)
{
  /* Sixty pieces of 16 MiB are merged at once, and no more. */
  g_assert_cmpuint (ob_restore_get_sort_memory (0, 0), ==, 16 * 1024);
  g_assert_cmpuint (ob_restore_get_sort_memory (960 * MIB, 0), ==, 16 * 1024);
  g_assert_cmpuint (ob_restore_get_sort_memory (961 * MIB, 0), ==, 32 * 1024);
  g_assert_cmpuint (ob_restore_get_sort_memory (100 * GIB, 0), ==, 256 * 1024);
  /* Helpers are started for 32 MiB each. */
  g_assert_cmpuint (ob_restore_get_sort_memory (MIB, 2), ==, 96 * 1024);
  g_assert_cmpuint (ob_restore_get_sort_memory (100 * GIB, 2), ==, 256 * 1024);
  /* It ends, whatever a server says. */
  g_assert_cmpuint (ob_restore_get_sort_memory (G_MAXUINT64, 0), >, GIB / 1024);
}

/* The memory that indexes were built in where the owner has @memory of his own. Transfer full. */
static char *
restore_with (Database *database, Archives *archives, const char *memory)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *set
    = g_strdup_printf ("ALTER ROLE " OWNER " SET maintenance_work_mem TO '%s'", memory);
  char *used;

  database_run (database, OB_ROLE_SUPERUSER, NULL, set);
  archives_restore (archives, database->config, "copy", database->progress, &error);
  database_run (database, OB_ROLE_SUPERUSER, NULL,
                "ALTER ROLE " OWNER " RESET maintenance_work_mem");
  g_assert_no_error (error);
  used = database_ask (database, "copy", "SELECT kib FROM public.used");
  ob_database_drop (database->config, "copy", NULL, &error);
  g_assert_no_error (error);
  return used;
}

/* A materialized view is filled after the rows, as indexes are built, by the same pg_restore. */
static void
test_sort_memory_used (Database *database, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Archives) archives = NULL;
  g_autofree char *expected = NULL;
  g_autofree char *of_little = NULL;
  g_autofree char *of_much = NULL;
  const ObDatabaseRestore request = { .n_parallel = 2 };
  ObRestoreRun run = { .request = &request };

  database_or_skip (database);
  run.config = database->config;
  run.server_version = 150000;
  expected = g_strdup_printf (
    "%" G_GUINT64_FORMAT,
    ob_restore_get_sort_memory (0, ob_restore_sorts_alone (&run) ? 0 : 2));
  database_run (database, OB_ROLE_OWNER, NULL,
                "CREATE MATERIALIZED VIEW public.used AS SELECT setting AS kib FROM pg_settings"
                "  WHERE name = 'maintenance_work_mem'");
  archives = archives_dump (database->config, 1, 10, database->progress, NULL, &error);
  g_assert_no_error (error);
  of_little = restore_with (database, archives, "2MB");
  g_assert_cmpstr (of_little, ==, "2048");
  of_much = restore_with (database, archives, "1GB");
  g_assert_cmpstr (of_much, ==, expected);
}

/* As two connections of a pg_restore leave them that attach at the same moment: all levels above
 * the leaves invalid; and one that lacks a part stays so. */
static void
test_invalid_indexes (Database *database, gconstpointer data)
{
  const ObDatabaseRestore request = { .target = "erp" };
  ObRestoreRun run = { .request = &request };
  g_autofree char *invalid = NULL;
  g_autoptr (GError) error = NULL;

  database_or_skip (database);
  run.config = database->config;
  run.progress = database->progress;
  database_run (database, OB_ROLE_OWNER, NULL,
                "CREATE TABLE public.top (a integer) PARTITION BY RANGE (a);"
                "CREATE TABLE public.middle PARTITION OF public.top"
                "  FOR VALUES FROM (0) TO (9) PARTITION BY RANGE (a);"
                "CREATE TABLE public.leaf PARTITION OF public.middle FOR VALUES FROM (0) TO (9);"
                "CREATE INDEX \"Whole\" ON public.top (a);"
                "CREATE INDEX lacking ON ONLY public.middle (a)");
  database_run (database, OB_ROLE_SUPERUSER, NULL,
                "SET allow_system_table_mods TO on;"
                "UPDATE pg_index SET indisvalid = false WHERE indexrelid IN"
                "  ('public.\"Whole\"'::regclass, 'public.middle_a_idx'::regclass)");
  ob_restore_validate_indexes (&run, NULL, &error);
  g_assert_no_error (error);
  invalid = database_ask (database, NULL,
                          "SELECT string_agg (indexrelid::regclass::text, ' ') FROM pg_index"
                          " WHERE NOT indisvalid");
  g_assert_nonnull (strstr (invalid, "lacking"));
  g_assert_null (strstr (invalid, "Whole"));
  g_assert_null (strstr (invalid, "middle_a_idx"));
  g_assert_cmpuint (database->warnings->len, ==, 0);
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  server_start ();
  g_test_add_func ("/database-indexes/sort-memory", test_sort_memory);
  g_test_add ("/database-indexes/sort-memory-used", Database, NULL, database_set_up,
              test_sort_memory_used, database_tear_down);
  g_test_add ("/database-indexes/invalid", Database, NULL, database_set_up, test_invalid_indexes,
              database_tear_down);
  status = g_test_run ();
  server_stop ();
  return status;
}
