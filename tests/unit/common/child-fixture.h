/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Children of a test's own: scripts of the shell, and what one learns of them. */
#pragma once

#include "ob-child.h"

G_BEGIN_DECLS

/* A child that runs @script, with what else is set in @spec. Transfer full. */
ObChild *child_start_shell (ObChildSpec spec, const char *script);

/* What @script writes to its standard output; it has to end with status 0. Transfer full. */
char *child_output_of (ObChildSpec spec, const char *script);

/* What waiting for @script fails with: it has to. Transfer full. */
GError *child_error_of (ObChildSpec spec, const char *script);

/* Whether the process is there and alive. Nobody may have reaped it where our parent is none that
 * does so. */
gboolean child_is_alive (pid_t pid);

/* The two ends of a pipe, closed on exec. */
void child_make_pipe (int *in, int *out);

/* A line that a child wrote into a pipe. Transfer full. */
char *child_read_line (int fd);

G_END_DECLS
