/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-restore-call.h"

#include <unistd.h>

#include "ob-keyfile.h"
#include "ob-object-path.h"
#include "ob-operations.h"
#include "ob-options.h"

static const ObOptionSpec options_of_undo[] = {
  { "force", "b", FALSE },
  { NULL, NULL, FALSE },
};

/* internal methods */

/* Where a job is at work on it, its time comes again. */
static void
release_due (ObManager *manager, const char *name)
{
  ObContext *context = ob_manager_get_context (manager);
  ObInstance *instance = ob_manager_find_instance (manager, name, NULL);
  g_autoptr (GError) error = NULL;
  g_autofree char *path = NULL;

  if (instance == NULL || !ob_restore_has_due_previous (context, name)
      || !ob_manager_hold (manager, OB_FOLDER_INSTANCES, name, NULL))
    return;
  ob_manager_release (manager, OB_FOLDER_INSTANCES, name);
  path = ob_manager_start_job (
    manager, ob_release_previous_job_new (context, instance, TRUE, geteuid ()), &error);
  if (path == NULL)
    g_debug ("What a restore of %s kept is not released now: %s", name, error->message);
}

/* public methods */

char *
ob_restore_call_undo (ObManager *manager, const char *name, GVariant *dictionary, guint uid,
                      GError **error)
{
  g_autoptr (ObOptions) options = ob_options_read (dictionary, options_of_undo, NULL, error);
  ObInstance *instance = options != NULL ? ob_manager_find_instance (manager, name, error) : NULL;

  if (instance == NULL)
    return NULL;
  return ob_manager_start_job (
    manager,
    ob_undo_restore_job_new (ob_manager_get_context (manager), instance,
                             ob_options_get_boolean (options, "force"), uid),
    error);
}

char *
ob_restore_call_release (ObManager *manager, const char *name, GVariant *dictionary, guint uid,
                         GError **error)
{
  ObInstance *instance = ob_options_read_none (dictionary, error)
                           ? ob_manager_find_instance (manager, name, error)
                           : NULL;

  if (instance == NULL)
    return NULL;
  return ob_manager_start_job (
    manager,
    ob_release_previous_job_new (ob_manager_get_context (manager), instance, FALSE, uid), error);
}

void
ob_restore_call_release_due (ObManager *manager)
{
  g_auto (GStrv) names
    = ob_keyfile_list (ob_manager_get_context (manager)->instances_fd, NULL);

  for (gsize i = 0; names != NULL && names[i] != NULL; i++)
    release_due (manager, names[i]);
}
