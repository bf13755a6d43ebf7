/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The questions of setup, each answered by an option, on the terminal, or by its proposal. */
#pragma once

#include "ob-setup-plan.h"

G_BEGIN_DECLS

/* Completes a plan that ob_setup_plan_look() has begun. Where nobody can be asked it takes what it
 * would propose; where that cannot be told G_OPTION_ERROR, naming the option. Changes nothing. The
 * other errors: CANCELLED, and INVALID_ARGUMENT or NOT_FOUND where an option cannot be used.
 * Blocks. */
gboolean ob_setup_ask_all (ObSetupPlan *plan, ObClient *client, GError **error);

/* Asks once more for the directory, or for the time, since the service refused it. */
gboolean ob_setup_ask_path (ObSetupPlan *plan, GError **error);
gboolean ob_setup_ask_time (ObSetupPlan *plan, GError **error);

G_END_DECLS
