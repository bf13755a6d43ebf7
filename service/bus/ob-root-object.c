/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-root-object.h"

#include <fcntl.h>
#include <string.h>

#include "config.h"
#include "ob-authorizer.h"
#include "ob-backup-query.h"
#include "ob-change-call.h"
#include "ob-delete-call.h"
#include "ob-destination-call.h"
#include "ob-discovery.h"
#include "ob-edit-call.h"
#include "ob-error.h"
#include "ob-fd.h"
#include "ob-manager.h"
#include "ob-object-path.h"
#include "ob-operations.h"
#include "ob-options.h"
#include "ob-reply.h"
#include "ob-restore-call.h"
#include "ob-schedule-object.h"
#include "ob-secret.h"
#include "ob-verify-call.h"

struct _ObRootObject
{
  ObDBusBackup1Skeleton parent_instance;

  ObManager *manager; /* not owned */
};

static void ob_root_object_iface_init (ObDBusBackup1Iface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (ObRootObject, ob_root_object, OB_DBUS_TYPE_BACKUP1_SKELETON,
                               G_IMPLEMENT_INTERFACE (OB_DBUS_TYPE_BACKUP1,
                                                      ob_root_object_iface_init))

static const char *const features[]
  = { "destination-local", "destination-s3", "restore-database", "restore-directory", NULL };

static const ObOptionSpec backup_options[] = {
  { "destination", "s", FALSE },
  { "label", "s", FALSE },
  { "parts", "as", FALSE },
  { NULL, NULL, FALSE },
};

static const ObOptionSpec list_options[] = {
  { "destination", "s", FALSE }, { "instance", "s", FALSE }, { "kind", "s", FALSE },
  { "since", "t", FALSE },       { "until", "t", FALSE },    { "limit", "u", FALSE },
  { NULL, NULL, FALSE },
};

static const ObOptionSpec get_options[] = {
  { "destination", "s", FALSE },
  { "instance", "s", FALSE },
  { "parts", "as", FALSE },
  { NULL, NULL, FALSE },
};

static const ObOptionSpec files_options[] = {
  { "destination", "s", FALSE }, { "instance", "s", FALSE }, { "offset", "t", FALSE },
  { "limit", "u", FALSE },       { NULL, NULL, FALSE },
};

/* A call that goes on when something has been found out. */
typedef struct
{
  ObRootObject *self;
  GDBusMethodInvocation *invocation;
  char *name;
  ObOptions *options;
} Call;

static void
ob_root_object_class_init (ObRootObjectClass *klass)
{
  G_DBUS_INTERFACE_SKELETON_CLASS (klass)->get_vtable = ob_authorizer_get_vtable;
}

static void
ob_root_object_init (ObRootObject *self)
{
}

/* internal methods */

static Call *
call_new (ObRootObject *self, GDBusMethodInvocation *invocation, const char *name,
          ObOptions *options)
{
  Call *call = g_new0 (Call, 1);

  call->self = g_object_ref (self);
  call->invocation = invocation;
  call->name = g_strdup (name);
  call->options = options;
  return call;
}

static void
call_free (Call *call)
{
  g_object_unref (call->self);
  g_free (call->name);
  g_clear_pointer (&call->options, ob_options_free);
  g_free (call);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Call, call_free)

static void
on_discovered (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (Call) call = user_data;
  ObManager *manager = OB_MANAGER (source);
  g_auto (GStrv) notes = NULL;
  g_autofree char *path = NULL;
  GError *error = NULL;
  g_autoptr (ObInstance) instance = ob_discovery_finish (result, &notes, &error);

  ob_manager_release (manager, OB_FOLDER_INSTANCES, call->name);
  if (instance == NULL)
    {
      ob_reply_error (call->invocation, error);
      return;
    }
  path = ob_manager_add_instance (manager, instance, (const char *const *) notes);
  ob_dbus_backup1_complete_add_instance (OB_DBUS_BACKUP1 (call->self), call->invocation, path,
                                         (const char *const *) notes);
}

static gboolean
handle_add_instance (ObDBusBackup1 *skeleton, GDBusMethodInvocation *invocation, const char *name,
                     GVariant *dictionary)
{
  ObRootObject *self = OB_ROOT_OBJECT (skeleton);
  GError *error = NULL;
  g_autoptr (ObOptions) options
    = ob_options_read (dictionary, ob_discovery_add_options, NULL, &error);

  if (options == NULL
      || !ob_manager_reserve (self->manager, OB_FOLDER_INSTANCES, name, &error))
    return ob_reply_error (invocation, error);
  ob_discovery_begin (self->manager, name, g_steal_pointer (&options), NULL, on_discovered,
                      call_new (self, invocation, name, NULL));
  return TRUE;
}

static gboolean
handle_add_destination (ObDBusBackup1 *skeleton, GDBusMethodInvocation *invocation,
                        GUnixFDList *fds, const char *name, const char *kind, GVariant *dictionary,
                        GVariant *secrets)
{
  ob_destination_call_add (OB_ROOT_OBJECT (skeleton)->manager, invocation, name, kind, dictionary,
                           secrets, fds);
  return TRUE;
}

/* Takes nothing; the path of the job, or NULL. */
static char *
start_backup (ObRootObject *self, const char *name, ObOptions *options, guint uid, GError **error)
{
  ObBackupOptions backup = { .kind = "manual" };
  ObInstance *instance = ob_manager_find_instance (self->manager, name, error);
  ObDestination *destination = NULL;
  ObJob *job = NULL;

  if (instance == NULL || !ob_options_get_parts (options, &backup.parts, error))
    return NULL;
  destination = ob_manager_choose_destination (
    self->manager, ob_options_get_string (options, "destination"), error);
  if (destination == NULL)
    return NULL;
  if (backup.parts == 0)
    backup.parts = ob_instance_get_parts (instance);
  backup.label = ob_options_get_string (options, "label");
  job = ob_backup_job_new (ob_manager_get_context (self->manager), instance, destination, &backup,
                           uid, error);
  return job != NULL ? ob_manager_start_job (self->manager, job, error) : NULL;
}

static gboolean
handle_backup (ObDBusBackup1 *skeleton, GDBusMethodInvocation *invocation, const char *name,
               GVariant *dictionary)
{
  ObRootObject *self = OB_ROOT_OBJECT (skeleton);
  guint uid = ob_authorizer_get_caller (invocation);
  GError *error = NULL;
  g_autoptr (ObOptions) options = ob_options_read (dictionary, backup_options, NULL, &error);
  g_autofree char *path = NULL;

  if (options != NULL)
    path = start_backup (self, name, options, uid, &error);
  if (path == NULL)
    return ob_reply_error (invocation, error);
  ob_dbus_backup1_complete_backup (skeleton, invocation, path);
  return TRUE;
}

static void
on_listed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  GDBusMethodInvocation *invocation = user_data;
  GError *error = NULL;
  g_auto (GStrv) problems = NULL;
  g_autoptr (GVariant) backups = ob_backup_query_finish_list (result, &problems, &error);

  if (backups == NULL)
    ob_reply_error (invocation, error);
  else
    g_dbus_method_invocation_return_value (
      invocation, g_variant_new ("(@aa{sv}^as)", backups, problems));
}

