/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-postgres-private.h"

#include <errno.h>
#include <string.h>

#include "ob-error.h"

/* How long a statement that was cancelled may take to end before the connection is given up. */
#define CANCEL_SECONDS 1

ObPostgresWait
ob_postgres_wait_any (struct pollfd *fds, guint n_fds, gint64 deadline, GCancellable *cancellable)
{
  GPollFD cancel = { .fd = -1 };
  gboolean has_fd = cancellable != NULL && g_cancellable_make_pollfd (cancellable, &cancel);
  struct pollfd all[OB_POSTGRES_MAX_WAIT + 1];
  ObPostgresWait result = OB_POSTGRES_READY;

  g_assert (n_fds <= OB_POSTGRES_MAX_WAIT);
  memcpy (all, fds, n_fds * sizeof *fds);
  all[n_fds] = (struct pollfd){ .fd = has_fd ? cancel.fd : -1, .events = POLLIN };
  for (;;)
    {
      /* MAX() evaluates twice: the clock is read before, or what is left could be negative. */
      gint64 now = g_get_monotonic_time ();
      gint64 left = deadline < 0 ? -1 : MAX (0, deadline - now);
      int n = poll (all, n_fds + 1, left < 0 ? -1 : (int) MIN (left / 1000 + 1, G_MAXINT));

      if (n < 0 && errno == EINTR)
        continue;
      if (g_cancellable_is_cancelled (cancellable))
        result = OB_POSTGRES_CANCELLED;
      else if (n == 0 && left >= 0 && g_get_monotonic_time () >= deadline)
        result = OB_POSTGRES_LATE;
      else if (n == 0 || (n == 1 && all[n_fds].revents != 0))
        continue;
      break;
    }
  memcpy (fds, all, n_fds * sizeof *fds);

  if (has_fd)
    g_cancellable_release_fd (cancellable);
  return result;
}

ObPostgresWait
ob_postgres_wait (int fd, short events, gint64 deadline, GCancellable *cancellable)
{
  struct pollfd poll_fd = { .fd = fd, .events = events };

  return ob_postgres_wait_any (&poll_fd, 1, deadline, cancellable);
}

/* errors */

int
ob_postgres_map_sqlstate (const char *sqlstate)
{
  if (*sqlstate == '\0' || g_str_has_prefix (sqlstate, "08") || g_str_has_prefix (sqlstate, "57P0")
      || g_str_equal (sqlstate, "3D000") || g_str_equal (sqlstate, "53300"))
    return OB_ERROR_DATABASE_UNREACHABLE;
  if (g_str_has_prefix (sqlstate, "28"))
    return OB_ERROR_CREDENTIALS_REJECTED;
  if (g_str_equal (sqlstate, "53100"))
    return OB_ERROR_NO_SPACE;
  if (g_str_equal (sqlstate, "55P03") || g_str_equal (sqlstate, "55006")
      || g_str_equal (sqlstate, "40P01"))
    return OB_ERROR_BUSY;
  return OB_ERROR_FAILED;
}

static void
append_field (GString *text, const PGresult *result, int field, const char *before)
{
  const char *value = PQresultErrorField (result, field);

  if (value != NULL && *value != '\0')
    g_string_append_printf (text, "%s%s", before, value);
}

gboolean
ob_postgres_fail_with_result (ObPostgres *self, const PGresult *result, GError **error)
{
  g_autoptr (GString) text = g_string_new (NULL);
  const char *sqlstate = PQresultErrorField (result, PG_DIAG_SQLSTATE);
  g_autofree char *valid = NULL;

  g_strlcpy (self->sqlstate, sqlstate != NULL ? sqlstate : "", sizeof self->sqlstate);
  append_field (text, result, PG_DIAG_MESSAGE_PRIMARY, "");
  /* Of a row that a constraint refuses, all values are told: they are nobody's business. */
  if (!g_str_equal (self->sqlstate, "23502") && !g_str_equal (self->sqlstate, "23514"))
    append_field (text, result, PG_DIAG_MESSAGE_DETAIL, "; ");
  append_field (text, result, PG_DIAG_MESSAGE_HINT, "; ");
  if (text->len == 0)
    g_string_append (text, PQerrorMessage (self->connection));
  valid = g_utf8_make_valid (g_strchomp (text->str), -1);

  if (g_str_equal (self->sqlstate, "42501"))
    g_set_error (error, OB_ERROR, OB_ERROR_FAILED, "The role \"%s\" may not do this in %s: %s",
                 self->role, self->title, valid);
  else if (sqlstate == NULL)
    g_set_error (error, OB_ERROR, OB_ERROR_DATABASE_UNREACHABLE,
                 "The connection to %s was lost: %s", self->title, valid);
  else
    g_set_error (error, OB_ERROR, ob_postgres_map_sqlstate (self->sqlstate),
                 "PostgreSQL refused a statement in %s: %s", self->title, valid);
  return FALSE;
}

gboolean
ob_postgres_fail_connection (ObPostgres *self, GError **error)
{
  g_autofree char *valid = g_utf8_make_valid (PQerrorMessage (self->connection), -1);

  self->sqlstate[0] = '\0';
  g_set_error (error, OB_ERROR, OB_ERROR_DATABASE_UNREACHABLE, "The connection to %s was lost: %s",
               self->title, g_strchomp (valid));
  return FALSE;
}

/* cancelling */

