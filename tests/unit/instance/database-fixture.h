/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A PostgreSQL server of a test program's own, and databases in it. */
#pragma once

#include "ob-database.h"
#include "ob-error.h"
#include "ob-postgres.h"

G_BEGIN_DECLS

#define OWNER "tad"
#define READER "ob_report"

#define g_assert_ob_error(error, error_code) g_assert_error (error, OB_ERROR, error_code)

/* Asserts that the message names what it should. */
#define g_assert_message(error, part)                                                              \
  g_assert_nonnull (strstr ((error)->message, part) != NULL ? (error)->message : NULL)

/* Starts the server with the roles OWNER and READER; FALSE where it cannot be done here (not root,
 * no PostgreSQL): then the tests skip. */
gboolean server_start (void);
void server_stop (void);

/* One test's database, "erp", owned by OWNER. */
typedef struct
{
  ObDatabaseConfig *config;
  ObDatabaseConfig *no_superuser; /* the same without a superuser */
  GPtrArray *warnings;            /* of the progress; the lost ones begin with "LOST: " */
  ObProgress *progress;
  guint n_fds;
} Database;

/* For g_test_add(); the tear-down checks that neither descriptors nor processes are left. */
void database_set_up (Database *database, gconstpointer data);
void database_tear_down (Database *database, gconstpointer data);

/* Skips the test where there is no server. */
#define database_or_skip(database)                                                                 \
  if ((database)->config == NULL)                                                                  \
    {                                                                                              \
      g_test_skip ("needs root and PostgreSQL");                                                   \
      return;                                                                                      \
    }

/* Runs statements in @name (NULL: "erp"), each in a connection of its own. */
void database_run (Database *database, ObRole role, const char *name, const char *sql);
char *database_ask (Database *database, const char *name, const char *sql); /* transfer full */

/* Runs one of tests/lib's SQL files through psql. */
void database_run_file (Database *database, ObRole role, const char *file);

/* A path that the server can write to. Transfer full. */
char *database_make_path (const char *name);

/* Fills it as Openbravo's is filled: schema*.sql and data.sql. */
void database_fill (Database *database);

/* A connection for locks and transactions. */
ObPostgres *database_connect (Database *database, ObRole role);

/* What is in the tables, sequences and large objects of @name, as text. Transfer full. */
char *database_describe (Database *database, const char *name);

/* Process ids of children of this process by name, as GUINT. Transfer full. */
GArray *find_children (const char *name);

/* All archives of a dump, in memory. */
typedef struct
{
  GPtrArray *names;   /* NULL-terminated */
  GPtrArray *archives; /* of GByteArray, in the same order */
  JsonObject *facts;
  guint n_parallel;    /* for the restore; 2 */
  const char *broken;  /* the stream that cannot be read: CORRUPT; or NULL */
  gint n_broken;       /* how often it was asked for; atomic */
} Archives;

/* Dumps as a backup does: all streams at once. NULL on error. */
Archives *archives_dump (const ObDatabaseConfig *config, guint n_parallel, guint lock_timeout,
                         ObProgress *progress, GCancellable *cancellable, GError **error);

/* Restores them as @target. */
gboolean archives_restore (Archives *archives, const ObDatabaseConfig *config, const char *target,
                           ObProgress *progress, GError **error);

/* Puts an archive with the same rows in the place of the first with rows, which is the only one:
 * compressed, as we never write them. */
void archives_compress (Archives *archives, Database *database);
void archives_free (Archives *archives);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Archives, archives_free)

/* Runs @work over and over in a thread until it is stopped. */
typedef struct _Disturber Disturber;
typedef void (*DisturberFunc) (ObPostgres *postgres);
Disturber *disturber_start (Database *database, DisturberFunc work);
guint disturber_stop (Disturber *disturber); /* its rounds */

G_END_DECLS
