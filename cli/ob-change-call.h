/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Ending a change, for the commands that do. */
#pragma once

#include "ob-client.h"

G_BEGIN_DECLS

/* Ends @change, follows the job if there is one, and tells what was done. */
ObExit ob_end_change (ObClient *client, const char *change, gboolean succeeded, gboolean force);

G_END_DECLS