static gboolean
handle_list_backups (ObDBusBackup1 *skeleton, GDBusMethodInvocation *invocation,
                     GVariant *dictionary)
{
  ObRootObject *self = OB_ROOT_OBJECT (skeleton);
  GError *error = NULL;
  g_autoptr (ObOptions) options = ob_options_read (dictionary, list_options, NULL, &error);
  ObBackupQuestion question = { 0 };

  if (options == NULL)
    return ob_reply_error (invocation, error);
  question.destination = ob_options_get_string (options, "destination");
  question.instance = ob_options_get_string (options, "instance");
  question.kind = ob_options_get_string (options, "kind");
  question.since = (gint64) MIN (ob_options_get_uint64 (options, "since"), G_MAXINT64);
  question.until = (gint64) MIN (ob_options_get_uint64 (options, "until"), G_MAXINT64);
  question.limit = ob_options_get_uint (options, "limit");
  ob_backup_query_begin (self->manager, &question, on_listed, invocation);
  return TRUE;
}

static void
on_found (GObject *source, GAsyncResult *result, gpointer user_data)
{
  GDBusMethodInvocation *invocation = user_data;
  GError *error = NULL;
  g_autoptr (GVariant) backup = ob_backup_query_finish_one (result, &error);

  if (backup == NULL)
    ob_reply_error (invocation, error);
  else
    g_dbus_method_invocation_return_value (invocation, g_variant_new ("(@a{sv})", backup));
}

static gboolean
handle_get_backup (ObDBusBackup1 *skeleton, GDBusMethodInvocation *invocation, const char *id,
                   GVariant *dictionary)
{
  ObRootObject *self = OB_ROOT_OBJECT (skeleton);
  GError *error = NULL;
  g_autoptr (ObOptions) options = ob_options_read (dictionary, get_options, NULL, &error);
  ObBackupQuestion question = { .id = id, .with_manifest = TRUE };

  if (options == NULL || !ob_options_check_id (id, &error)
      || !ob_options_get_parts (options, &question.parts, &error))
    return ob_reply_error (invocation, error);
  question.destination = ob_options_get_string (options, "destination");
  question.instance = ob_options_get_string (options, "instance");
  ob_backup_query_begin (self->manager, &question, on_found, invocation);
  return TRUE;
}

