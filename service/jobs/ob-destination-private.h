/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <pthread.h>
#include <sys/stat.h>

#include "ob-destination.h"

G_BEGIN_DECLS

struct _ObDestination
{
  gatomicrefcount references;

  /* Immutable but for set up, which nobody else sees. */
  char *name;
  ObPlace *place;
  const char *path; /* the place's */
  char *passphrase; /* until set up has written it */
  gboolean no_passphrase;
  gboolean existing;     /* set up makes no repository */
  char *bandwidth_limit; /* as ob_rate_limit_parse() reads it; NULL: none */
  char *repository_id;
  GAsyncQueue *left_locks; /* of its repositories, one after the other */

  pthread_mutex_t mutex;
  gboolean key_saved;
  ObRepository *repository; /* open, or NULL */
  guint64 requests;         /* of those that were open before */
  dev_t device;             /* of a directory when it was opened */
  ino_t inode;
  gint64 last_use;
  gboolean watched; /* a timer looks after it */
  GPtrArray *stores; /* of GWeakRef *: all that were opened for it and may be in use */
};

/* Writes CONFIG/destinations/NAME.conf. Any thread. */
gboolean ob_destination_save (ObDestination *destination, ObContext *context, GError **error);

/* Sets the destination's limit for a store that was opened for it, which from now on is asked by
 * ob_destination_get_waiting(). Any thread. */
void ob_destination_limit_store (ObDestination *destination, ObStore *store);

/* The repository in @store, with the limit of the destination, opened with the kept key and
 * confirmed to be the right one. Transfer full. Blocks. Any thread. Errors: as
 * ob_destination_open(). */
ObRepository *ob_destination_open_in (ObDestination *destination, ObContext *context,
                                      ObStore *store, GCancellable *cancellable, GError **error);

/* Lets go of the open repository. Any thread. */
void ob_destination_close (ObDestination *destination);

/* Keeps @repository open for the next job, unless there is one. Any thread. */
void ob_destination_keep_open (ObDestination *destination, ObRepository *repository);

G_END_DECLS
