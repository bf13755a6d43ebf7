/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The restored database takes the place of the living one, which is kept; and the way back. Each
 * function looks at which databases there are and does what is left to do, so it can be called
 * again after a crash at any point. All block; job threads. The application is stopped
 * meanwhile. */
#pragma once

#include "ob-database.h"

G_BEGIN_DECLS

typedef struct
{
  const char *staged; /* the restored one */
  const char *kept;   /* name that the former one gets */
  const char *moving; /* name of the former one while its number (OID) is passed on; with @oid
                       * only */
  const char *doomed; /* name that a database gets before it is dropped; with @oid only */
  guint32 oid;        /* number that config->name keeps; 0: it gets that of the staged one */
  gboolean had_former; /* there was a config->name before */
} ObDatabaseExchange;

/* The number (OID) of the database @name; *@oid is 0 where there is none, or only what the server
 * left of one when it was interrupted dropping it. */
gboolean ob_database_get_oid (const ObDatabaseConfig *config, const char *name, guint32 *oid,
                              GCancellable *cancellable, GError **error);

/* Brings the exchange to its end. Without a number that is two renames in one transaction. With
 * one: the former database gets the name @moving, so that nobody finds it; it is copied to @kept
 * and, as @doomed, dropped; config->name is made of @staged with its number. @staged stays then,
 * for a way back that loses nothing: ob_database_drop() when all is well. Where the server refuses
 * the number by then that is a warning, and it gets another. A database's settings, rights and
 * comment, which a copy does not have, are given to it. @n_ended: sessions that were ended. Errors:
 * EXISTS where @kept is taken; NOT_FOUND where @staged is gone. */
gboolean ob_database_exchange (const ObDatabaseConfig *config, const ObDatabaseExchange *exchange,
                               guint *n_ended, ObProgress *progress, GCancellable *cancellable,
                               GError **error);

/* Whether it is so far that the rest of the way is as short as that back, and there is what it
 * takes: *@past. */
gboolean ob_database_exchange_is_past (const ObDatabaseConfig *config,
                                       const ObDatabaseExchange *exchange, gboolean *past,
                                       GError **error);

/* Brings the former database back, under its number where that can be done; where it cannot,
 * that is a warning, since an application without its licence is better than none. What was done
 * to the restored database while it was in place is lost with a number, and kept in @staged
 * without one. */
gboolean ob_database_exchange_back (const ObDatabaseConfig *config,
                                    const ObDatabaseExchange *exchange, ObProgress *progress,
                                    GError **error);

/* Whether the server and the role can keep the number: PostgreSQL 15 or later. *@why is a sentence
 * where they cannot (transfer full), else NULL. */
gboolean ob_database_can_keep_oid (const ObDatabaseConfig *config, char **why,
                                   GCancellable *cancellable, GError **error);

G_END_DECLS
