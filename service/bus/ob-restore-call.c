/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-restore-call.h"

#include <string.h>
#include <unistd.h>

#include "ob-authorizer.h"
#include "ob-backup-query.h"
#include "ob-descriptor.h"
#include "ob-error.h"
#include "ob-keyfile.h"
#include "ob-object-path.h"
#include "ob-operations.h"
#include "ob-options.h"
#include "ob-reply.h"

static const ObOptionSpec options_of_undo[] = {
  { "force", "b", FALSE },
  { NULL, NULL, FALSE },
};

static const ObOptionSpec options_of_restore[] = {
  { "destination", "s", FALSE }, { "instance", "s", FALSE }, { "parts", "as", FALSE },
  { "directory", "h", FALSE },   { "database", "s", FALSE }, { "keep-oid", "b", FALSE },
  { "force", "b", FALSE },       { "files", "as", FALSE },   { "original-settings", "b", FALSE },
  { NULL, NULL, FALSE },
};

static const ObOptionSpec options_of_plan[] = {
  { "destination", "s", FALSE }, { "instance", "s", FALSE }, { "parts", "as", FALSE },
  { "keep-oid", "b", FALSE },    { "force", "b", FALSE },    { NULL, NULL, FALSE },
};

/* A call that goes on when the backup has been found. */
typedef struct
{
  ObManager *manager;
  GDBusMethodInvocation *invocation;
  char *name;
  ObOptions *options;
  gboolean plan;
} Call;

/* internal methods */

static void
call_free (Call *call)
{
  g_object_unref (call->manager);
  g_free (call->name);
  g_clear_pointer (&call->options, ob_options_free);
  g_free (call);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Call, call_free)

/* The instance to restore into: the one that was named, or the backup's own. NULL without an error
 * where none is needed. */
static ObInstance *
choose_instance (Call *call, GVariant *backup, GError **error)
{
  const char *name = ob_options_get_string (call->options, "instance");
  gboolean needed = ob_options_get_fd (call->options, "directory") < 0
                    || ob_options_get_string (call->options, "database") != NULL;
  ObInstance *instance = NULL;

  if (name != NULL)
    return ob_manager_find_instance (call->manager, name, error);
  if (!g_variant_lookup (backup, "instance", "&s", &name))
    {
      if (needed)
        g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                     "Backup %s does not tell which instance it is of; name one with \"instance\", "
                     "or restore it into a directory",
                     call->name);
      return NULL;
    }
  instance = ob_manager_find_instance (call->manager, name, NULL);
  if (instance == NULL && needed)
    g_set_error (error, OB_ERROR, OB_ERROR_NOT_FOUND,
                 "Backup %.8s is of the instance \"%.64s\", which is not known here; give the "
                 "Openbravo.properties of this host (--properties FILE), or name another one "
                 "(--instance NAME)",
                 call->name, name);
  return instance;
}

static void
read_in_place (ObOptions *options, ObRestoreOptions *restore)
{
  restore->force = ob_options_get_boolean (options, "force");
  restore->original_settings = ob_options_get_boolean (options, "original-settings");
  restore->files = ob_options_get_strings (options, "files");
  if (ob_options_has (options, "keep-oid"))
    restore->number
      = ob_options_get_boolean (options, "keep-oid") ? OB_NUMBER_KEEP : OB_NUMBER_CHANGE;
}

static char *
start_restore (Call *call, GVariant *backup, GError **error)
{
  ObManager *manager = call->manager;
  ObRestoreOptions restore = { 0 };
  const char *id = NULL;
  const char *destination = NULL;
  g_autoptr (GPtrArray) destinations = NULL;
  g_autoptr (GError) own_error = NULL;
  ObInstance *instance = choose_instance (call, backup, &own_error);
  ObJob *job = NULL;

  if (own_error != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&own_error));
      return NULL;
    }
  if (!g_variant_lookup (backup, "id", "&s", &id)
      || !g_variant_lookup (backup, "destination", "&s", &destination))
    {
      g_set_error (error, OB_ERROR, OB_ERROR_CORRUPT, "Backup %s does not tell its own id",
                   call->name);
      return NULL;
    }
  destinations = ob_manager_select_destinations (manager, destination, error);
  if (destinations == NULL || !ob_options_get_parts (call->options, &restore.parts, error))
    return NULL;
  restore.directory = ob_options_get_fd (call->options, "directory");
  restore.database = ob_options_get_string (call->options, "database");
  restore.plan = call->plan;
  read_in_place (call->options, &restore);
  job = ob_restore_job_new (ob_manager_get_context (manager), instance, destinations, id, &restore,
                            ob_authorizer_get_caller (call->invocation), error);
  return job != NULL ? ob_manager_start_job (manager, job, error) : NULL;
}

