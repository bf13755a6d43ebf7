/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-edit-call.h"

#include "ob-operations.h"
#include "ob-options.h"

static const ObOptionSpec options_of_edit[] = {
  { "destination", "s", FALSE },
  { "label", "s", FALSE, .may_be_empty = TRUE },
  { "pinned", "b", FALSE },
  { NULL, NULL, FALSE },
};

/* public methods */

char *
ob_edit_call_edit_backup (ObManager *manager, const char *id, GVariant *dictionary, guint uid,
                          GError **error)
{
  g_autoptr (ObOptions) options = ob_options_read (dictionary, options_of_edit, NULL, error);
  g_autoptr (GPtrArray) destinations = NULL;
  ObEditOptions edit = { 0 };
  ObJob *job;

  if (options == NULL || !ob_options_check_id (id, error))
    return NULL;
  destinations = ob_manager_select_destinations (
    manager, ob_options_get_string (options, "destination"), error);
  if (destinations == NULL)
    return NULL;
  edit.label = ob_options_get_string (options, "label");
  edit.set_pinned = ob_options_has (options, "pinned");
  edit.pinned = ob_options_get_boolean (options, "pinned");
  job = ob_edit_job_new (ob_manager_get_context (manager), destinations, id, &edit, uid, error);
  return job != NULL ? ob_manager_start_job (manager, job, error) : NULL;
}
