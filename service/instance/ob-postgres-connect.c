/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-postgres-private.h"

#include <poll.h>
#include <string.h>

#include "ob-error.h"

#define CONNECT_SECONDS 15

/* A session as we want it, whatever ALTER DATABASE or ALTER ROLE … SET say. The two timeouts of the
 * second statement are not in every version. */
static const char set_up_session[] =
  "SET search_path TO pg_catalog;"
  "SET statement_timeout TO 0; SET lock_timeout TO 0;"
  "SET idle_in_transaction_session_timeout TO 0;"
  "SET default_transaction_isolation TO 'read committed';"
  "SET default_transaction_read_only TO off; SET default_transaction_deferrable TO off;"
  /* What we commit, as the swap of two databases, is to be on disk. */
  "SET synchronous_commit TO on;"
  "SET standard_conforming_strings TO on; SET datestyle TO 'ISO, YMD';"
  "SET client_min_messages TO warning; SET extra_float_digits TO 3;"
  "SELECT pg_catalog.set_config (name, '0', false) FROM pg_catalog.pg_settings"
  " WHERE name IN ('idle_session_timeout', 'transaction_timeout')";

char *
ob_postgres_describe_server (const ObDatabaseConfig *config)
{
  if (config->host[0] == '/')
    return g_strdup_printf ("the socket in %s, port %u", config->host, config->port);
  return g_strdup_printf ("%s, port %u", config->host, config->port);
}

/* Our messages tell it; libpq would write to standard error. */
static void
ignore_notice (void *data, const PGresult *result)
{
}

/* The SQLSTATE in the text of a verbose message, "FATAL:  28P01: …", whatever its language. */
static void
find_sqlstate (const char *message, char sqlstate[6])
{
  g_autoptr (GRegex) regex = g_regex_new (":  ([0-9A-Z]{5}): ", G_REGEX_RAW, 0, NULL);
  g_autoptr (GMatchInfo) match = NULL;
  g_autofree char *found = NULL;

  sqlstate[0] = '\0';
  if (!g_regex_match (regex, message, 0, &match))
    return;
  found = g_match_info_fetch (match, 1);
  g_strlcpy (sqlstate, found, 6);
}

/* The first words of the server or of libpq that matter to a person: without the state and the
 * place in PostgreSQL's own source. */
static char *
clean_message (const char *message)
{
  g_autofree char *valid = g_utf8_make_valid (message, -1);
  g_auto (GStrv) lines = g_strsplit (valid, "\n", -1);
  g_autoptr (GRegex) regex = g_regex_new ("([A-Z]+|[^ ]+):  [0-9A-Z]{5}: ", 0, 0, NULL);
  GString *text = g_string_new (NULL);

  for (guint i = 0; lines[i] != NULL; i++)
    {
      g_autofree char *line = g_regex_replace_literal (regex, lines[i], -1, 0, "", 0, NULL);

      g_strstrip (line);
      /* The place: "LOCATION:  auth_failed, auth.c:338", translated; and libpq's hints, for which
       * we have our own: "Is the server running on that host?" */
      if (*line == '\0' || lines[i][0] == '\t'
          || g_regex_match_simple (":  [A-Za-z_0-9]+, [a-z_A-Z0-9]+\\.c:[0-9]+$", line, 0, 0))
        continue;
      if (text->len > 0)
        g_string_append (text, "; ");
      g_string_append (text, line);
    }
  return g_string_free (text, FALSE);
}