/* PQcancel() blocks while it connects, which a dead network can make long. */
static gpointer
cancel_thread (gpointer data)
{
  char text[256];

  PQcancel (data, text, sizeof text);
  PQfreeCancel (data);
  return NULL;
}

static void
drain (ObPostgres *self)
{
  gint64 deadline = g_get_monotonic_time () + CANCEL_SECONDS * G_USEC_PER_SEC;

  for (;;)
    {
      PGresult *result;

      while (PQisBusy (self->connection) != 0)
        {
          if (ob_postgres_wait (PQsocket (self->connection), POLLIN, deadline, NULL)
                != OB_POSTGRES_READY
              || PQconsumeInput (self->connection) == 0)
            {
              self->broken = TRUE;
              return;
            }
        }
      result = PQgetResult (self->connection);
      if (result == NULL)
        return;
      PQclear (result);
    }
}

static gboolean
fail_cancelled (ObPostgres *self, GError **error)
{
  g_set_error (error, OB_ERROR, OB_ERROR_CANCELLED, "The job was cancelled while it worked in %s",
               self->title);
  return FALSE;
}

/* Ends the running statement on the server as well. */
static gboolean
cancel_running (ObPostgres *self, GError **error)
{
  PGcancel *cancel = PQgetCancel (self->connection);

  if (cancel != NULL)
    g_thread_unref (g_thread_new ("pg-cancel", cancel_thread, cancel));
  drain (self);
  g_strlcpy (self->sqlstate, "57014", sizeof self->sqlstate);
  return fail_cancelled (self, error);
}

/* statements */

gboolean
ob_postgres_wait_result (ObPostgres *self, GCancellable *cancellable, GError **error)
{
  for (;;)
    {
      int unsent = PQflush (self->connection);

      if (unsent < 0)
        return ob_postgres_fail_connection (self, error);
      if (unsent == 0 && PQisBusy (self->connection) == 0)
        return TRUE;
      if (ob_postgres_wait (PQsocket (self->connection), unsent > 0 ? POLLIN | POLLOUT : POLLIN, -1,
                            cancellable)
          == OB_POSTGRES_CANCELLED)
        return cancel_running (self, error);
      if (PQconsumeInput (self->connection) == 0)
        return ob_postgres_fail_connection (self, error);
    }
}

/* The last result of what was sent, or NULL with the first error. */
static PGresult *
collect (ObPostgres *self, GCancellable *cancellable, GError **error)
{
  PGresult *last = NULL;

  for (;;)
    {
      PGresult *result;
      ExecStatusType status;

      if (!ob_postgres_wait_result (self, cancellable, error))
        {
          PQclear (last);
          return NULL;
        }
      result = PQgetResult (self->connection);
      if (result == NULL)
        return last;

      PQclear (last);
      last = result;
      status = PQresultStatus (result);
      if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_EMPTY_QUERY)
        continue;

      ob_postgres_fail_with_result (self, result, error);
      PQclear (result);
      drain (self);
      return NULL;
    }
}

PGresult *
ob_postgres_query (ObPostgres *self,
                   const char *sql,
                   const char *const *parameters,
                   GCancellable *cancellable,
                   GError **error)
{
  int n = parameters != NULL ? (int) g_strv_length ((char **) parameters) : 0;
  PGresult *result;
  int sent;

  if (g_cancellable_is_cancelled (cancellable))
    {
      fail_cancelled (self, error);
      return NULL;
    }
  if (self->broken)
    {
      ob_postgres_fail_connection (self, error);
      return NULL;
    }

  self->sqlstate[0] = '\0';
  if (parameters == NULL)
    sent = PQsendQuery (self->connection, sql);
  else
    sent = PQsendQueryParams (self->connection, sql, n, NULL, parameters, NULL, NULL, 0);
  if (sent == 0)
    {
      ob_postgres_fail_connection (self, error);
      return NULL;
    }

  result = collect (self, cancellable, error);
  if (result == NULL && error != NULL && *error == NULL)
    ob_postgres_fail_connection (self, error);
  return result;
}

gboolean
ob_postgres_run (ObPostgres *self, GCancellable *cancellable, GError **error, const char *sql)
{
  PGresult *result = ob_postgres_query (self, sql, NULL, cancellable, error);

  PQclear (result);
  return result != NULL;
}

char *
ob_postgres_get_text (ObPostgres *self,
                      const char *sql,
                      const char *const *parameters,
                      GCancellable *cancellable,
                      GError **error)
{
  PGresult *result = ob_postgres_query (self, sql, parameters, cancellable, error);
  char *text = NULL;

  if (result != NULL && PQntuples (result) > 0 && PQnfields (result) > 0
      && PQgetisnull (result, 0, 0) == 0)
    text = g_strdup (PQgetvalue (result, 0, 0));
  PQclear (result);
  return text;
}

/* properties */

int
ob_postgres_get_version (ObPostgres *self)
{
  return PQserverVersion (self->connection);
}

PGconn *
ob_postgres_get_connection (ObPostgres *self)
{
  return self->connection;
}

const char *
ob_postgres_get_sqlstate (ObPostgres *self)
{
  return self->sqlstate;
}

void
ob_postgres_free (ObPostgres *self)
{
  if (self == NULL)
    return;

  PQfinish (self->connection);
  g_free (self->role);
  g_free (self->title);
  g_free (self);
}
