/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files that the caller names and the service gets as descriptors: they are opened here, with the
 * caller's own rights. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A directory to restore into: made (mode 0700) if it is missing and its parent is there,
 * refused if it is not empty. -1 on error. */
int ob_open_target_directory (const char *path, GError **error);

/* A file to read a passphrase from; "-" is standard input. -1 on error. */
int ob_open_passphrase_file (const char *path, GError **error);

G_END_DECLS