static void
on_files_listed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  GDBusMethodInvocation *invocation = user_data;
  GError *error = NULL;
  g_autoptr (GVariant) files = ob_backup_query_finish_files (result, &error);

  if (files == NULL)
    ob_reply_error (invocation, error);
  else
    g_dbus_method_invocation_return_value (invocation, g_variant_new ("(@aa{sv})", files));
}

static gboolean
handle_list_files (ObDBusBackup1 *skeleton, GDBusMethodInvocation *invocation, const char *id,
                   const char *path, GVariant *dictionary)
{
  GError *error = NULL;
  g_autoptr (ObOptions) options = ob_options_read (dictionary, files_options, NULL, &error);
  ObBackupQuestion question = { .id = id, .path = path };

  if (options == NULL || !ob_options_check_id (id, &error))
    return ob_reply_error (invocation, error);
  question.destination = ob_options_get_string (options, "destination");
  question.instance = ob_options_get_string (options, "instance");
  question.offset = ob_options_get_uint64 (options, "offset");
  question.limit = ob_options_get_uint (options, "limit");
  ob_backup_query_begin (OB_ROOT_OBJECT (skeleton)->manager, &question, on_files_listed,
                         invocation);
  return TRUE;
}

static gboolean
handle_edit_backup (ObDBusBackup1 *skeleton, GDBusMethodInvocation *invocation, const char *id,
                    GVariant *dictionary)
{
  GError *error = NULL;
  g_autofree char *path
    = ob_edit_call_edit_backup (OB_ROOT_OBJECT (skeleton)->manager, id, dictionary,
                                ob_authorizer_get_caller (invocation), &error);

  if (path == NULL)
    return ob_reply_error (invocation, error);
  ob_dbus_backup1_complete_edit_backup (skeleton, invocation, path);
  return TRUE;
}

static gboolean
handle_restore (ObDBusBackup1 *skeleton, GDBusMethodInvocation *invocation, GUnixFDList *fds,
                const char *id, GVariant *dictionary)
{
  ob_restore_call_restore (OB_ROOT_OBJECT (skeleton)->manager, invocation, id, dictionary, fds);
  return TRUE;
}

static gboolean
handle_plan_restore (ObDBusBackup1 *skeleton, GDBusMethodInvocation *invocation, const char *id,
                     GVariant *dictionary)
{
  ob_restore_call_plan (OB_ROOT_OBJECT (skeleton)->manager, invocation, id, dictionary);
  return TRUE;
}

static gboolean
handle_undo_restore (ObDBusBackup1 *skeleton, GDBusMethodInvocation *invocation,
                     const char *instance, GVariant *dictionary)
{
  GError *error = NULL;
  g_autofree char *path
    = ob_restore_call_undo (OB_ROOT_OBJECT (skeleton)->manager, instance, dictionary,
                            ob_authorizer_get_caller (invocation), &error);

  if (path == NULL)
    return ob_reply_error (invocation, error);
  ob_dbus_backup1_complete_undo_restore (skeleton, invocation, path);
  return TRUE;
}

static gboolean
handle_release_previous (ObDBusBackup1 *skeleton, GDBusMethodInvocation *invocation,
                         const char *instance, GVariant *dictionary)
{
  GError *error = NULL;
  g_autofree char *path
    = ob_restore_call_release (OB_ROOT_OBJECT (skeleton)->manager, instance, dictionary,
                               ob_authorizer_get_caller (invocation), &error);

  if (path == NULL)
    return ob_reply_error (invocation, error);
  ob_dbus_backup1_complete_release_previous (skeleton, invocation, path);
  return TRUE;
}

static gboolean
handle_begin_change (ObDBusBackup1 *skeleton, GDBusMethodInvocation *invocation,
                     const char *instance, const char *label, GVariant *dictionary)
{
  GError *error = NULL;
  g_autofree char *id = NULL;
  g_autofree char *path
    = ob_change_call_begin (OB_ROOT_OBJECT (skeleton)->manager, instance, label, dictionary,
                            ob_authorizer_get_caller (invocation), &id, &error);

  if (path == NULL)
    return ob_reply_error (invocation, error);
  ob_dbus_backup1_complete_begin_change (skeleton, invocation, id, path);
  return TRUE;
}

static gboolean
handle_end_change (ObDBusBackup1 *skeleton, GDBusMethodInvocation *invocation, const char *change,
                   gboolean succeeded, GVariant *dictionary)
{
  ObRootObject *self = OB_ROOT_OBJECT (skeleton);
  GError *error = NULL;
  g_autofree char *path
    = ob_change_call_end (self->manager, change, succeeded, dictionary,
                          ob_authorizer_get_caller (invocation), &error);

  if (path == NULL)
    return ob_reply_error (invocation, error);
  ob_manager_look_at_changes (self->manager);
  ob_dbus_backup1_complete_end_change (skeleton, invocation, path);
  return TRUE;
}

