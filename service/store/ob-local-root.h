/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The directory that a local store has to itself, and the errors that tell of what lies in it. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct
{
  char *path;
  int fd;
} ObLocalRoot;

/* Opens the directory @path, which is made where @create asks for it and its parent is there; one
 * that is mounted read-only will do. Errors: DESTINATION_UNAVAILABLE, NO_SPACE. Close it in any
 * case. Not thread-safe, as ob_local_root_close(). */
gboolean ob_local_root_open (ObLocalRoot *root, const char *path, gboolean create, GError **error);
void ob_local_root_close (ObLocalRoot *root);

/* Whether the directory itself was removed, or lies on a file system that is no longer there. Any
 * thread. */
gboolean ob_local_root_is_gone (const ObLocalRoot *root, int errnum);

/* Sets the error that says what @errnum means for the object or directory @name, relative to the
 * root. @verb: "read", "written", "removed". Always FALSE. Any thread. Errors: CANCELLED for
 * ECANCELED, NO_SPACE, FAILED for what is no fault of the disk, else DESTINATION_UNAVAILABLE. */
gboolean ob_local_root_fail (const ObLocalRoot *root, const char *name, const char *verb,
                             int errnum, GError **error);

/* As ob_local_root_fail(), for reading something that is to be there. Errors: also NOT_FOUND. */
gboolean ob_local_root_fail_found (const ObLocalRoot *root, const char *name, int errnum,
                                   GError **error);

G_END_DECLS
