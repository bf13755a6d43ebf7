/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the two files of the context share. */
#pragma once

#include "ob-context.h"

G_BEGIN_DECLS

/* The settings as they are where nothing is configured; but for the paths. */
void ob_context_set_defaults (ObContext *context);

/* Reads obbackup.conf at the start: where it cannot be understood, what it said when it last
 * could be, and why in config_error. */
void ob_context_start_config (ObContext *context);

G_END_DECLS
