/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Finding out what belongs to an installation, for AddInstance and Update: in a thread, since it
 * talks to the database, and in less time than a D-Bus call has. */
#pragma once

#include "ob-manager.h"
#include "ob-options.h"

G_BEGIN_DECLS

/* The options of a new instance, where "properties" has to be there, and of Update. */
extern const ObOptionSpec ob_discovery_add_options[];
extern const ObOptionSpec ob_discovery_update_options[];

/* Discovers the installation @name and writes its configuration. @options (transfer full) are of
 * one of the specs above; what they leave out is as in @old, which may be NULL. Main context. */
void ob_discovery_begin (ObManager *manager, const char *name, ObOptions *options, ObInstance *old,
                         GAsyncReadyCallback callback, gpointer user_data);

/* The instance (transfer full), and what is missing or unreachable. */
ObInstance *ob_discovery_finish (GAsyncResult *result, GStrv *notes, GError **error);

G_END_DECLS