static void
on_found_to_restore (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (Call) call = user_data;
  GError *error = NULL;
  g_autofree char *path = NULL;
  g_autoptr (GVariant) backup = ob_backup_query_finish_one (result, &error);

  if (backup != NULL)
    path = start_restore (call, backup, &error);
  if (path == NULL)
    ob_reply_error (call->invocation, error);
  else
    g_dbus_method_invocation_return_value (call->invocation, g_variant_new ("(o)", path));
}

static gboolean
check_restore (ObManager *manager, ObOptions *options, guint uid, ObBackupQuestion *question,
               GError **error)
{
  const char *instance = ob_options_get_string (options, "instance");
  int directory = ob_options_get_fd (options, "directory");

  if (!ob_options_check_id (question->id, error)
      || !ob_options_get_parts (options, &question->parts, error))
    return FALSE;
  if (instance != NULL && ob_manager_find_instance (manager, instance, error) == NULL)
    return FALSE;
  if (directory >= 0 && !ob_descriptor_check_directory (directory, uid, "directory", error))
    return FALSE;
  question->destination = ob_options_get_string (options, "destination");
  /* The latest is the latest of the instance that was named; an id says more than enough. */
  question->instance = strcmp (question->id, "latest") == 0 ? instance : NULL;
  return TRUE;
}

/* Takes @options. The backup is found in a thread first: which instance it is of, and where it
 * lies, decides which job waits for which. */
static void
begin (ObManager *manager, GDBusMethodInvocation *invocation, const char *id, ObOptions *options,
       gboolean plan)
{
  ObBackupQuestion question = { .id = id };
  GError *error = NULL;
  Call *call = NULL;

  if (!check_restore (manager, options, ob_authorizer_get_caller (invocation), &question, &error))
    {
      ob_options_free (options);
      ob_reply_error (invocation, error);
      return;
    }
  call = g_new0 (Call, 1);
  call->manager = g_object_ref (manager);
  call->invocation = invocation;
  call->name = g_strdup (id);
  call->options = options;
  call->plan = plan;
  ob_backup_query_begin (manager, &question, on_found_to_restore, call);
}

/* The file systems of what is kept are asked, and may be slow to answer. */
static void
find_due (GTask *task, gpointer source, gpointer task_data, GCancellable *cancellable)
{
  g_auto (GStrv) names = ob_keyfile_list (((ObContext *) task_data)->instances_fd, NULL);
  GPtrArray *due = g_ptr_array_new_with_free_func (g_free);

  for (gsize i = 0; names != NULL && names[i] != NULL; i++)
    if (ob_restore_has_due_previous (task_data, names[i]))
      g_ptr_array_add (due, g_strdup (names[i]));
  g_task_return_pointer (task, due, (GDestroyNotify) g_ptr_array_unref);
}

/* Where a job is at work on it, its time comes again. */
static void
release_due (ObManager *manager, const char *name)
{
  ObContext *context = ob_manager_get_context (manager);
  ObInstance *instance = ob_manager_find_instance (manager, name, NULL);
  g_autoptr (GError) error = NULL;
  g_autofree char *path = NULL;

  if (instance == NULL || !ob_manager_hold (manager, OB_FOLDER_INSTANCES, name, NULL))
    return;
  ob_manager_release (manager, OB_FOLDER_INSTANCES, name);
  path = ob_manager_start_job (
    manager, ob_release_previous_job_new (context, instance, TRUE, geteuid ()), &error);
  if (path == NULL)
    g_debug ("What a restore of %s kept is not released now: %s", name, error->message);
}

static void
on_found_due (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GPtrArray) due = g_task_propagate_pointer (G_TASK (result), NULL);

  for (guint i = 0; due != NULL && i < due->len; i++)
    release_due (OB_MANAGER (source), g_ptr_array_index (due, i));
}

/* public methods */

void
ob_restore_call_restore (ObManager *manager, GDBusMethodInvocation *invocation, const char *id,
                         GVariant *dictionary, GUnixFDList *fds)
{
  GError *error = NULL;
  ObOptions *options = ob_options_read (dictionary, options_of_restore, fds, &error);

  if (options != NULL)
    begin (manager, invocation, id, options, FALSE);
  else
    ob_reply_error (invocation, error);
}

void
ob_restore_call_plan (ObManager *manager, GDBusMethodInvocation *invocation, const char *id,
                      GVariant *dictionary)
{
  GError *error = NULL;
  ObOptions *options = ob_options_read (dictionary, options_of_plan, NULL, &error);

  if (options != NULL)
    begin (manager, invocation, id, options, TRUE);
  else
    ob_reply_error (invocation, error);
}

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
  g_autoptr (GTask) task = g_task_new (manager, NULL, on_found_due, NULL);

  g_task_set_task_data (task, ob_manager_get_context (manager), NULL);
  g_task_run_in_thread (task, find_due);
}
