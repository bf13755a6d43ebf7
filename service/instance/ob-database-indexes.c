/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Indexes: how they are built, and what is left to do when they are in.
 *
 * Most of the time that an index takes is its sort. One that gets all memory at once compares keys
 * that lie all over it, and waits for most of them to come from there. One that has less sorts
 * pieces that the processor's cache holds, and then merges them, which reads each from its start to
 * its end: two million keys of 32 characters took 4.4 s in 256 MiB, 3.4 s in 64, 2.8 s in 16 and
 * 2.6 s in 4. Where the pieces are too many for one merge, there has to be a second one, so
 * larger tables get more (tuplesort_merge_order() in PostgreSQL's tuplesort.c: a piece that is
 * merged needs 272 KiB, and there are 500 at most). GIN indexes have the same memory, and are made
 * faster with it, too (trigrams of 200,000 names: 7.2 s in 16 MiB, 8.8 s in 64, 9.0 s in 256);
 * the hashes that check a foreign key lose little by it.
 *
 * The index of a partitioned table becomes valid when the last of its parts is attached, and makes
 * valid what it is itself a part of. Where pg_restore does both at once in two connections, neither
 * sees the other, and the topmost one stays invalid though all below it is there. Attaching a part
 * again makes PostgreSQL look again (15.4 and later: release notes, "ALTER INDEX … ATTACH
 * PARTITION").
 */
#include "ob-database-restore-private.h"

#include "ob-postgres-private.h"

/* KiB: the least to sort in, and what PostgreSQL wants of them for each of several processes, who
 * else are not started (plan_create_index_workers() in its planner.c). */
#define LEAST_MEMORY (16 * 1024)
#define MEMORY_OF_HELPER (32 * 1024)

/* Of a merge. */
#define KIB_OF_PIECE 272
#define MOST_PIECES 500

/* Two connections build indexes already. Helpers, which hand what they sorted to each other through
 * files, cost a twentieth more processor time, and on two processors save none. */
#define FEW_PROCESSORS 2
#define HAS_HELPERS 110000

/* Levels of partitions: each round makes at least one valid. */
#define MAX_ROUNDS 16

/* Invalid indexes of bbdd.user's that have a valid part for each partition, with one of those. */
static const char incomplete_sql[]
  = "SELECT format('ALTER INDEX %I.%I ATTACH PARTITION %I.%I;', n.nspname, c.relname, m.nspname,"
    "              d.relname),"
    "       format('%I.%I', n.nspname, c.relname)"
    "  FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
    "  JOIN pg_namespace n ON n.oid = c.relnamespace"
    "  JOIN pg_class d ON d.oid = (SELECT min(h.inhrelid) FROM pg_inherits h"
    "                               WHERE h.inhparent = c.oid)"
    "  JOIN pg_namespace m ON m.oid = d.relnamespace"
    " WHERE c.relkind = 'I' AND NOT i.indisvalid"
    "   AND pg_has_role(c.relowner, 'USAGE')"
    "   AND (SELECT count(*) FROM pg_inherits h WHERE h.inhparent = i.indrelid)"
    "       = (SELECT count(*) FROM pg_inherits h JOIN pg_index j ON j.indexrelid = h.inhrelid"
    "           WHERE h.inhparent = c.oid AND j.indisvalid)";

/* What the server sorts in, in KiB; how many helpers it has for that; the largest table. */
static const char memory_sql[]
  = "SELECT (SELECT setting FROM pg_settings WHERE name = 'maintenance_work_mem'),"
    "       coalesce((SELECT setting FROM pg_settings"
    "                  WHERE name = 'max_parallel_maintenance_workers'), '0'),"
    "       (SELECT coalesce(max(pg_relation_size(oid)), 0) FROM pg_class"
    "         WHERE relkind IN ('r', 'm'))";

/* internal methods */

/* How large what @kib sort at the most may be for a single merge. */
static guint64
count_kib_of_merge (guint64 kib)
{
  return kib * MIN (kib / KIB_OF_PIECE, MOST_PIECES);
}

static gboolean
attach_again (ObPostgres *postgres, guint *n_found, GString *names, GCancellable *cancellable,
              GError **error)
{
  g_autoptr (GString) statements = g_string_new (NULL);
  PGresult *result = ob_postgres_query (postgres, incomplete_sql, NULL, cancellable, error);

  if (result == NULL)
    return FALSE;
  g_string_truncate (names, 0);
  *n_found = (guint) PQntuples (result);
  for (guint i = 0; i < *n_found; i++)
    {
      g_string_append (statements, PQgetvalue (result, (int) i, 0));
      g_string_append_printf (names, "%s%s", i > 0 ? ", " : "", PQgetvalue (result, (int) i, 1));
    }
  PQclear (result);
  return *n_found == 0 || ob_postgres_run (postgres, cancellable, error, statements->str);
}

/* methods of this room */

gboolean
ob_restore_sorts_alone (const ObRestoreRun *run)
{
  return run->server_version >= HAS_HELPERS && ob_postgres_is_local (run->config)
         && g_get_num_processors () <= FEW_PROCESSORS
         && run->request->n_parallel >= FEW_PROCESSORS;
}

guint64
ob_restore_get_sort_memory (guint64 bytes, guint n_helpers)
{
  guint64 kib = LEAST_MEMORY;

  while (count_kib_of_merge (kib) < bytes / 1024)
    kib *= 2;
  return n_helpers == 0 ? kib : MAX (kib, MEMORY_OF_HELPER * (1 + (guint64) n_helpers));
}

gboolean
ob_restore_choose_sort_memory (ObRestoreRun *run, GCancellable *cancellable, GError **error)
{
  g_autoptr (ObPostgres) postgres = ob_postgres_connect (run->config, OB_ROLE_OWNER,
                                                         run->request->target, cancellable, error);
  PGresult *result = NULL;
  guint64 server_kib, kib, bytes;
  guint n_helpers;

  if (postgres != NULL)
    result = ob_postgres_query (postgres, memory_sql, NULL, cancellable, error);
  if (result == NULL)
    return FALSE;
  server_kib = g_ascii_strtoull (PQgetvalue (result, 0, 0), NULL, 10);
  n_helpers = (guint) g_ascii_strtoull (PQgetvalue (result, 0, 1), NULL, 10);
  bytes = g_ascii_strtoull (PQgetvalue (result, 0, 2), NULL, 10);
  PQclear (result);
  kib = ob_restore_get_sort_memory (bytes, ob_restore_sorts_alone (run) ? 0 : n_helpers);
  run->sort_kib = kib < server_kib ? kib : 0;
  return TRUE;
}

gboolean
ob_restore_validate_indexes (ObRestoreRun *run, GCancellable *cancellable, GError **error)
{
  g_autoptr (ObPostgres) postgres = ob_postgres_connect (run->config, OB_ROLE_OWNER,
                                                         run->request->target, cancellable, error);
  g_autoptr (GString) names = g_string_new (NULL);
  guint n_found = 0;

  if (postgres == NULL)
    return FALSE;
  for (guint round = 0; round < MAX_ROUNDS; round++)
    {
      if (!attach_again (postgres, &n_found, names, cancellable, error))
        return FALSE;
      if (n_found == 0)
        return TRUE;
    }
  ob_progress_warn (run->progress, FALSE,
                    "Indexes of partitioned tables are not valid, though all their parts are: %s. "
                    "REINDEX makes them so",
                    names->str);
  return TRUE;
}
