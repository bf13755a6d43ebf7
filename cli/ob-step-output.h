/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "ob-client.h"

G_BEGIN_DECLS

/* The steps of a check, a line each on standard output as soon as they have ended: the job tells
 * them in its log while it runs, and in its result. */
typedef struct
{
  ObClient *client;
  char *path;       /* of the job */
  guint n_printed;
  gboolean refused; /* the log may not be read: then the result has to do */
} ObStepOutput;

/* Prints nothing with --json or --quiet. */
void ob_step_output_init (ObStepOutput *output, ObClient *client, const char *path);
void ob_step_output_clear (ObStepOutput *output);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (ObStepOutput, ob_step_output_clear)

/* Prints what the log has more than before. An ObFollowFunc, for ob_follow_job_watched(); @data is
 * the ObStepOutput. */
void ob_step_output_update (gpointer data);

/* Prints what the result (a{sv}, "steps") has more. */
void ob_step_output_finish (ObStepOutput *output, GVariant *result);

G_END_DECLS
