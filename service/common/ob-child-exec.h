/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The fork and exec behind ObChild; only ob-child.c uses it. */
#pragma once

#include <glib.h>
#include <sys/types.h>

G_BEGIN_DECLS

/* All that happens between fork and exec, made ready before, since only async-signal-safe calls are
 * allowed there. Everything is transfer none. */
typedef struct
{
  const char *const *argv;
  const char *const *environment;
  const char *directory;
  int fds[3];          /* become 0, 1 and 2; each is 3 or more, so that none stands in another's
                        * way */
  const int *keep_fds; /* each is 3 or more */
  gsize n_keep_fds;
  gboolean change_user;
  uid_t uid;
  gid_t gid;
  const gid_t *groups;
  gsize n_groups;
  gboolean detached; /* a session of its own, and it outlives us; else it dies with this process */
} ObChildPlan;

/* Starts the program and waits until exec has happened: its process id, or -1. It leads a process
 * group of its own. Any thread. Errors: NOT_FOUND, FAILED. */
pid_t ob_child_exec (const ObChildPlan *plan, GError **error);

G_END_DECLS
