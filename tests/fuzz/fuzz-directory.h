/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A directory in memory, for parsers that only take files. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The path of a directory of this process, which goes when it ends in peace. Transfer none. */
const char *fuzz_directory_get_path (void);

/* The same, opened. */
int fuzz_directory_get_fd (void);

/* Writes the file @name in it, mode 0600. */
void fuzz_directory_write (const char *name, const void *data, gsize size);

/* Makes the directory @name in it, mode 0700. */
void fuzz_directory_make (const char *name);

G_END_DECLS
