/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "ob-manifest.h"

G_BEGIN_DECLS

#define OB_RESTORE_NOTE_FILE "RESTORE.txt"

/* The text of /RESTORE.txt: how to bring this very backup back with restic and PostgreSQL's own
 * tools alone. Transfer full. Any thread. */
char *ob_restore_note_write (const ObManifest *manifest);

G_END_DECLS
