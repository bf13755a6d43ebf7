/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading the configuration again, when it is asked for or when a file has changed. Main
 * context. */
#pragma once

#include "ob-manager.h"

G_BEGIN_DECLS

typedef struct _ObReload ObReload;

/* @manager outlives it. Transfer full. */
ObReload *ob_reload_new (ObManager *manager);
void ob_reload_free (ObReload *reload);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObReload, ob_reload_free)

/* From now on a file that changes is read a second later. What is configured by the service's
 * own methods changes files too; reading them again changes nothing. */
void ob_reload_watch (ObReload *reload);

/* Reads instances, destinations and schedules, for the first time. */
void ob_reload_load (ObReload *reload);

/* Reads all of it. What cannot be understood stays as it was, and is told
 * (ob_manager_set_config_error()); what a job works on is taken over when that has ended. */
void ob_reload_run (ObReload *reload);

G_END_DECLS
