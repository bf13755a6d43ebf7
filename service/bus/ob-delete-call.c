/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-delete-call.h"

#include "ob-operations.h"
#include "ob-options.h"

static const ObOptionSpec options_of_delete[] = {
  { "destination", "s", FALSE },
  { "force", "b", FALSE },
  { "prune", "b", FALSE },
  { NULL, NULL, FALSE },
};

static const ObOptionSpec options_of_prune[] = {
  { "plan", "b", FALSE },
  { "max-unused", "s", FALSE },
  { NULL, NULL, FALSE },
};

/* public methods */

char *
ob_delete_call_delete (ObManager *manager, const char *const *ids, GVariant *dictionary, guint uid,
                       GError **error)
{
  g_autoptr (ObOptions) options = ob_options_read (dictionary, options_of_delete, NULL, error);
  g_autoptr (GPtrArray) destinations = NULL;
  ObDeleteOptions delete = { 0 };
  ObJob *job;

  if (options == NULL || !ob_options_check_ids (ids, error))
    return NULL;
  delete.destination = ob_options_get_string (options, "destination");
  delete.force = ob_options_get_boolean (options, "force");
  delete.prune = ob_options_get_boolean (options, "prune");
  if (delete.destination != NULL
      && ob_manager_find_destination (manager, delete.destination, error) == NULL)
    return NULL;
  destinations = ob_manager_select_destinations (manager, NULL, NULL);
  job = ob_delete_job_new (ob_manager_get_context (manager), destinations, ids, &delete, uid,
                           error);
  return job != NULL ? ob_manager_start_job (manager, job, error) : NULL;
}

char *
ob_delete_call_prune (ObManager *manager, const char *name, GVariant *dictionary, guint uid,
                      GError **error)
{
  g_autoptr (ObOptions) options = ob_options_read (dictionary, options_of_prune, NULL, error);
  ObPruneOptions prune = { 0 };
  ObDestination *destination;
  ObJob *job;

  if (options == NULL)
    return NULL;
  destination = ob_manager_find_destination (manager, name, error);
  if (destination == NULL)
    return NULL;
  prune.plan = ob_options_get_boolean (options, "plan");
  prune.max_unused = ob_options_get_string (options, "max-unused");
  job = ob_prune_job_new (ob_manager_get_context (manager), destination, &prune, uid, error);
  return job != NULL ? ob_manager_start_job (manager, job, error) : NULL;
}