static gboolean
fail_to_connect (ObPostgres *self, GError **error)
{
  const char *message = PQerrorMessage (self->connection);
  g_autofree char *clean = clean_message (message);
  int code;

  find_sqlstate (message, self->sqlstate);
  code = ob_postgres_map_sqlstate (self->sqlstate);
  /* No password at all, or one where the server takes none of it. */
  if (PQconnectionNeedsPassword (self->connection) != 0)
    code = OB_ERROR_CREDENTIALS_REJECTED;

  if (code == OB_ERROR_CREDENTIALS_REJECTED)
    g_set_error (error, OB_ERROR, code,
                 "PostgreSQL does not let the role \"%s\" into %s: %s. Check the user and the "
                 "password in the properties, and pg_hba.conf on the server",
                 self->role, self->title, clean);
  else if (g_str_equal (self->sqlstate, "42501"))
    g_set_error (error, OB_ERROR, OB_ERROR_CREDENTIALS_REJECTED,
                 "The role \"%s\" may not connect to %s: %s", self->role, self->title, clean);
  else
    g_set_error (error, OB_ERROR, code, "The role \"%s\" cannot reach %s: %s%s", self->role,
                 self->title, clean,
                 code == OB_ERROR_DATABASE_UNREACHABLE
                   ? ". Start the server, or correct bbdd.url in the properties"
                   : "");
  return FALSE;
}

/* Goes through libpq's steps, each of which is bounded. */
static gboolean
go_on_connecting (ObPostgres *self, GCancellable *cancellable, GError **error)
{
  gint64 deadline = g_get_monotonic_time () + CONNECT_SECONDS * G_USEC_PER_SEC;
  PostgresPollingStatusType status = PGRES_POLLING_WRITING;

  while (status != PGRES_POLLING_OK)
    {
      if (PQstatus (self->connection) == CONNECTION_BAD || status == PGRES_POLLING_FAILED)
        return fail_to_connect (self, error);

      switch (ob_postgres_wait (PQsocket (self->connection),
                                status == PGRES_POLLING_READING ? POLLIN : POLLOUT, deadline,
                                cancellable))
        {
        case OB_POSTGRES_CANCELLED:
          g_set_error (error, OB_ERROR, OB_ERROR_CANCELLED,
                       "The job was cancelled while it connected to %s", self->title);
          return FALSE;
        case OB_POSTGRES_LATE:
          g_set_error (error, OB_ERROR, OB_ERROR_DATABASE_UNREACHABLE,
                       "The server of %s did not answer within %d seconds", self->title,
                       CONNECT_SECONDS);
          return FALSE;
        default:
          status = PQconnectPoll (self->connection);
          break;
        }
    }
  return TRUE;
}

/* The addresses of a host by name as libpq takes them: lists of equal length. A name server that
 * does not answer would block libpq past any cancellation, so it is asked here. */
static gboolean
resolve (const char *host,
         char **hosts,
         char **addresses,
         GCancellable *cancellable,
         GError **error)
{
  g_autoptr (GResolver) resolver = NULL;
  g_autoptr (GString) names = g_string_new (NULL);
  g_autoptr (GString) numbers = g_string_new (NULL);
  g_autoptr (GError) local_error = NULL;
  GList *list;

  if (host[0] == '/')
    {
      *hosts = g_strdup (host);
      return TRUE;
    }

  resolver = g_resolver_get_default ();
  list = g_resolver_lookup_by_name (resolver, host, cancellable, &local_error);
  if (list == NULL)
    {
      gboolean cancelled = g_cancellable_is_cancelled (cancellable);

      g_set_error (error, OB_ERROR, cancelled ? OB_ERROR_CANCELLED : OB_ERROR_DATABASE_UNREACHABLE,
                   "The database server %s cannot be found: %s", host, local_error->message);
      return FALSE;
    }

  for (GList *l = list; l != NULL; l = l->next)
    {
      g_autofree char *number = g_inet_address_to_string (l->data);

      g_string_append_printf (names, "%s%s", names->len > 0 ? "," : "", host);
      g_string_append_printf (numbers, "%s%s", numbers->len > 0 ? "," : "", number);
    }
  g_resolver_free_addresses (list);
  *hosts = g_strdup (names->str);
  *addresses = g_strdup (numbers->str);
  return TRUE;
}

