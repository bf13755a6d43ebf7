/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of ob-postgres.h share. */
#pragma once

#include "ob-postgres.h"

G_BEGIN_DECLS

struct _ObPostgres
{
  PGconn *connection;
  char *role;
  char *title;      /* "the database "x" at h, port p" */
  char sqlstate[6]; /* of the last statement; "" where it went well */
  gboolean broken;  /* the server did not answer a cancel: nothing more can be asked */
};

/* What a wait on the connection ended with. */
typedef enum
{
  OB_POSTGRES_READY,
  OB_POSTGRES_CANCELLED,
  OB_POSTGRES_LATE,
} ObPostgresWait;

/* Waits until @fd is ready for @events, @cancellable is cancelled or @deadline (monotonic, in
 * microseconds; -1 for none) is over. */
ObPostgresWait ob_postgres_wait (int fd, short events, gint64 deadline, GCancellable *cancellable);

/* The error that a SQLSTATE stands for; "" is a connection that was lost. */
int ob_postgres_map_sqlstate (const char *sqlstate);

/* "host", port "5432" or the directory of the socket, as people read it. Transfer full. */
char *ob_postgres_describe_server (const ObDatabaseConfig *config);

/* The number of rows of a table, without those of its children, whoever it belongs to.
 *
 * A superuser must not ask for count(*): planning a SELECT over a table evaluates, with the rights
 * of whoever asks, what the table's owner put into index expressions and predicates
 * (eval_const_expressions() calls an immutable function whose arguments are constants). COPY plans
 * nothing. It hands over @column, a small one that is not generated (NULL: all), and we look at the
 * number only. Errors: as those of ob_postgres_query(). */
gboolean ob_postgres_count_by_copy (ObPostgres *postgres,
                                    const char *schema,
                                    const char *name,
                                    const char *column,
                                    gint64 *rows,
                                    GCancellable *cancellable,
                                    GError **error);

G_END_DECLS
