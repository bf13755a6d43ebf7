/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <gio/gio.h>
#include <json-glib/json-glib.h>

#include "ob-progress.h"

G_BEGIN_DECLS

/* How to reach an installation's PostgreSQL database. Frozen with the instance. */
typedef struct
{
  char *host;            /* name, address, or absolute directory of the socket */
  guint port;            /* 1 to 65535 */
  char *name;            /* of the database (bbdd.sid), at most 63 bytes */
  char *user;            /* bbdd.user, who owns it */
  char *password;        /* may be NULL */
  char *system_user;     /* bbdd.systemUser, a superuser; may be NULL */
  char *system_password; /* may be NULL */
  char *ssl_mode;        /* libpq's word, "require"…; NULL: as libpq does by itself */
  char *ssl_root_cert;   /* file of the authorities to trust; may be NULL */
} ObDatabaseConfig;

ObDatabaseConfig *ob_database_config_copy (const ObDatabaseConfig *config);
void ob_database_config_free (ObDatabaseConfig *config); /* wipes the passwords */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObDatabaseConfig, ob_database_config_free)

/* Every function below blocks and belongs to job threads; one object is used by one thread at a
 * time unless a function says otherwise. Errors everywhere: DATABASE_UNREACHABLE (down, missing),
 * CREDENTIALS_REJECTED (wrong password, role may not log in), VERSION_MISMATCH (no pg_dump or
 * pg_restore on this host that suits the server's major version), BUSY (a lock not had in time:
 * names the table and who holds it), NO_SPACE, CANCELLED, FAILED. */

/* Connects as owner and (where configured) as superuser, and tells in words what is wrong or
 * missing: one sentence each in @problems (transfer full). TRUE where it could be tried at all.
 * @size: bytes of the database; @server_version as PQserverVersion(). Both may be NULL. */
gboolean ob_database_check (const ObDatabaseConfig *config, GPtrArray **problems, guint64 *size,
                            int *server_version, GCancellable *cancellable, GError **error);

/* ---- Dump ------------------------------------------------------------------------------------ */

/* One consistent dump: an exported snapshot, and the pg_dump processes that read it. */
typedef struct _ObDatabaseDump ObDatabaseDump;

/* Locks every table, takes the snapshot, reads the catalogue facts, plans the streams. The locks
 * are held until every pg_dump has its own. @n_parallel: data streams read at the same time, 1 to
 * 16. @lock_timeout: seconds to wait for the locks in all before BUSY. Transfer full. */
ObDatabaseDump *ob_database_dump_begin (const ObDatabaseConfig *config, guint n_parallel,
                                        guint lock_timeout, ObProgress *progress,
                                        GCancellable *cancellable, GError **error);

/* The archives of the dump: "schema.dump" first, then "data-1.dump"…, "large-objects.dump" where
 * there are any. */
guint ob_database_dump_get_n_streams (ObDatabaseDump *dump);
const char *ob_database_dump_get_stream_name (ObDatabaseDump *dump, guint stream);

/* The bytes that stream is expected to have, roughly (from catalogue sizes). */
guint64 ob_database_dump_get_expected_size (ObDatabaseDump *dump, guint stream);

/* Starts the pg_dump of @stream; the descriptor gives the archive's bytes (owned by the caller).
 * Streams may be opened and read in several threads at once. -1 on error. */
int ob_database_dump_open (ObDatabaseDump *dump, guint stream, GCancellable *cancellable,
                           GError **error);

/* After the end of file: waits for that pg_dump and checks its exit status and messages. */
gboolean ob_database_dump_close (ObDatabaseDump *dump, guint stream, GCancellable *cancellable,
                                 GError **error);

/* What the manifest says of the database: server version, name, OID, owner, encoding, locale,
 * tablespaces, settings, ACL, comment, connection limit, roles, extensions, sizes, "tables" with
 * exact row counts in the snapshot, "modules", application state, "attachments" (C_FILE)… All that
 * a restore on an empty cluster needs, no password. Valid once every stream is closed. Transfer
 * full. */
JsonObject *ob_database_dump_describe (ObDatabaseDump *dump, GCancellable *cancellable,
                                       GError **error);

/* Calls @func with (relative path below attach.path, size is unknown) of every attachment that
 * C_FILE lists in this snapshot: the directory as C_FILE.PATH or tableId-recordId, and the file's
 * name. FALSE of @func ends it. */
typedef gboolean (*ObAttachmentFunc) (const char *relative_path, gpointer user_data);
gboolean ob_database_dump_list_attachments (ObDatabaseDump *dump, ObAttachmentFunc func,
                                            gpointer user_data, GCancellable *cancellable,
                                            GError **error);

/* Ends what still runs and lets go of the snapshot. */
void ob_database_dump_free (ObDatabaseDump *dump);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObDatabaseDump, ob_database_dump_free)

/* ---- Restore --------------------------------------------------------------------------------- */

/* Where the archives come from. All is called in threads of the restore, for several archives at
 * once. */