static gboolean
handle_verify (ObDBusBackup1 *skeleton, GDBusMethodInvocation *invocation, const char *const *ids,
               GVariant *dictionary)
{
  GError *error = NULL;
  g_autofree char *path
    = ob_verify_call_verify (OB_ROOT_OBJECT (skeleton)->manager, ids, dictionary,
                             ob_authorizer_get_caller (invocation), &error);

  if (path == NULL)
    return ob_reply_error (invocation, error);
  ob_dbus_backup1_complete_verify (skeleton, invocation, path);
  return TRUE;
}

static gboolean
handle_repair (ObDBusBackup1 *skeleton, GDBusMethodInvocation *invocation, const char *destination,
               GVariant *dictionary)
{
  GError *error = NULL;
  g_autofree char *path
    = ob_verify_call_repair (OB_ROOT_OBJECT (skeleton)->manager, destination, dictionary,
                             ob_authorizer_get_caller (invocation), &error);

  if (path == NULL)
    return ob_reply_error (invocation, error);
  ob_dbus_backup1_complete_repair (skeleton, invocation, path);
  return TRUE;
}

static gboolean
handle_delete (ObDBusBackup1 *skeleton, GDBusMethodInvocation *invocation,
               const char *const *ids, GVariant *dictionary)
{
  GError *error = NULL;
  g_autofree char *path
    = ob_delete_call_delete (OB_ROOT_OBJECT (skeleton)->manager, ids, dictionary,
                             ob_authorizer_get_caller (invocation), &error);

  if (path == NULL)
    return ob_reply_error (invocation, error);
  ob_dbus_backup1_complete_delete (skeleton, invocation, path);
  return TRUE;
}

static gboolean
handle_prune (ObDBusBackup1 *skeleton, GDBusMethodInvocation *invocation, const char *name,
              GVariant *dictionary)
{
  GError *error = NULL;
  g_autofree char *path
    = ob_delete_call_prune (OB_ROOT_OBJECT (skeleton)->manager, name, dictionary,
                            ob_authorizer_get_caller (invocation), &error);

  if (path == NULL)
    return ob_reply_error (invocation, error);
  ob_dbus_backup1_complete_prune (skeleton, invocation, path);
  return TRUE;
}

static gboolean
handle_add_schedule (ObDBusBackup1 *skeleton, GDBusMethodInvocation *invocation, const char *name,
                     GVariant *dictionary)
{
  GError *error = NULL;
  g_autofree char *path
    = ob_schedule_call_add (OB_ROOT_OBJECT (skeleton)->manager, name, dictionary, &error);

  if (path == NULL)
    return ob_reply_error (invocation, error);
  ob_dbus_backup1_complete_add_schedule (skeleton, invocation, path);
  return TRUE;
}

static gboolean
handle_get_problems (ObDBusBackup1 *skeleton, GDBusMethodInvocation *invocation,
                     GVariant *dictionary)
{
  GError *error = NULL;

  if (!ob_options_read_none (dictionary, &error))
    return ob_reply_error (invocation, error);
  ob_dbus_backup1_complete_get_problems (
    skeleton, invocation, ob_manager_describe_problems (OB_ROOT_OBJECT (skeleton)->manager));
  return TRUE;
}

static void
ob_root_object_iface_init (ObDBusBackup1Iface *iface)
{
  iface->handle_add_schedule = handle_add_schedule;
  iface->handle_get_problems = handle_get_problems;
  iface->handle_add_instance = handle_add_instance;
  iface->handle_add_destination = handle_add_destination;
  iface->handle_backup = handle_backup;
  iface->handle_list_backups = handle_list_backups;
  iface->handle_get_backup = handle_get_backup;
  iface->handle_list_files = handle_list_files;
  iface->handle_edit_backup = handle_edit_backup;
  iface->handle_restore = handle_restore;
  iface->handle_plan_restore = handle_plan_restore;
  iface->handle_undo_restore = handle_undo_restore;
  iface->handle_release_previous = handle_release_previous;
  iface->handle_begin_change = handle_begin_change;
  iface->handle_end_change = handle_end_change;
  iface->handle_delete = handle_delete;
  iface->handle_prune = handle_prune;
  iface->handle_verify = handle_verify;
  iface->handle_repair = handle_repair;
}

/* public methods */

ObRootObject *
ob_root_object_new (ObManager *manager)
{
  ObRootObject *self = g_object_new (OB_TYPE_ROOT_OBJECT, NULL);

  self->manager = manager;
  ob_dbus_backup1_set_version (OB_DBUS_BACKUP1 (self), OB_VERSION);
  ob_dbus_backup1_set_features (OB_DBUS_BACKUP1 (self), features);
  return self;
}
