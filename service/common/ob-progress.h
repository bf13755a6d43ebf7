/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* What a job tells of itself while it runs: phase, counters, warnings. The threads that do the work
 * write it, the main context reads it. All functions: any thread. */
typedef struct _ObProgress ObProgress;

/* Called in the thread that raised the warning. @lost: data that should be in the backup (or be
 * restored) is not. @message is a sentence; transfer none. */
typedef void (*ObProgressWarning) (const char *message, gboolean lost, gpointer user_data);

/* Called in the thread that changed it. @phase is interned. */
typedef void (*ObProgressPhase) (const char *phase, gpointer user_data);

/* Reference-counted; both callbacks may be NULL. Transfer full. */
ObProgress *ob_progress_new (ObProgressPhase phase_changed, ObProgressWarning warned,
                             gpointer user_data);
ObProgress *ob_progress_ref (ObProgress *progress);
void ob_progress_unref (ObProgress *progress);

/* Names what is being done: one lower-case word or two ("database", "files", "stopping").
 * Interned. */
void ob_progress_set_phase (ObProgress *progress, const char *phase);
const char *ob_progress_get_phase (ObProgress *progress);

/* Bytes of the job's own work: read from the sources in a backup, written to them in a restore.
 * Every function below accepts NULL for @progress and then does nothing. */
void ob_progress_add_total (ObProgress *progress, guint64 bytes);
void ob_progress_add_done (ObProgress *progress, guint64 bytes);
guint64 ob_progress_get_total (ObProgress *progress);
guint64 ob_progress_get_done (ObProgress *progress);

/* Raises a warning. */
void ob_progress_warn (ObProgress *progress, gboolean lost, const char *format, ...)
  G_GNUC_PRINTF (3, 4);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObProgress, ob_progress_unref)

G_END_DECLS