static PGconn *
start (const ObDatabaseConfig *config,
       ObRole role,
       const char *database,
       const char *hosts,
       const char *addresses,
       const char *ssl_mode)
{
  gboolean owner = role == OB_ROLE_OWNER;
  const char *password = owner ? config->password : config->system_password;
  g_autofree char *port = g_strdup_printf ("%u", config->port);
  /* Nothing but what is configured decides: no pass file of whoever runs us. */
  const char *const keywords[] = { "host",
                                   "hostaddr",
                                   "port",
                                   "dbname",
                                   "user",
                                   "password",
                                   "passfile",
                                   "application_name",
                                   "client_encoding",
                                   "gssencmode",
                                   "keepalives_idle",
                                   "keepalives_interval",
                                   "keepalives_count",
                                   "tcp_user_timeout",
                                   "sslmode",
                                   "sslrootcert",
                                   NULL };
  const char *const values[] = {
    hosts,    addresses,      port,       database, owner ? config->user : config->system_user,
    password, "/nonexistent", "obbackup", "UTF8",   "disable",
    "30",     "10",           "3",        "60000",  ssl_mode,
    config->ssl_root_cert, NULL
  };

  G_STATIC_ASSERT (G_N_ELEMENTS (keywords) == G_N_ELEMENTS (values));
  return PQconnectStartParams (keywords, values, 0);
}

/* Takes @connection. */
static gboolean
establish (ObPostgres *self, PGconn *connection, GCancellable *cancellable, GError **error)
{
  g_clear_pointer (&self->connection, PQfinish);
  self->connection = connection;
  if (self->connection == NULL)
    g_error ("Out of memory");
  PQsetNoticeReceiver (self->connection, ignore_notice, NULL);
  /* So that a refused connection tells its SQLSTATE, for which libpq has no function. */
  PQsetErrorVerbosity (self->connection, PQERRORS_VERBOSE);
  if (!go_on_connecting (self, cancellable, error))
    return FALSE;

  PQsetErrorVerbosity (self->connection, PQERRORS_DEFAULT);
  PQsetnonblocking (self->connection, 1);
  return TRUE;
}

/* Without encryption where that is enough; see ob-postgres-encryption.c. */
static gboolean
connect_to (ObPostgres *self,
            const ObDatabaseConfig *config,
            ObRole role,
            const char *database,
            GCancellable *cancellable,
            GError **error)
{
  const char *ssl_mode = ob_postgres_choose_ssl_mode (config, "disable");
  g_autofree char *hosts = NULL;
  g_autofree char *addresses = NULL;
  g_autoptr (GError) local_error = NULL;
  gboolean without = ssl_mode != config->ssl_mode;
  gboolean refused, away;

  if (!resolve (config->host, &hosts, &addresses, cancellable, error))
    return FALSE;
  refused = !establish (self, start (config, role, database, hosts, addresses, ssl_mode),
                        cancellable, &local_error);
  if (refused && (!without || !ob_postgres_may_want_encryption (self->sqlstate)))
    {
      g_propagate_error (error, g_steal_pointer (&local_error));
      return FALSE;
    }
  away = !refused && without && !ob_postgres_is_still_here (config, self, cancellable);
  if ((refused || away)
      && !establish (self, start (config, role, database, hosts, addresses, NULL), cancellable,
                     error))
    return FALSE;
  ob_postgres_learn_encryption (config, self, refused, cancellable);
  return TRUE;
}

ObPostgres *
ob_postgres_connect (const ObDatabaseConfig *config,
                     ObRole role,
                     const char *database,
                     GCancellable *cancellable,
                     GError **error)
{
  g_autoptr (ObPostgres) self = NULL;
  g_autofree char *server = ob_postgres_describe_server (config);

  if (role == OB_ROLE_SUPERUSER && config->system_user == NULL)
    {
      g_set_error_literal (error, OB_ERROR, OB_ERROR_NOT_SUPPORTED,
                           "No superuser of PostgreSQL is configured (bbdd.systemUser)");
      return NULL;
    }
  if (database == NULL)
    database = config->name;
  self = g_new0 (ObPostgres, 1);
  self->role = g_strdup (role == OB_ROLE_OWNER ? config->user : config->system_user);
  self->title = g_strdup_printf ("the database \"%s\" at %s", database, server);
  if (!connect_to (self, config, role, database, cancellable, error)
      || !ob_postgres_run (self, cancellable, error, set_up_session))
    return NULL;
  return g_steal_pointer (&self);
}
