/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What clients ask for about restores: a plan, one, undoing one in place, and letting go of what it
 * kept. Main context. */
#pragma once

#include <gio/gunixfdlist.h>

#include "ob-manager.h"

G_BEGIN_DECLS

/* Each finds the backup, begins the job, and answers @invocation (transfer full) with its path
 * or an error. */
void ob_restore_call_restore (ObManager *manager, GDBusMethodInvocation *invocation, const char *id,
                              GVariant *dictionary, GUnixFDList *fds);
void ob_restore_call_plan (ObManager *manager, GDBusMethodInvocation *invocation, const char *id,
                           GVariant *dictionary);

/* Each begins the job; its path, or NULL with the error of bad arguments. Transfer full. */
char *ob_restore_call_undo (ObManager *manager, const char *instance, GVariant *dictionary,
                            guint uid, GError **error);
char *ob_restore_call_release (ObManager *manager, const char *instance, GVariant *dictionary,
                               guint uid, GError **error);

/* Begins the release of former states whose time is up, where no job works on the instance. */
void ob_restore_call_release_due (ObManager *manager);

G_END_DECLS
