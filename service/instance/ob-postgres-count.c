/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <poll.h>

#include "ob-error.h"
#include "ob-postgres-private.h"

/* internal methods */

static gboolean
fail_cancelled (ObPostgres *self, GError **error)
{
  g_set_error (error, OB_ERROR, OB_ERROR_CANCELLED,
               "The job was cancelled while it counted rows in %s", self->title);
  /* The rest of the rows is on its way: nothing else can be asked here. */
  self->broken = TRUE;
  return FALSE;
}

/* Until a result or a row can be taken without blocking; libpq tells why where it is FALSE without
 * an error. */
static gboolean
await_input (ObPostgres *self, GCancellable *cancellable, GError **error)
{
  int unsent = PQflush (self->connection);

  if (unsent < 0)
    return FALSE;
  if (ob_postgres_wait (PQsocket (self->connection), unsent > 0 ? POLLIN | POLLOUT : POLLIN, -1,
                        cancellable)
      == OB_POSTGRES_CANCELLED)
    return fail_cancelled (self, error);
  return PQconsumeInput (self->connection) != 0;
}

/* Takes rows until there are no more. */
static gboolean
discard_rows (ObPostgres *self, GCancellable *cancellable, GError **error)
{
  for (;;)
    {
      char *row = NULL;
      int size = PQgetCopyData (self->connection, &row, 1);

      PQfreemem (row);
      if (g_cancellable_is_cancelled (cancellable))
        return fail_cancelled (self, error);
      if (size == -1)
        return TRUE;
      if (size == -2 || (size == 0 && !await_input (self, cancellable, error)))
        return FALSE;
    }
}

/* The results of a COPY that was sent; the number of its rows is in the last one. */
static gboolean
read_results (ObPostgres *self, gint64 *rows, GCancellable *cancellable, GError **error)
{
  for (;;)
    {
      PGresult *result;
      ExecStatusType status;

      while (PQisBusy (self->connection) != 0)
        if (!await_input (self, cancellable, error))
          return FALSE;
      result = PQgetResult (self->connection);
      if (result == NULL)
        return TRUE;
      status = PQresultStatus (result);
      if (status == PGRES_COMMAND_OK)
        *rows = g_ascii_strtoll (PQcmdTuples (result), NULL, 10);
      PQclear (result);
      if (status == PGRES_COPY_OUT && !discard_rows (self, cancellable, error))
        return FALSE;
    }
}

/* methods of this room */

gboolean
ob_postgres_count_by_copy (ObPostgres *self,
                           const char *schema,
                           const char *name,
                           const char *column,
                           gint64 *rows,
                           GCancellable *cancellable,
                           GError **error)
{
  g_autofree char *columns
    = column != NULL ? ob_postgres_format (" (%I)", column) : g_strdup ("");
  g_autofree char *sql = ob_postgres_format ("COPY %I.%I%s TO STDOUT", schema, name, columns);
  g_autoptr (GError) local_error = NULL;

  *rows = -1;
  if (!self->broken && PQsendQuery (self->connection, sql) != 0
      && read_results (self, rows, cancellable, &local_error) && *rows >= 0)
    return TRUE;
  if (local_error == NULL)
    g_set_error (&local_error, OB_ERROR,
                 PQstatus (self->connection) == CONNECTION_OK ? OB_ERROR_FAILED
                                                              : OB_ERROR_DATABASE_UNREACHABLE,
                 "The rows of the table %s.%s cannot be counted in %s: %s", schema, name,
                 self->title, PQerrorMessage (self->connection));
  g_propagate_error (error, g_steal_pointer (&local_error));
  return FALSE;
}
