/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Doing what setup planned. */
#pragma once

#include "ob-setup-plan.h"

G_BEGIN_DECLS

/* Adds what is to be added, in the order installation, destination, schedule, and tells of each
 * step. Where the installation's check finds something it asks whether to go on, and takes the
 * installation away again if not. Where the service refuses the directory or the time, and somebody
 * can be asked, it asks for another one. What is done when it fails stays done; the error is in
 * @plan->error then, and its exit status is given. PARTIAL where there are problems that it went on
 * with. Blocks. */
ObExit ob_setup_do (ObSetupPlan *plan, ObClient *client);

/* Makes the first backup, where it is wanted and there is none: unattended at once, else after
 * asking. As ob_setup_do(). */
ObExit ob_setup_back_up (ObSetupPlan *plan, ObClient *client);

G_END_DECLS
