/* SPDX-License-Identifier: GPL-3.0-or-later */
/* AddDestination and Update, from their arguments to the job. Main context. */
#pragma once

#include <gio/gio.h>
#include <gio/gunixfdlist.h>

#include "ob-manager.h"

G_BEGIN_DECLS

/* Checks the arguments, waits for the secrets that the client sends, starts the job and answers. */
void ob_destination_call_add (ObManager *manager, GDBusMethodInvocation *invocation,
                              const char *name, const char *kind, GVariant *options,
                              GVariant *secrets, GUnixFDList *fds);
void ob_destination_call_update (ObManager *manager, GDBusMethodInvocation *invocation,
                                 ObDestination *destination, GVariant *options, GVariant *secrets,
                                 GUnixFDList *fds);

/* Adds to the details of a destination how its place is reached, under the names that the options
 * have. Nothing of it is secret. */
void ob_destination_call_insert_settings (ObDestination *destination, GVariantDict *details);

G_END_DECLS
