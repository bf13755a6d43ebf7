/* SPDX-License-Identifier: GPL-3.0-or-later */
/* After the indexes are in. The index of a partitioned table becomes valid when the last of its
 * parts is attached, and makes valid what it is itself a part of. Where pg_restore does both at
 * once in two connections, neither sees the other, and the topmost one stays invalid though all
 * below it is there. Attaching a part again makes PostgreSQL look again (15.4 and later: release
 * notes, "ALTER INDEX … ATTACH PARTITION"). */
#include "ob-database-restore-private.h"

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
