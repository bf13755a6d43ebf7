/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Registers polkit's text agent for this process, so that an administrator on a terminal is asked
 * for a password. NULL where there is no need (root), no terminal, or no polkit: the call that
 * needs an authorisation then says so. */
gpointer ob_agent_register (void);
void ob_agent_unregister (gpointer agent);

G_END_DECLS
