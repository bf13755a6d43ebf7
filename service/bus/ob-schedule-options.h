/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The options of AddSchedule and of Update of a schedule, as keys of its configuration and back. */
#pragma once

#include "ob-options.h"

G_BEGIN_DECLS

extern const ObOptionSpec ob_schedule_add_options[];
extern const ObOptionSpec ob_schedule_update_options[];

/* Writes what is given into @file; what is not stays. Any thread. Errors: INVALID_ARGUMENT for a
 * rule or a name in "clear" that is none; what the settings say is not looked at. */
gboolean ob_schedule_options_apply (ObOptions *options, GKeyFile *file, GError **error);

/* The settings in @file as options. */
void ob_schedule_options_describe (GKeyFile *file, GVariantDict *dict);

G_END_DECLS
