/* SPDX-License-Identifier: GPL-3.0-or-later */
/* System calls that fail, for tests of what a broken disk or kernel does to us. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* TRUE in a process of its own, which runs the rest of the test; FALSE in the test program
 * itself once that process has passed: the test is over. */
gboolean broken_call_begin_process (void);

/* The system call @number (SYS_…) of this thread, and of those it starts from now on, fails with
 * @errnum. */
void broken_call (guint number, guint errnum);

G_END_DECLS