typedef struct
{
  /* Writes the archive @stream to @fd (a pipe or a memfd) and does not close it. An EPIPE means that
   * pg_restore has ended: return FALSE with any error; its own message wins. */
  gboolean (*feed) (const char *stream, int fd, gpointer user_data, GCancellable *cancellable,
                    GError **error);

  /* The archive @stream to be read piece by piece; @cancellable holds for all of it. NULL on error.
   * next(): the bytes are there until the next call; *@size is 0 at the end alone. */
  gpointer (*open) (const char *stream, gpointer user_data, GCancellable *cancellable,
                    GError **error);
  gboolean (*next) (gpointer archive, const guint8 **data, gsize *size, GError **error);
  void (*close) (gpointer archive);
} ObDatabaseSource;

typedef struct
{
  const char *target;   /* name of the database to make; must not exist */
  JsonObject *facts;    /* as ob_database_dump_describe() gave them */
  const char *const *streams; /* the archives that the backup holds, NULL-terminated */
  guint n_parallel;     /* connections that load rows or build indexes at a time */
  const ObDatabaseSource *source;
  gpointer user_data;
  gboolean scratch;     /* to be looked at and dropped: it stays closed to all but owner and
                           superusers, and every row is counted in the database itself */
} ObDatabaseRestore;

/* Makes @target and fills it: roles that are missing (without password, NOLOGIN, warned of),
 * extensions by the superuser, everything of bbdd.user as bbdd.user, what belongs to others by the
 * superuser, settings, ACL, comment; ANALYZE; then compares row counts with the facts. While it is
 * filled nobody but the owner and superusers can connect. On error @target is dropped again. */
gboolean ob_database_restore (const ObDatabaseConfig *config, const ObDatabaseRestore *restore,
                              ObProgress *progress, GCancellable *cancellable, GError **error);

/* Whether the file system of @tablespace of a server on this host (NULL, or one that is not there:
 * of the server's own directory) has room for a database of @bytes above the floor of free space
 * that a restore leaves (5 %, but 32 MiB at least and 1 GiB at most). TRUE where the server's files
 * cannot be seen from here. Errors: NO_SPACE telling what is needed and free. */
gboolean ob_database_check_space (const ObDatabaseConfig *config, const char *tablespace,
                                  guint64 bytes, GCancellable *cancellable, GError **error);

/* ---- Checks ---------------------------------------------------------------------------------- */

#define OB_DATABASE_MAX_CHECKS 32
#define OB_DATABASE_MAX_CHECK_SIZE 4096 /* bytes of one */

/* How one check ended. */
typedef struct
{
  char *sql;
  gboolean ok;
  char *message; /* a sentence: why not; NULL where it is good */
} ObDatabaseCheck;

void ob_database_check_free (ObDatabaseCheck *check);

/* Runs each of @checks (NULL-terminated, may be NULL) in @database, as config->user, in a
 * read-only transaction of its own that is rolled back, for @seconds at most. One is good if it
 * gives one row with one column that is true, or a number above 0; what the server refuses (a
 * write, two statements in one text, an error) is not. Array of ObDatabaseCheck, transfer full.
 * Errors: those of connecting, and CANCELLED; then nothing was learnt of the checks. */
GPtrArray *ob_database_run_checks (const ObDatabaseConfig *config, const char *database,
                                   const char *const *checks, guint seconds,
                                   GCancellable *cancellable, GError **error);

/* ---- Databases by name
 * ------------------------------------------------------------------------ */

/* Whether a database has the name; *@exists. Works while config->name is missing. */
gboolean ob_database_exists (const ObDatabaseConfig *config, const char *name, gboolean *exists,
                             GCancellable *cancellable, GError **error);

/* *@size: bytes that the database @name takes on the server. */
gboolean ob_database_get_size (const ObDatabaseConfig *config, const char *name, guint64 *size,
                               GCancellable *cancellable, GError **error);

/* Renames config->name to @kept (where it exists) and @staged to config->name in one transaction,
 * ending other sessions on both first. Nobody can connect in between. @n_ended: sessions ended. */
gboolean ob_database_swap (const ObDatabaseConfig *config, const char *staged, const char *kept,
                           guint *n_ended, GCancellable *cancellable, GError **error);

/* Drops @name; ends its sessions. A missing one is no error. Never config->name. */
gboolean ob_database_drop (const ObDatabaseConfig *config, const char *name,
                           GCancellable *cancellable, GError **error);

/* Drops @name for good: renames it to @doomed first, since one whose drop is cut off may look like a
 * whole one. A former call may have come so far, so what has that name is dropped, too. NULL: the
 * record of @name is too old to have another name for it. Not to be cancelled. */
gboolean ob_database_release (const ObDatabaseConfig *config, const char *name, const char *doomed,
                              GError **error);

/* The facts to warn of before a swap: whether AD_SYSTEM.ACTIVATION_KEY is set in config->name.
 * A missing database or table has none. */
gboolean ob_database_has_activation_key (const ObDatabaseConfig *config, gboolean *has_key,
                                         GCancellable *cancellable, GError **error);

G_END_DECLS
