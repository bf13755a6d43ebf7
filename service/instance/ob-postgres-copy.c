/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rows on their way to the server (libpq, "Functions Associated with the COPY Command"). */
#include "ob-postgres-private.h"

#include "ob-error.h"

gboolean
ob_postgres_copy_begin (ObPostgres *self, const char *sql, GCancellable *cancellable,
                        GError **error)
{
  PGresult *result;
  gboolean ok;

  if (PQsetnonblocking (self->connection, 1) != 0 || PQsendQuery (self->connection, sql) == 0)
    return ob_postgres_fail_connection (self, error);
  if (!ob_postgres_wait_result (self, cancellable, error))
    return FALSE;
  self->copy_ended = FALSE;
  result = PQgetResult (self->connection);
  ok = PQresultStatus (result) == PGRES_COPY_IN
       || ob_postgres_fail_with_result (self, result, error);
  PQclear (result);
  return ok;
}

gboolean
ob_postgres_copy_put (ObPostgres *self, const guint8 *data, gsize size, GError **error)
{
  return PQputCopyData (self->connection, (const char *) data, (int) size) == 1
         || ob_postgres_fail_connection (self, error);
}

gboolean
ob_postgres_copy_end (ObPostgres *self, GError **error)
{
  self->copy_ended = TRUE;
  return PQputCopyEnd (self->connection, NULL) == 1 || ob_postgres_fail_connection (self, error);
}

/* Takes the results that are there. */
static gboolean
take_results (ObPostgres *self, ObCopyState *state, guint64 *rows, GError **error)
{
  while (PQisBusy (self->connection) == 0)
    {
      PGresult *result = PQgetResult (self->connection);
      gboolean ok = TRUE;

      if (result == NULL)
        {
          *state = OB_COPY_DONE;
          return TRUE;
        }
      if (PQresultStatus (result) == PGRES_COMMAND_OK)
        *rows = g_ascii_strtoull (PQcmdTuples (result), NULL, 10);
      else
        ok = ob_postgres_fail_with_result (self, result, error);
      PQclear (result);
      if (!ok)
        return FALSE;
    }
  return TRUE;
}

gboolean
ob_postgres_copy_step (ObPostgres *self, ObCopyState *state, guint64 *rows, GError **error)
{
  int unsent = PQflush (self->connection);

  if (unsent < 0 || PQconsumeInput (self->connection) == 0)
    return ob_postgres_fail_connection (self, error);
  *state = unsent > 0         ? OB_COPY_SENDING
           : self->copy_ended ? OB_COPY_ENDING
                              : OB_COPY_READY;
  return *state != OB_COPY_ENDING || take_results (self, state, rows, error);
}
