/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A connection to PostgreSQL through libpq: blocking for the caller, but every wait ends at once
 * when the cancellable is cancelled (the running query is cancelled on the server too). */
#pragma once

#include <gio/gio.h>
#include <libpq-fe.h>

#include "ob-database.h"

G_BEGIN_DECLS

typedef struct _ObPostgres ObPostgres;

typedef enum
{
  OB_ROLE_OWNER,     /* bbdd.user */
  OB_ROLE_SUPERUSER, /* bbdd.systemUser */
} ObRole;

/* Whether the server runs on this host, as far as its name tells. */
gboolean ob_postgres_is_local (const ObDatabaseConfig *config);

/* Connects to @database (NULL: config->name) as @role, application_name "obbackup", search_path
 * pg_catalog alone, client_encoding UTF8, no statement timeout; without encryption where the server was
 * seen to be on this host, wants none, and bbdd.props says nothing of it. Limit for connecting: 15 s. Errors:
 * DATABASE_UNREACHABLE, CREDENTIALS_REJECTED, NOT_SUPPORTED where the role is not configured, all
 * naming role, database, host and port. Transfer full. */
ObPostgres *ob_postgres_connect (const ObDatabaseConfig *config,
                                 ObRole role,
                                 const char *database,
                                 GCancellable *cancellable,
                                 GError **error);
void ob_postgres_free (ObPostgres *postgres);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObPostgres, ob_postgres_free)

/* The superuser where one is configured, else the owner. */
ObRole ob_database_admin_role (const ObDatabaseConfig *config);

/* Connects as that role to a database that is there even where config->name is not, for CREATE,
 * DROP and RENAME. Transfer full. */
ObPostgres *ob_database_connect_admin (const ObDatabaseConfig *config,
                                       GCancellable *cancellable,
                                       GError **error);

/* As PQserverVersion(): 150018. */
int ob_postgres_get_version (ObPostgres *postgres);
PGconn *ob_postgres_get_connection (ObPostgres *postgres); /* transfer none */

/* Runs one statement with text parameters ($1…; NULL-terminated array or NULL). The error keeps the
 * server's message and is mapped from its SQLSTATE: 28xxx CREDENTIALS_REJECTED, 3D000 and class 08,
 * 57P0x DATABASE_UNREACHABLE, 53100 NO_SPACE, 55P03 and 55006 BUSY, 42501 NOT_AUTHORIZED is told as
 * FAILED with the role named, 57014 CANCELLED only if @cancellable is. Transfer full (PQclear). */
PGresult *ob_postgres_query (ObPostgres *postgres,
                             const char *sql,
                             const char *const *parameters,
                             GCancellable *cancellable,
                             GError **error);

/* As ob_postgres_query() for statements whose result is of no interest; several statements are
 * allowed where there are no parameters. */
gboolean
ob_postgres_run (ObPostgres *postgres, GCancellable *cancellable, GError **error, const char *sql);

/* Executes a formatted statement; %I quotes an identifier, %L a literal, %s inserts as it is, %u.
 */
gboolean ob_postgres_runf (ObPostgres *postgres,
                           GCancellable *cancellable,
                           GError **error,
                           const char *format,
                           ...);

/* The text so formatted. Transfer full. */
char *ob_postgres_format (const char *format, ...);

/* A connection string for PostgreSQL's own programs, without a secret in it (libpq, "Connection
 * Strings"). Transfer full. */
char *ob_postgres_build_conninfo (const ObDatabaseConfig *config, ObRole role,
                                  const char *database);

/* SQLSTATE of the last error on this connection, "" for none. Transfer none. */
const char *ob_postgres_get_sqlstate (ObPostgres *postgres);

/* First column of the first row; NULL without error where there is no row or it is null. Transfer
 * full. */
char *ob_postgres_get_text (ObPostgres *postgres,
                            const char *sql,
                            const char *const *parameters,
                            GCancellable *cancellable,
                            GError **error);

/* A private pass file (mode 0600, in memory) with the passwords of both roles for every database of
 * this server, for children's PGPASSFILE. Gone when freed. Its path, "/proc/self/fd/N", is right in
 * those children alone whose keep_fds has the descriptor, which is 3 or more. */
typedef struct _ObPassFile ObPassFile;
ObPassFile *ob_pass_file_new (const ObDatabaseConfig *config, GError **error);
int ob_pass_file_get_fd (ObPassFile *file); /* transfer none */
const char *ob_pass_file_get_path (ObPassFile *file);
void ob_pass_file_free (ObPassFile *file);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObPassFile, ob_pass_file_free)

/* The absolute path of "pg_dump" or "pg_restore" of the server's major version, or else the lowest
 * newer one on this host: /usr/lib/postgresql/N/bin, /usr/pgsql-N/bin, then PATH, each asked for
 * its version. For a server before 17 none from 17 on, which could not restore to it. @reader: the
 * oldest major version that reads the archive in question; 0: any. Transfer full. Errors:
 * VERSION_MISMATCH saying which package to install. */
char *ob_postgres_find_tool (const char *tool,
                             int server_version,
                             int reader,
                             GCancellable *cancellable,
                             GError **error);

G_END_DECLS
