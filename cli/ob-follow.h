/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "ob-client.h"

G_BEGIN_DECLS

/* Waits for a job's end, drawing its progress (with --json: a line of JSON for each step). An
 * interrupt from the keyboard (SIGINT, SIGTERM) cancels the job if @cancel_on_interrupt, or else
 * just stops looking. Its warnings are printed.
 *
 * Gives the exit status, and in *@result what GetResult gave (a{sv}, transfer full; NULL where it
 * could not be had). A failure has been printed; success is for the caller to tell. With --json the
 * result has been printed too. */
ObExit ob_follow_job (ObClient *client, const char *path, gboolean cancel_on_interrupt,
                      GVariant **result);

/* Called when something of the job has changed, and before its end is told: for what can be told of
 * it meanwhile. */
typedef void (*ObFollowFunc) (gpointer user_data);

/* As ob_follow_job(), which tells in *@interrupted whether somebody interrupted it: the job
 * may have been done all the same, since not everything can be cancelled. *@result is NULL where the
 * job goes on. */
ObExit ob_follow_job_interruptible (ObClient *client, const char *path, gboolean *interrupted,
                                    GVariant **result);

/* As ob_follow_job(), with @func called. */
ObExit ob_follow_job_watched (ObClient *client, const char *path, gboolean cancel_on_interrupt,
                              ObFollowFunc func, gpointer user_data, GVariant **result);

/* ob_follow_job() of several, one after the other; @paths ends with NULL. With @no_wait tells only
 * which they are. Gives the worst exit status. */
ObExit ob_follow_jobs (ObClient *client, const char *const *paths, gboolean no_wait);

/* "7" or "/org/openbravo/Backup1/jobs/7" to the object's path. Transfer full; NULL where it is
 * neither. */
char *ob_job_path (const char *text);

/* What --no-wait prints: the job and how to follow it. */
void ob_print_started (ObClient *client, const char *path);

G_END_DECLS
