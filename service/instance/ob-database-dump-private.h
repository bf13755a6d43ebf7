/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of the database's dump share. */
#pragma once

#include "ob-child.h"
#include "ob-postgres.h"

G_BEGIN_DECLS

/* A table of the snapshot, plain or partitioned. */
typedef struct
{
  guint oid;
  char *schema;
  char *name;
  char *owner;
  gboolean partitioned; /* has no rows of its own */
  gboolean extension;   /* an extension makes it, and decides which rows pg_dump takes */
  gboolean readable;    /* by bbdd.user */
  gboolean filtered;    /* row security hides rows even from its owner */
  guint64 bytes;        /* with TOAST, without indexes */
  char *column;         /* a small one that can be copied; NULL where there is none */
  gint64 rows;          /* -1: not counted yet */
} ObDumpTable;

/* One archive, and the pg_dump that writes it. */
typedef struct
{
  char *name;
  GPtrArray *arguments; /* of pg_dump, beside those that all have */
  guint64 expected;     /* bytes */
  ObChild *child;
  int fd;               /* our end of the pipe until it is handed out */
  gboolean ready;       /* it writes, so it has its locks and has read the catalogues */
} ObDumpStream;

/* Counts the rows of bbdd.user's tables, over a connection of that role, in a thread of its own. */
typedef struct _ObRowCount ObRowCount;

/* Set up by ob_database_dump_begin(). Afterwards @session, @owner and @tables belong to the one
 * thread that describes; each stream belongs to the thread that opened it. */
struct _ObDatabaseDump
{
  ObDatabaseConfig *config;
  ObProgress *progress; /* may be NULL */
  ObRole role;          /* who dumps: the superuser where one is configured, else the owner */
  gboolean superuser;   /* whether that role is one */
  guint n_parallel;
  guint lock_timeout;   /* seconds */
  ObPostgres *session;  /* holds the locks and the snapshot */
  ObPassFile *pass_file;
  char *pg_dump;        /* absolute path */
  char *snapshot;       /* as pg_export_snapshot() gave it */
  GPtrArray *tables;    /* of ObDumpTable, all that are locked */
  GPtrArray *streams;   /* of ObDumpStream */
  ObRowCount *count;    /* until it is joined */
  ObPostgres *owner;    /* afterwards: bbdd.user's connection in the same snapshot */
};

/* ---- ob-database-dump-lock.c */

/* Locks all tables, takes the snapshot, exports it and lists its tables. Tries again until
 * @deadline (monotonic, in microseconds). Errors: BUSY naming a table and who holds it. */
gboolean ob_dump_take_snapshot (ObDatabaseDump *dump, gint64 deadline, GCancellable *cancellable,
                                GError **error);

/* LOCK TABLE over @tables (of ObDumpTable), in @postgres's transaction. */
gboolean ob_dump_lock_tables (ObPostgres *postgres, GPtrArray *tables, GCancellable *cancellable,
                              GError **error);

/* Whether a session of ours waits for a lock: *@waiting; and whether it waits behind somebody who
 * waits for us, which would never end: *@stuck. */
gboolean ob_dump_look_for_waiters (ObDatabaseDump *dump, gboolean *waiting, gboolean *stuck,
                                   GCancellable *cancellable, GError **error);

/* Lets those who are stuck pass whoever waits for us. Only a superuser can: *@done. */
gboolean ob_dump_untangle (ObDatabaseDump *dump, gboolean *done, GCancellable *cancellable,
                           GError **error);

/* BUSY, with the table that is locked or waited for, and by whom. Always FALSE. */
gboolean ob_dump_fail_busy (ObDatabaseDump *dump, GCancellable *cancellable, GError **error);

/* FALSE where it was cancelled meanwhile. */
gboolean ob_dump_pause (guint milliseconds, GCancellable *cancellable, GError **error);

void ob_dump_table_free (ObDumpTable *table);

/* ---- ob-database-dump-plan.c */

/* Cuts the snapshot's tables into streams. */
gboolean ob_dump_plan (ObDatabaseDump *dump, GCancellable *cancellable, GError **error);

/* ---- ob-database-dump-rows.c */

/* Starts the thread. @tables of @dump have to outlive it. Transfer full. */
ObRowCount *ob_row_count_new (ObDatabaseDump *dump);

/* Whether it has its locks: *@ready. FALSE with the error that ended it. */
gboolean ob_row_count_is_ready (ObRowCount *count, gboolean *ready, GError **error);

/* Waits for the end and hands over the connection (transfer full); NULL on error. */
ObPostgres *ob_row_count_join (ObRowCount *count, GCancellable *cancellable, GError **error);

/* Ends it. */
void ob_row_count_free (ObRowCount *count);

/* Counts what the thread left out, over @dump's session. */
gboolean ob_dump_count_others (ObDatabaseDump *dump, GCancellable *cancellable, GError **error);

/* ---- ob-database-dump.c */

/* Waits for the rows that are being counted; dump->owner is there afterwards. */
gboolean ob_dump_join_count (ObDatabaseDump *dump, GCancellable *cancellable, GError **error);

/* ---- ob-database-facts.c */

/* What the catalogues tell of the database that @postgres is connected to, as the manifest has it.
 * Transfer full. */
JsonObject *ob_database_read_catalogue (ObPostgres *postgres, GCancellable *cancellable,
                                        GError **error);

/* That, its roles and its tables. Transfer full. */
JsonObject *ob_dump_read_facts (ObDatabaseDump *dump, GCancellable *cancellable, GError **error);

/* ---- ob-database-application.c */

/* Adds what Openbravo's own tables tell: "modules", "application", "activation_key". */
gboolean ob_dump_add_application (ObDatabaseDump *dump, JsonObject *facts,
                                  GCancellable *cancellable, GError **error);

G_END_DECLS
