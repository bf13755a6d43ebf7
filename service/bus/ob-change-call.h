/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What clients ask for about changes. Main context. */
#pragma once

#include "ob-change.h"
#include "ob-manager.h"

G_BEGIN_DECLS

/* Begins one: the path of the job that makes its backup, and its id in *@id (both transfer
 * full). NULL on error: EXISTS where one is open already. */
char *ob_change_call_begin (ObManager *manager, const char *instance, const char *label,
                            GVariant *dictionary, guint uid, char **id, GError **error);

/* Ends one: the path of the job, or "/" where there was nothing to do (transfer full). NULL on
 * error: NOT_FOUND, BUSY while its backup is being made. */
char *ob_change_call_end (ObManager *manager, const char *id, gboolean succeeded,
                          GVariant *dictionary, guint uid, GError **error);

/* For the authorizer: whether the call (EndChange) is about a change that @uid began. */
gboolean ob_change_call_is_own (GDBusMethodInvocation *invocation, guint uid, gpointer manager);

/* What GetDetails tells of the instance's open change, a{sv}, floating; NULL for none. */
GVariant *ob_change_call_describe (ObContext *context, const char *instance);

G_END_DECLS
