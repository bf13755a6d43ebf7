/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Looks for installations of Openbravo on this host, with the rights of whoever calls. */
#pragma once

#include "ob-setup-found.h"

G_BEGIN_DECLS

/* Of ObSetupFound, each file once, those that are certain first and else by path: what lies in the
 * usual places, at most three directories deep, and what running application servers point to (the
 * properties in the web applications below -Dcatalina.base=, and their working directories). At
 * most @milliseconds are spent on it and 20000 directories looked into; symbolic links are followed
 * in the usual places themselves alone, and no directory is entered twice.
 * @root: "" or the directory to which all of that is moved, for tests. Transfer full (container
 * with its elements). Any thread. Blocks. */
GPtrArray *ob_setup_find (const char *root, guint milliseconds);

/* The value of -Dcatalina.base= on a command line as /proc/PID/cmdline has it: @size bytes at
 * @line, a 0 behind each argument. NULL where there is none, or it is no absolute path that can be
 * shown. Transfer full. Any thread. */
char *ob_setup_catalina_base (const char *line, gsize size);

G_END_DECLS
