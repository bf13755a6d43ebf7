/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * An administrator's own checks of a database, as queries. They run as the owner, who may do no
 * more in it than the application, over a connection for each: whatever one leaves behind ends with
 * it.
 */
#include "ob-database.h"

#include <string.h>

#include "ob-error.h"
#include "ob-postgres-private.h"

/* pg_type.dat: types whose text is a number. */
#define OID_BOOL 16
#define OID_INT8 20
#define OID_INT2 21
#define OID_INT4 23
#define OID_NUMERIC 1700

/* internal methods */

static ObDatabaseCheck *
check_new (const char *sql)
{
  ObDatabaseCheck *check = g_new0 (ObDatabaseCheck, 1);

  check->sql = g_strdup (sql);
  return check;
}

/* A session that writes nothing, where names are found as the application finds them. */
static ObPostgres *
open_session (const ObDatabaseConfig *config, const char *database, guint seconds,
              GCancellable *cancellable, GError **error)
{
  g_autoptr (ObPostgres) postgres
    = ob_postgres_connect (config, OB_ROLE_OWNER, database, cancellable, error);
  g_autofree char *limit = g_strdup_printf ("%us", seconds);

  if (postgres == NULL || !ob_postgres_run (postgres, cancellable, error, "RESET search_path")
      || !ob_postgres_run (postgres, cancellable, error, "SET default_transaction_read_only TO on")
      || !ob_postgres_runf (postgres, cancellable, error, "SET statement_timeout TO %L", limit)
      || !ob_postgres_run (postgres, cancellable, error, "BEGIN TRANSACTION READ ONLY"))
    return NULL;
  return g_steal_pointer (&postgres);
}

/* What the one value says. */
static gboolean
judge (const PGresult *result, char **message)
{
  const char *value = PQgetvalue (result, 0, 0);

  if (PQnfields (result) != 1)
    *message = g_strdup ("It has to give one column.");
  else if (PQgetisnull (result, 0, 0) != 0)
    *message = g_strdup ("It gives no value (NULL).");
  else
    switch (PQftype (result, 0))
      {
      case OID_BOOL:
        if (*value != 't')
          *message = g_strdup ("It is false.");
        break;
      case OID_INT2:
      case OID_INT4:
      case OID_INT8:
      case OID_NUMERIC:
        if (!(g_ascii_strtod (value, NULL) > 0))
          *message = g_strdup_printf ("It gives %s, which is not above 0.", value);
        break;
      default:
        *message = g_strdup ("It has to give a boolean or a number.");
      }
  return *message == NULL;
}

/* Takes the rows one by one, so that a query that gives millions fills no memory: the second one
 * ends it. FALSE where the server refuses or the connection breaks. */
static gboolean
take_rows (ObPostgres *postgres, ObDatabaseCheck *check, GCancellable *cancellable, GError **error)
{
  guint rows = 0;

  while (rows < 2)
    {
      PGresult *result;
      ExecStatusType status;
      gboolean ok = TRUE;

      if (!ob_postgres_wait_result (postgres, cancellable, error))
        return FALSE;
      result = PQgetResult (ob_postgres_get_connection (postgres));
      if (result == NULL)
        break;
      status = PQresultStatus (result);
      if (status == PGRES_SINGLE_TUPLE)
        {
          rows++;
          check->ok = judge (result, &check->message);
        }
      else if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK
               && status != PGRES_EMPTY_QUERY)
        ok = ob_postgres_fail_with_result (postgres, result, error);
      PQclear (result);
      if (!ok)
        return FALSE;
    }
  if (rows == 1)
    return TRUE;
  check->ok = FALSE;
  g_free (check->message);
  check->message = g_strdup (rows == 0 ? "It gives no row." : "It has to give one row, not more.");
  return TRUE;
}

static gboolean
run_check (ObPostgres *postgres, ObDatabaseCheck *check, GCancellable *cancellable, GError **error)
{
  PGconn *connection = ob_postgres_get_connection (postgres);

  /* By the extended protocol, which takes one statement and no more. */
  if (PQsendQueryParams (connection, check->sql, 0, NULL, NULL, NULL, NULL, 0) == 0
      || PQsetSingleRowMode (connection) == 0)
    return ob_postgres_fail_connection (postgres, error);
  return take_rows (postgres, check, cancellable, error);
}

/* Whether the error says that the server is gone, has no room or is too busy, or that somebody
 * wants to stop, not that the check is no good. */
static gboolean
tells_nothing (const GError *error)
{
  return g_error_matches (error, OB_ERROR, OB_ERROR_DATABASE_UNREACHABLE)
         || g_error_matches (error, OB_ERROR, OB_ERROR_NO_SPACE)
         || g_error_matches (error, OB_ERROR, OB_ERROR_BUSY)
         || g_error_matches (error, OB_ERROR, OB_ERROR_CANCELLED);
}

/* public methods */

void
ob_database_check_free (ObDatabaseCheck *check)
{
  g_free (check->sql);
  g_free (check->message);
  g_free (check);
}

GPtrArray *
ob_database_run_checks (const ObDatabaseConfig *config, const char *database,
                        const char *const *checks, guint seconds, GCancellable *cancellable,
                        GError **error)
{
  g_autoptr (GPtrArray) results
    = g_ptr_array_new_with_free_func ((GDestroyNotify) ob_database_check_free);

  for (gsize i = 0; checks != NULL && checks[i] != NULL; i++)
    {
      ObDatabaseCheck *check = check_new (checks[i]);
      g_autoptr (GError) local = NULL;
      g_autoptr (ObPostgres) postgres
        = open_session (config, database, seconds, cancellable, error);

      g_ptr_array_add (results, check);
      if (postgres == NULL)
        return NULL;
      if (run_check (postgres, check, cancellable, &local))
        continue;
      if (tells_nothing (local))
        {
          g_propagate_error (error, g_steal_pointer (&local));
          return NULL;
        }
      check->ok = FALSE;
      g_free (check->message);
      check->message = g_strdup (local->message);
    }
  return g_steal_pointer (&results);
}
