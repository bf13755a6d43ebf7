/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Running a program in the place of oneself, for a while: it has the terminal, the signals and the
 * environment. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct
{
  gboolean started;     /* it could be run at all */
  int status;           /* exit status, 128 + N where signal N ended it; 126 or 127 where it did
                         * not run */
  gboolean interrupted; /* somebody pressed Ctrl-C meanwhile */
} ObCommandEnd;

/* Runs @argv (found in PATH) and waits for its end. It stays in this process group, so that the
 * terminal's own signals reach it by themselves; SIGTERM and SIGHUP, which are sent to this process
 * alone, are passed on. Not more than one at a time. */
void ob_run_command (char **argv, ObCommandEnd *end);

G_END_DECLS
