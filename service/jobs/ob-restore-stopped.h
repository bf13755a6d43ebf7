/* SPDX-License-Identifier: GPL-3.0-or-later */
/* That the application of an instance is stopped because of us and could not be started again, is
 * written down (STATE/restores/INSTANCE.stopped) until somebody has seen it running. */
#pragma once

#include "ob-context.h"

G_BEGIN_DECLS

/* @text: a sentence that says what happened. What cannot be written is told in the log alone. */
void ob_restore_stopped_set (ObContext *context, const char *instance, const char *text);

void ob_restore_stopped_clear (ObContext *context, const char *instance);

/* The sentence; NULL where the application is not stopped because of us. Transfer full. */
char *ob_restore_stopped_get (ObContext *context, const char *instance);

G_END_DECLS
