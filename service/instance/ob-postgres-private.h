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

G_END_DECLS
