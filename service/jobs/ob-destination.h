/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <gio/gio.h>

#include "ob-checkup.h"
#include "ob-context.h"
#include "ob-place.h"
#include "ob-repository.h"

G_BEGIN_DECLS

/* A place that holds a repository, as configured in CONFIG/destinations/NAME.conf. Immutable but
 * for the repository that it keeps open between jobs (guarded). Reference-counted, any thread. */
typedef struct _ObDestination ObDestination;

ObDestination *ob_destination_ref (ObDestination *destination);
void ob_destination_unref (ObDestination *destination);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObDestination, ob_destination_unref)

/* @passphrase NULL: one is generated (see ob_destination_set_up()). Checks arguments only; touches
 * nothing. Errors: INVALID_ARGUMENT. */
ObDestination *ob_destination_new (const char *name, ObPlace *place, const char *passphrase,
                                   gboolean no_passphrase, GError **error);

ObDestination *ob_destination_load (ObContext *context, const char *name, GError **error);

const char *ob_destination_get_name (ObDestination *destination);
const char *ob_destination_get_kind (ObDestination *destination);
/* The directory, or the address as restic has it. */
const char *ob_destination_get_path (ObDestination *destination);
/* Belongs to @destination. */
ObPlace *ob_destination_get_place (ObDestination *destination);
const char *ob_destination_get_repository_id (ObDestination *destination); /* "" before set up */
gboolean ob_destination_get_no_passphrase (ObDestination *destination);
gboolean ob_destination_get_key_saved (ObDestination *destination);

/* As it is configured, NULL for none. */
const char *ob_destination_get_bandwidth_limit (ObDestination *destination);

/* Sets how many bytes a second may go there and come from there ("10M"; NULL: as many as can),
 * before anybody else sees the destination. Errors: INVALID_ARGUMENT. */
gboolean ob_destination_set_bandwidth_limit (ObDestination *destination, const char *text,
                                             GError **error);

/* From now on only a repository that is there already is taken over, and none is made: an empty
 * place is then the wrong one. Before anybody else sees the destination. */
void ob_destination_require_existing (ObDestination *destination);

/* Makes the repository, or takes over the one that is at the path (its passphrase must open it),
 * then writes key file and configuration, the latter last. @created, @generated: what it did.
 * Blocks. Job threads. On error nothing is left configured. Errors: NOT_FOUND where there is no
 * repository and one is required, EXISTS, WRONG_PASSPHRASE, those of the store. */
gboolean ob_destination_set_up (ObDestination *destination, ObContext *context, gboolean *created,
                                gboolean *generated, GCancellable *cancellable, GError **error);

/* The repository, opened with the kept key and confirmed to be the right one. Kept open, and let go
 * of ten minutes after its last use. Transfer full. Blocks. Errors: DESTINATION_UNAVAILABLE where
 * it is missing or another one, WRONG_PASSPHRASE. */
ObRepository *ob_destination_open (ObDestination *destination, ObContext *context,
                                   GCancellable *cancellable, GError **error);

/* What jobs wait for there at present, and since when, as ob_store_get_waiting(). Transfer full.
 * Any thread. */
char *ob_destination_get_waiting (ObDestination *destination, gint64 *since);
/* As ob_destination_open(), but what is read comes from the destination itself, never from
 * copies on this host: for verifying. Of a remote one it is a repository of the caller's own. */
ObRepository *ob_destination_open_directly (ObDestination *destination, ObContext *context,
                                            GCancellable *cancellable, GError **error);

/* How many requests have gone to a remote destination through what ob_destination_open() gave; 0
 * for a directory. */
guint64 ob_destination_get_requests (ObDestination *destination);

/* The passphrase in keys/NAME.key. Transfer full (ob_secret_free()). */
char *ob_destination_read_key (ObDestination *destination, ObContext *context, GError **error);

/* A copy with another place and/or passphrase (NULL: as it was), tried before it is kept. The
 * result replaces @destination. Transfer full. Blocks. */
ObDestination *ob_destination_update (ObDestination *destination, ObContext *context,
                                      ObPlace *place, const char *passphrase,
                                      GCancellable *cancellable, GError **error);

/* Remembers that somebody keeps a copy of the key. Writes the configuration. */
gboolean ob_destination_set_key_saved (ObDestination *destination, ObContext *context,
                                       GError **error);

/* Opens, confirms, tries to write, read back and remove a file; gives the space. Blocks. For a look
 * in passing; ob_destination_checkup() looks at everything. */
gboolean ob_destination_check (ObDestination *destination, ObContext *context,
                               guint64 *free_bytes, guint64 *total_bytes,
                               GCancellable *cancellable, GError **error);

/* Tries everything, step by step, over connections of its own: the steps of ob_place_checkup() and
 * of ob-store-checkup.h, and
 *   separate-disk   of a directory: a warning where an installation is on the same file system or
 *                   disk; figure "instances" (as)
 *   repository      figures "id" (s), "version" (u: of the format). It is there, it is the right
 *                   one, and opens with the kept passphrase
 * Where the repository is missing, or another one is there, nothing is written. *@free_bytes,
 * *@total_bytes: G_MAXUINT64 where they are not told. Gives whether they were. Blocks. Errors:
 * those of the steps. */
gboolean ob_destination_checkup (ObDestination *destination, ObContext *context,
                                 guint64 *free_bytes, guint64 *total_bytes, ObCheckup *checkup);

/* Removes the configuration, and with it what the cache keeps of it, and the secret that only
 * reaches the place; the key that opens the repository stays, and so does the repository. */
gboolean ob_destination_remove (ObDestination *destination, ObContext *context, GError **error);

G_END_DECLS
