/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Child processes: started from an argv array, never through a shell, in a process group of their
 * own, with nothing inherited but what is named: signals are reset, the umask is 022, and all other
 * descriptors are closed. One that is not detached is killed when this process dies. */
#pragma once

#include <gio/gio.h>
#include <sys/types.h>

G_BEGIN_DECLS

typedef struct _ObChild ObChild;

/* How a child is started. Zero it with { 0 }, and set what is wanted. All transfer none. */
typedef struct
{
  const char *const *argv;        /* argv[0] is an absolute path */
  const char *const *environment; /* "NAME=value"; NULL: PATH, LANG=C.UTF-8 and nothing else */
  const char *user;               /* run as this user, with its groups; NULL: as we run */
  const char *directory;          /* working directory; NULL: "/" */
  const int *keep_fds;            /* descriptors kept under the same number; n_keep_fds of them */
  gsize n_keep_fds;               /* each 3 or more */
  int stdin_fd;                   /* 0 stands for /dev/null; the child has a copy: close yours */
  int stdout_fd;                  /* as stdin_fd; or OB_CHILD_CAPTURE or OB_CHILD_WITH_ERRORS */
  guint grace_seconds;            /* from SIGTERM to SIGKILL where it is to be stopped; 0: 2 */
  gboolean detached;              /* outlives us: setsid, not killed with the child object */
} ObChildSpec;

#define OB_CHILD_CAPTURE (-2)     /* kept as text, up to 64 MiB; one that writes more is stopped */
#define OB_CHILD_WITH_ERRORS (-3) /* kept with standard error, in one text: its last 8 KiB */

/* Starts it. Standard error is always captured (the last 8 KiB). Transfer full. Any thread; which
 * thread starts it, and what becomes of that thread, makes no difference to the child.
 *
 * What a detached child writes is captured in a file in memory: a pipe would break when we end, and
 * kill with SIGPIPE the server that a start command left running. The file lasts, and grows, until
 * the last process that writes to it ends; so a start command should send the output of its server
 * somewhere else, as Tomcat's own script does.
 *
 * Errors: NOT_FOUND (no such program, user or directory), INVALID_ARGUMENT (argv[0] is not an
 * absolute path, a descriptor to keep is 0, 1 or 2), FAILED. */
ObChild *ob_child_start (const ObChildSpec *spec, GError **error);

/* Waits for the end; on cancel sends SIGTERM to its group, after the grace SIGKILL, and reaps it.
 * TRUE on exit status 0. Errors: CANCELLED; FAILED with "PROGRAM ended with status N: last lines
 * of its standard error" (as valid UTF-8 without control characters). The calling thread blocks.
 * Once only. Does not wait for what the child left running, even where that holds its output open.
 * SIGCHLD must not be ignored. */
gboolean ob_child_wait (ObChild *child, GCancellable *cancellable, GError **error);

/* As ob_child_wait() with a limit of @seconds; past it the child is stopped in the same way and
 * the error is FAILED, naming the limit and the last lines of its standard error. */
gboolean ob_child_wait_for (ObChild *child, guint seconds, GCancellable *cancellable,
                            GError **error);

/* Ends it now (SIGKILL to the group) without reaping; ob_child_wait() still follows. Any thread. */
void ob_child_kill (ObChild *child);

/* After the wait: what it wrote (valid until freed). Transfer none. */
const char *ob_child_get_output (ObChild *child);
const char *ob_child_get_errors (ObChild *child);

/* Kills and reaps it where nobody waited (not a detached one). */
void ob_child_free (ObChild *child);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObChild, ob_child_free)

/* One call for the usual case: start, wait, discard. */
gboolean ob_child_run (const ObChildSpec *spec, GCancellable *cancellable, GError **error);

G_END_DECLS
