/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* The error as it may leave the service: of the domain OB_ERROR, with a text that D-Bus can carry.
 * An error of any other domain becomes OB_ERROR_FAILED with the same text. Transfer full. Any
 * thread. */
GError *ob_reply_make_error (const GError *error);

/* Answers @invocation (transfer full) with @error (transfer full), which is logged too. Always
 * TRUE, so that a method handler can end with it. Main context. */
gboolean ob_reply_error (GDBusMethodInvocation *invocation, GError *error);

/* A text that D-Bus can carry: valid UTF-8, @text itself where it is that. Transfer full. Any
 * thread. */
char *ob_reply_make_text (const char *text);

G_END_DECLS
