/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* A destination that is tried step by step: what each step has found, in the order in which they
 * ended. Used by one thread. */
typedef struct _ObCheckup ObCheckup;

typedef enum
{
  OB_CHECKUP_OK,
  OB_CHECKUP_WARNING,  /* it works, but somebody should know */
  OB_CHECKUP_FAILED,
  OB_CHECKUP_NOT_TOLD, /* the destination does not say; nothing is wrong with that */
  OB_CHECKUP_SKIPPED,  /* it makes no sense here, or an earlier step that it needs has failed */
} ObCheckupStatus;

/* "ok", "warning", "failed", "not told", "skipped". Transfer none. Any thread. */
const char *ob_checkup_status_get_name (ObCheckupStatus status);

/* Called in the thread of the check when a step begins (@step NULL), and when it has ended: with
 * the dictionary that ob_checkup_dup_steps() has for it. @name: of the step, static. */
typedef void (*ObCheckupFunc) (const char *name, GVariant *step, gpointer user_data);

/* @func may be NULL. @cancellable (may be NULL) ends the check at once. Transfer full. */
ObCheckup *ob_checkup_new (ObCheckupFunc func, gpointer user_data, GCancellable *cancellable);
void ob_checkup_free (ObCheckup *checkup);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObCheckup, ob_checkup_free)

/* For what a step does; may be NULL. Belongs to @checkup. */
GCancellable *ob_checkup_get_cancellable (ObCheckup *checkup);

/* Begins the step @name (static: lower-case words with "-" between). @needs: the step that has to
 * have gone well before, or NULL; one that this kind of destination does not have counts as gone
 * well. FALSE where it failed, or could not be tried itself: then this one is skipped, and says so.
 * FALSE also where the check was cancelled; nothing more is told then. */
gboolean ob_checkup_begin (ObCheckup *checkup, const char *name, const char *needs);

/* A figure of the step that was begun, under a name that tells the unit. @value may be floating. */
void ob_checkup_add_figure (ObCheckup *checkup, const char *name, GVariant *value);

/* Ends the step that was begun. The text is a reason or a figure for people, without a full
 * stop; never a secret. */
void ob_checkup_end (ObCheckup *checkup, ObCheckupStatus status, const char *format, ...)
  G_GNUC_PRINTF (3, 4);

/* Ends it as failed. Where the check was cancelled meanwhile the step is left out instead.
 * Transfer full. */
void ob_checkup_fail (ObCheckup *checkup, GError *error);

/* As ob_checkup_end(), but a skipped step from whose lack others are skipped too. */
void ob_checkup_block (ObCheckup *checkup, const char *format, ...) G_GNUC_PRINTF (2, 3);

/* From now on: what is written stays there, or costs money, although it is removed; so let it be
 * little. */
void ob_checkup_set_thrifty (ObCheckup *checkup);
gboolean ob_checkup_is_thrifty (ObCheckup *checkup);

/* Whether the step @name has ended, and neither failed nor was skipped for the lack of another. */
gboolean ob_checkup_has_passed (ObCheckup *checkup, const char *name);

/* FALSE with the error of the first step that has failed, or CANCELLED. */
gboolean ob_checkup_conclude (ObCheckup *checkup, GError **error);

/* aa{sv}, a dictionary a step: "name" (s), "status" (s), "text" (s), of a failed one "error-name"
 * (s: as ob_error_get_name()), and its figures. Transfer full, not floating. */
GVariant *ob_checkup_dup_steps (ObCheckup *checkup);

G_END_DECLS
