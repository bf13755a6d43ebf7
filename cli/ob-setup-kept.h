/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What setup found to be there already, and keeps. */
#pragma once

#include "ob-setup-plan.h"

G_BEGIN_DECLS

/* A line on standard error for each thing that is kept, and a warning for each option that says of
 * it what is not so: it is not followed. Blocks. */
void ob_setup_tell_kept (const ObSetupPlan *plan, ObClient *client);

G_END_DECLS
