/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the service remembers of an instance or a destination beside its configuration: key files
 * STATE/FOLDER/NAME.conf, a few hundred bytes, which may be lost without harm. Main context. */
#pragma once

#include "ob-context.h"

G_BEGIN_DECLS

/* The one group of such a file. */
#define OB_STATE_GROUP "state"

/* The file, an empty one where there is none or it cannot be read. Transfer full. */
GKeyFile *ob_state_file_load (ObContext *context, const char *folder, const char *name);

/* Writes it; a failure is logged. */
void ob_state_file_save (ObContext *context, const char *folder, const char *name, GKeyFile *file);

/* Removes it. */
void ob_state_file_remove (ObContext *context, const char *folder, const char *name);

G_END_DECLS
