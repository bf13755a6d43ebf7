/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A directory that setup proposes for backups. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct
{
  char *path;         /* of the repository, whose parent is there */
  guint64 free_bytes; /* on its file system; 0 where that cannot be told */
  gboolean same;      /* the installation lies on that file system too */
} ObSetupPlace;

void ob_setup_place_free (ObSetupPlace *place);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObSetupPlace, ob_setup_place_free)

/* The best place for the backups of the installation whose properties are @properties: of the disks
 * mounted at or below /mnt and /media, and /srv/backup, that which is on another file system and
 * has most space free; else below /var/backups. A directory counts only where root alone can write:
 * a stick that somebody put in is not chosen by itself. NULL where there is none.
 * @root: "" or the directory to which all of that is moved, for tests. Transfer full. Blocks. */
ObSetupPlace *ob_setup_place_find (const char *root, const char *properties);

/* What is to be told of the directory @path, whose parent is there, or its parent's parent.
 * Transfer full; never NULL. Blocks. */
ObSetupPlace *ob_setup_place_look (const char *path, const char *properties);

G_END_DECLS
