/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of ob-postgres.h share. */
#pragma once

#include <poll.h>

#include "ob-postgres.h"

G_BEGIN_DECLS

struct _ObPostgres
{
  PGconn *connection;
  char *role;
  char *title;      /* "the database "x" at h, port p" */
  char sqlstate[6]; /* of the last statement; "" where it went well */
  gboolean broken;  /* the server did not answer a cancel: nothing more can be asked */
  gboolean copy_ended; /* all rows of a COPY FROM were handed over */
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

/* The same for several connections: those of @fds (their fd, events and revents as poll(2) has
 * them; an fd of -1 is left out), at most OB_POSTGRES_MAX_WAIT. */
#define OB_POSTGRES_MAX_WAIT 32
ObPostgresWait ob_postgres_wait_any (struct pollfd *fds, guint n_fds, gint64 deadline,
                                     GCancellable *cancellable);

/* Fails with what the server said of a statement, or, where no result tells, of the connection.
 * Always FALSE. */
gboolean ob_postgres_fail_with_result (ObPostgres *postgres, const PGresult *result,
                                       GError **error);
gboolean ob_postgres_fail_connection (ObPostgres *postgres, GError **error);

/* Until a result of what was sent can be taken without blocking. */
gboolean ob_postgres_wait_result (ObPostgres *postgres, GCancellable *cancellable, GError **error);

/* ---- ob-postgres-copy.c: COPY … FROM STDIN, of which one thread can keep several going. Nothing
 * but ob_postgres_copy_begin() waits. */

typedef enum
{
  OB_COPY_READY,   /* more rows can be handed over */
  OB_COPY_SENDING, /* what was handed over is not all sent: POLLIN | POLLOUT */
  OB_COPY_ENDING,  /* all is sent, the server has not answered: POLLIN */
  OB_COPY_DONE,
} ObCopyState;

/* Begins the COPY @sql. */
gboolean ob_postgres_copy_begin (ObPostgres *postgres, const char *sql, GCancellable *cancellable,
                                 GError **error);

/* Hands over rows, which are copied, in OB_COPY_READY; in OB_COPY_SENDING too, but then the memory
 * grows. A row may be handed over in pieces. */
gboolean ob_postgres_copy_put (ObPostgres *postgres, const guint8 *data, gsize size,
                               GError **error);
gboolean ob_postgres_copy_end (ObPostgres *postgres, GError **error);

/* Sends and receives what goes at once. *@rows: how many the server took, in the step in which
 * it says so, which comes before OB_COPY_DONE or with it; else it stays as it is. Errors of the
 * server are known only after the end. */
gboolean ob_postgres_copy_step (ObPostgres *postgres, ObCopyState *state, guint64 *rows,
                                GError **error);

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

/* ---- ob-postgres-encryption.c: what is known of a server, for as long as this process lives. Any
 * thread. */

/* sslmode for libpq (its documentation, "SSL Mode Descriptions"): what is configured; else @without
 * where the server is known to be on this host, and not to want encryption; NULL: libpq's own. */
const char *ob_postgres_choose_ssl_mode (const ObDatabaseConfig *config, const char *without);

/* Whether a server that refused a connection without encryption with this SQLSTATE may take one
 * with it. */
gboolean ob_postgres_may_want_encryption (const char *sqlstate);

/* Of a connection that was just made without encryption, since the server was here: whether it is.
 * If not, that is forgotten. Blocks. */
gboolean ob_postgres_is_still_here (const ObDatabaseConfig *config, ObPostgres *postgres,
                                    GCancellable *cancellable);

/* Of a connection that was just made: what it tells of the server. @was_refused: one without
 * encryption had been refused before. Blocks. */
void ob_postgres_learn_encryption (const ObDatabaseConfig *config, ObPostgres *postgres,
                                   gboolean was_refused, GCancellable *cancellable);

G_END_DECLS
