/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-instance-object.h"

#include <string.h>

#include "ob-authorizer.h"
#include "ob-change-call.h"
#include "ob-discovery.h"
#include "ob-io.h"
#include "ob-manager.h"
#include "ob-object-path.h"
#include "ob-operations.h"
#include "ob-property-cache.h"
#include "ob-reply.h"
#include "ob-restore-stopped.h"
#include "ob-state-file.h"

struct _ObInstanceObject
{
  ObDBusBackup1InstanceSkeleton parent_instance;

  ObManager *manager; /* not owned */
  ObInstance *instance;
  GStrv problems;      /* of the last check */
  char *last_backup;   /* id */
  char *last_error;    /* of the last backup, NULL where it went well */
  guint64 proven;      /* when a drill last tried a backup of it; 0: never */
  char *proven_result; /* "proven" or "failed" */
  char *proven_backup; /* id */
  gint64 added;        /* when it was first seen, seconds since the epoch */
  gint64 updated;      /* when this was last written, seconds since the epoch */
};

static void ob_instance_object_iface_init (ObDBusBackup1InstanceIface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (ObInstanceObject, ob_instance_object,
                               OB_DBUS_TYPE_BACKUP1_INSTANCE_SKELETON,
                               G_IMPLEMENT_INTERFACE (OB_DBUS_TYPE_BACKUP1_INSTANCE,
                                                      ob_instance_object_iface_init))

/* virtual functions */

static void
ob_instance_object_finalize (GObject *object)
{
  ObInstanceObject *self = OB_INSTANCE_OBJECT (object);

  g_clear_pointer (&self->instance, ob_instance_unref);
  g_clear_pointer (&self->problems, g_strfreev);
  g_clear_pointer (&self->last_backup, g_free);
  g_clear_pointer (&self->last_error, g_free);
  g_clear_pointer (&self->proven_result, g_free);
  g_clear_pointer (&self->proven_backup, g_free);
  G_OBJECT_CLASS (ob_instance_object_parent_class)->finalize (object);
}

static void
ob_instance_object_class_init (ObInstanceObjectClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = ob_instance_object_finalize;
  G_DBUS_INTERFACE_SKELETON_CLASS (klass)->get_vtable = ob_authorizer_get_vtable;
  G_DBUS_INTERFACE_SKELETON_CLASS (klass)->get_properties = ob_property_cache_get_properties;
}

static void
ob_instance_object_init (ObInstanceObject *self)
{
}

/* internal methods */

static const char *
get_name (ObInstanceObject *self)
{
  return ob_instance_get_name (self->instance);
}

static void
load (ObInstanceObject *self)
{
  ObDBusBackup1Instance *skeleton = OB_DBUS_BACKUP1_INSTANCE (self);
  ObContext *context = ob_manager_get_context (self->manager);
  g_autoptr (GKeyFile) file = ob_state_file_load (context, OB_FOLDER_INSTANCES, get_name (self));
  g_autofree char *health = g_key_file_get_string (file, OB_STATE_GROUP, "health", NULL);
  guint64 last_success = g_key_file_get_uint64 (file, OB_STATE_GROUP, "last-success", NULL);

  self->problems = g_key_file_get_string_list (file, OB_STATE_GROUP, "problems", NULL, NULL);
  self->last_backup = g_key_file_get_string (file, OB_STATE_GROUP, "last-backup", NULL);
  self->last_error = g_key_file_get_string (file, OB_STATE_GROUP, "last-error", NULL);
  self->proven = g_key_file_get_uint64 (file, OB_STATE_GROUP, "proven", NULL);
  self->proven_result = g_key_file_get_string (file, OB_STATE_GROUP, "proven-result", NULL);
  self->proven_backup = g_key_file_get_string (file, OB_STATE_GROUP, "proven-backup", NULL);
  self->updated = g_key_file_get_int64 (file, OB_STATE_GROUP, "updated", NULL);
  self->added = g_key_file_get_int64 (file, OB_STATE_GROUP, "added", NULL);
  ob_dbus_backup1_instance_set_health (skeleton, health != NULL ? health : "unknown");
  ob_dbus_backup1_instance_set_last_success (skeleton, last_success);
}

static void
save (ObInstanceObject *self)
{
  ObDBusBackup1Instance *skeleton = OB_DBUS_BACKUP1_INSTANCE (self);
  ObContext *context = ob_manager_get_context (self->manager);
  g_autoptr (GKeyFile) file = g_key_file_new ();

  self->updated = g_get_real_time () / G_USEC_PER_SEC;
  g_key_file_set_string (file, OB_STATE_GROUP, "health",
                         ob_dbus_backup1_instance_get_health (skeleton));
  g_key_file_set_uint64 (file, OB_STATE_GROUP, "last-success",
                         ob_dbus_backup1_instance_get_last_success (skeleton));
  g_key_file_set_int64 (file, OB_STATE_GROUP, "updated", self->updated);
  g_key_file_set_int64 (file, OB_STATE_GROUP, "added", self->added);
  if (self->problems != NULL)
    g_key_file_set_string_list (file, OB_STATE_GROUP, "problems",
                                (const char *const *) self->problems,
                                g_strv_length (self->problems));
  if (self->last_backup != NULL)
    g_key_file_set_string (file, OB_STATE_GROUP, "last-backup", self->last_backup);
  if (self->last_error != NULL)
    g_key_file_set_string (file, OB_STATE_GROUP, "last-error", self->last_error);
  if (self->proven > 0 && self->proven_result != NULL && self->proven_backup != NULL)
    {
      g_key_file_set_uint64 (file, OB_STATE_GROUP, "proven", self->proven);
      g_key_file_set_string (file, OB_STATE_GROUP, "proven-result", self->proven_result);
      g_key_file_set_string (file, OB_STATE_GROUP, "proven-backup", self->proven_backup);
    }
  ob_state_file_save (context, OB_FOLDER_INSTANCES, get_name (self), file);
  g_dbus_interface_skeleton_flush (G_DBUS_INTERFACE_SKELETON (self));
}

static void
set_health (ObInstanceObject *self, gboolean good)
{
  ob_dbus_backup1_instance_set_health (OB_DBUS_BACKUP1_INSTANCE (self),
                                       good ? "good" : "problems");
}

/* A check that failed as a whole is a problem too. */
static void
take_check (ObInstanceObject *self, ObJob *job, GVariant *result)
{
  gboolean done = ob_job_get_state (job) == OB_JOB_SUCCEEDED;
  g_auto (GStrv) problems = NULL;

  if (!g_variant_lookup (result, "problems", "^as", &problems))
    problems = g_new0 (char *, 1);
  if (!done && *problems == NULL)
    {
      g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();

      g_strv_builder_add (builder, ob_job_get_error_message (job));
      g_strfreev (problems);
      problems = g_strv_builder_end (builder);
    }
  set_health (self, *problems == NULL);
  g_strfreev (self->problems);
  self->problems = g_steal_pointer (&problems);
}

/* Whether a backup holds all that there is to the installation. */
static gboolean
is_whole (ObInstanceObject *self, GVariant *result)
{
  g_autofree const char **names = NULL;
  ObParts parts = 0;
  ObParts all = ob_instance_get_parts (self->instance);

  return g_variant_lookup (result, "parts", "^a&s", &names)
         && ob_parts_from_names (names, &parts, NULL) && (parts & all) == all;
}

static void
take_backup (ObInstanceObject *self, ObJob *job, GVariant *result)
{
  ObJobState state = ob_job_get_state (job);
  const char *id = NULL;

  if (g_variant_lookup (result, "id", "&s", &id))
    {
      g_free (self->last_backup);
      self->last_backup = g_strdup (id);
    }
  if (state == OB_JOB_SUCCEEDED && is_whole (self, result))
    ob_dbus_backup1_instance_set_last_success (OB_DBUS_BACKUP1_INSTANCE (self),
                                               (guint64) ob_job_get_end_time (job));
  g_clear_pointer (&self->last_error, g_free);
  if (state == OB_JOB_FAILED || state == OB_JOB_INTERRUPTED)
    self->last_error = ob_reply_make_text (ob_job_get_error_message (job));
  else if (state == OB_JOB_PARTIAL)
    self->last_error = g_strdup ("The last backup lacks data; its warnings say which");
  set_health (self, state == OB_JOB_SUCCEEDED);
}

/* What Check, Backup and the like answer: the path of a job. Takes @job and @error. */
static gboolean
handle_check (ObDBusBackup1Instance *skeleton, GDBusMethodInvocation *invocation,
              GVariant *options)
{
  ObInstanceObject *self = OB_INSTANCE_OBJECT (skeleton);
  ObContext *context = ob_manager_get_context (self->manager);
  guint uid = ob_authorizer_get_caller (invocation);
  GError *error = NULL;
  g_autofree char *path = NULL;

  if (!ob_options_read_none (options, &error))
    return ob_reply_error (invocation, error);
  path = ob_manager_start_job (self->manager,
                               ob_check_instance_job_new (context, self->instance, uid), &error);
  if (path == NULL)
    return ob_reply_error (invocation, error);
  ob_dbus_backup1_instance_complete_check (skeleton, invocation, path);
  return TRUE;
}

typedef struct
{
  ObInstanceObject *self;
  GDBusMethodInvocation *invocation;
} Update;

static void
on_discovered (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autofree Update *update = user_data;
  g_autoptr (ObInstanceObject) self = update->self;
  g_auto (GStrv) notes = NULL;
  GError *error = NULL;
  ObInstance *instance = ob_discovery_finish (result, &notes, &error);

  ob_manager_release (OB_MANAGER (source), OB_FOLDER_INSTANCES, get_name (self));
  if (instance == NULL)
    {
      ob_reply_error (update->invocation, error);
      return;
    }
  ob_instance_unref (self->instance);
  self->instance = instance;
  ob_instance_object_take_notes (self, (const char *const *) notes);
  ob_dbus_backup1_instance_complete_update (OB_DBUS_BACKUP1_INSTANCE (self), update->invocation,
                                            (const char *const *) notes);
}

static gboolean
handle_update (ObDBusBackup1Instance *skeleton, GDBusMethodInvocation *invocation,
               GVariant *dictionary)
{
  ObInstanceObject *self = OB_INSTANCE_OBJECT (skeleton);
  GError *error = NULL;
  g_autoptr (ObOptions) options
    = ob_options_read (dictionary, ob_discovery_update_options, NULL, &error);
  Update *update = NULL;

  if (options == NULL
      || !ob_manager_hold (self->manager, OB_FOLDER_INSTANCES, get_name (self), &error))
    return ob_reply_error (invocation, error);
  update = g_new0 (Update, 1);
  update->self = g_object_ref (self);
  update->invocation = invocation;
  ob_discovery_begin (self->manager, get_name (self), g_steal_pointer (&options), self->instance,
                      on_discovered, update);
  return TRUE;
}

static gboolean
remove_configuration (ObInstanceObject *self, GError **error)
{
  int dirfd = ob_manager_get_context (self->manager)->instances_fd;
  g_autofree char *file_name = g_strconcat (get_name (self), ".conf", NULL);

  if (ob_remove_file_at (dirfd, file_name, error))
    return TRUE;
  g_prefix_error (error, "The configuration of instance %s cannot be removed: ", get_name (self));
  return FALSE;
}

/* What an open change could go back to would be forgotten with the installation. */
static gboolean
check_no_change (ObInstanceObject *self, GError **error)
{
  g_autoptr (ObChange) change
    = ob_change_load (ob_manager_get_context (self->manager), get_name (self), NULL);

  if (change == NULL)
    return TRUE;
  g_set_error (error, OB_ERROR, OB_ERROR_BUSY,
               "A change of instance %s is open; end it first: \"obbackupctl change end %s\" with "
               "--succeeded or --failed",
               get_name (self), change->id);
  return FALSE;
}

static gboolean
handle_remove (ObDBusBackup1Instance *skeleton, GDBusMethodInvocation *invocation,
               GVariant *options)
{
  ObInstanceObject *self = OB_INSTANCE_OBJECT (skeleton);
  g_autoptr (ObInstance) instance = ob_instance_ref (self->instance);
  const char *name = ob_instance_get_name (instance);
  gboolean removed = FALSE;
  GError *error = NULL;

  if (!ob_options_read_none (options, &error) || !check_no_change (self, &error)
      || !ob_manager_check_unused (self->manager, name, NULL, &error)
      || !ob_manager_hold (self->manager, OB_FOLDER_INSTANCES, name, &error))
    return ob_reply_error (invocation, error);
  removed = remove_configuration (self, &error);
  ob_manager_release (self->manager, OB_FOLDER_INSTANCES, name);
  if (!removed)
    return ob_reply_error (invocation, error);
  ob_manager_remove_instance (self->manager, name);
  ob_dbus_backup1_instance_complete_remove (skeleton, invocation);
  return TRUE;
}

static void
list_previous_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  ObContext *context = ob_manager_get_context (OB_MANAGER (source));

  g_task_return_pointer (task, ob_restore_list_previous (context, data),
                         (GDestroyNotify) g_variant_unref);
}

static void
add_text (GVariantDict *dict, const char *key, const char *text)
{
  g_autofree char *valid = ob_reply_make_text (text);

  if (text != NULL)
    g_variant_dict_insert (dict, key, "s", valid);
}

static void
add_texts (GVariantDict *dict, const char *key, const char *const *texts)
{
  g_autoptr (GPtrArray) valid = g_ptr_array_new_with_free_func (g_free);

  if (texts == NULL)
    return;
  for (const char *const *text = texts; *text != NULL; text++)
    g_ptr_array_add (valid, ob_reply_make_text (*text));
  g_variant_dict_insert_value (
    dict, key, g_variant_new_strv ((const char *const *) valid->pdata, valid->len));
}

static void
add_installation (ObInstance *instance, GVariantDict *dict)
{
  const ObDatabaseConfig *database = ob_instance_get_database (instance);
  g_autofree char *address
    = g_strdup_printf ("%s on %s:%u", database->name, database->host, database->port);
  const ObParts trees[]
    = { OB_PART_SOURCES, OB_PART_WEBAPP, OB_PART_ATTACHMENTS, OB_PART_REPRINTABLES };

  add_text (dict, "name", ob_instance_get_name (instance));
  add_text (dict, "properties", ob_instance_get_properties (instance));
  for (gsize i = 0; i < G_N_ELEMENTS (trees); i++)
    add_text (dict, ob_part_get_name (trees[i]), ob_instance_get_path (instance, trees[i]));
  add_text (dict, "database", address);
  add_text (dict, "database-user", database->user);
  add_text (dict, "unit", ob_instance_get_unit (instance));
  add_texts (dict, "stop-command", ob_instance_get_stop_command (instance));
  add_texts (dict, "start-command", ob_instance_get_start_command (instance));
  add_text (dict, "command-user", ob_instance_get_command_user (instance));
  add_text (dict, "health-url", ob_instance_get_health_url (instance));
  add_text (dict, "health-sql", ob_instance_get_health_sql (instance));
  add_texts (dict, "check-sql", ob_instance_get_check_sql (instance));
}

static GVariant *
describe (ObInstanceObject *self, GVariant *previous)
{
  ObDBusBackup1Instance *skeleton = OB_DBUS_BACKUP1_INSTANCE (self);
  guint64 last_success = ob_dbus_backup1_instance_get_last_success (skeleton);
  g_autofree char *stopped
    = ob_restore_stopped_get (ob_manager_get_context (self->manager), get_name (self));
  GVariant *change
    = ob_change_call_describe (ob_manager_get_context (self->manager), get_name (self));
  GVariantDict dict = { 0 };

  g_variant_dict_init (&dict, NULL);
  add_installation (self->instance, &dict);
  add_texts (&dict, "problems", (const char *const *) self->problems);
  add_text (&dict, "last-backup", self->last_backup);
  add_text (&dict, "last-error", self->last_error);
  if (last_success > 0)
    g_variant_dict_insert (&dict, "last-success", "t", last_success);
  add_text (&dict, "stopped", stopped);
  if (change != NULL)
    g_variant_dict_insert_value (&dict, "change", change);
  if (self->proven > 0)
    {
      g_variant_dict_insert (&dict, "proven", "t", self->proven);
      add_text (&dict, "proven-result", self->proven_result);
      add_text (&dict, "proven-backup", self->proven_backup);
    }
  if (previous != NULL && g_variant_n_children (previous) > 0)
    g_variant_dict_insert_value (&dict, "previous", previous);
  return g_variant_dict_end (&dict);
}

static void
on_previous (GObject *source, GAsyncResult *result, gpointer user_data)
{
  GDBusMethodInvocation *invocation = user_data;
  ObInstanceObject *self
    = OB_INSTANCE_OBJECT (g_dbus_method_invocation_get_user_data (invocation));
  g_autoptr (GVariant) previous = g_task_propagate_pointer (G_TASK (result), NULL);

  ob_dbus_backup1_instance_complete_get_details (OB_DBUS_BACKUP1_INSTANCE (self), invocation,
                                                 describe (self, previous));
}

static gboolean
handle_get_details (ObDBusBackup1Instance *skeleton, GDBusMethodInvocation *invocation,
                    GVariant *options)
{
  ObInstanceObject *self = OB_INSTANCE_OBJECT (skeleton);
  GError *error = NULL;
  g_autoptr (GTask) task = NULL;

  if (!ob_options_read_none (options, &error))
    return ob_reply_error (invocation, error);
  /* The object may go while the thread reads. */
  g_object_set_data_full (G_OBJECT (invocation), "ob-instance-object", g_object_ref (self),
                          g_object_unref);
  task = g_task_new (self->manager, NULL, on_previous, invocation);
  g_task_set_task_data (task, g_strdup (get_name (self)), g_free);
  g_task_run_in_thread (task, list_previous_in_thread);
  return TRUE;
}

static void
ob_instance_object_iface_init (ObDBusBackup1InstanceIface *iface)
{
  iface->handle_check = handle_check;
  iface->handle_update = handle_update;
  iface->handle_remove = handle_remove;
  iface->handle_get_details = handle_get_details;
}

/* public methods */

ObInstanceObject *
ob_instance_object_new (ObManager *manager, ObInstance *instance)
{
  ObInstanceObject *self = g_object_new (OB_TYPE_INSTANCE_OBJECT, NULL);

  self->manager = manager;
  self->instance = ob_instance_ref (instance);
  ob_dbus_backup1_instance_set_name (OB_DBUS_BACKUP1_INSTANCE (self), get_name (self));
  load (self);
  if (self->added <= 0)
    {
      gint64 updated = self->updated;

      self->added = g_get_real_time () / G_USEC_PER_SEC;
      save (self);
      /* Nothing was learnt. */
      self->updated = updated;
    }
  ob_instance_object_look_at_change (self);
  return self;
}

ObInstance *
ob_instance_object_get_instance (ObInstanceObject *self)
{
  return self->instance;
}

gint64
ob_instance_object_get_added (ObInstanceObject *self)
{
  return self->added;
}

void
ob_instance_object_set_next_run (ObInstanceObject *self, guint64 next_run)
{
  ob_dbus_backup1_instance_set_next_run (OB_DBUS_BACKUP1_INSTANCE (self), next_run);
}

void
ob_instance_object_replace (ObInstanceObject *self, ObInstance *instance)
{
  ob_instance_unref (self->instance);
  self->instance = ob_instance_ref (instance);
}

void
ob_instance_object_take_notes (ObInstanceObject *self, const char *const *notes)
{
  g_strfreev (self->problems);
  self->problems = g_strdupv ((char **) notes);
  set_health (self, *notes == NULL);
  save (self);
}

void
ob_instance_object_look_at_change (ObInstanceObject *self)
{
  g_autoptr (ObChange) change
    = ob_change_load (ob_manager_get_context (self->manager), get_name (self), NULL);

  ob_dbus_backup1_instance_set_change_since (
    OB_DBUS_BACKUP1_INSTANCE (self),
    change != NULL && change->state != OB_CHANGE_BEGINNING ? (guint64) change->time : 0);
  g_dbus_interface_skeleton_flush (G_DBUS_INTERFACE_SKELETON (self));
}

void
ob_instance_object_take_job (ObInstanceObject *self, ObJob *job)
{
  const char *operation = ob_job_get_operation (job);
  g_autoptr (GVariant) result = NULL;

  ob_instance_object_look_at_change (self);
  if (ob_job_get_state (job) == OB_JOB_CANCELLED)
    return;
  result = ob_job_dup_result (job);
  if (g_strcmp0 (operation, "check-instance") == 0)
    take_check (self, job, result);
  else if (g_strcmp0 (operation, "backup") == 0)
    take_backup (self, job, result);
  else
    return;
  save (self);
}

void
ob_instance_object_take_deletion (ObInstanceObject *self, GVariant *result)
{
  g_autoptr (GVariant) remaining
    = g_variant_lookup_value (result, "remaining", G_VARIANT_TYPE ("a{st}"));
  g_autofree const char **removed = NULL;
  guint64 newest = 0;

  if (self->last_backup == NULL || !g_variant_lookup (result, "removed", "^a&s", &removed)
      || !g_strv_contains (removed, self->last_backup))
    return;
  g_clear_pointer (&self->last_backup, g_free);
  if (remaining != NULL && g_variant_lookup (remaining, get_name (self), "t", &newest))
    ob_dbus_backup1_instance_set_last_success (OB_DBUS_BACKUP1_INSTANCE (self), newest);
  save (self);
}

void
ob_instance_object_take_drill (ObInstanceObject *self, guint64 time, GVariant *backup)
{
  const char *result = "", *id = "";

  g_variant_lookup (backup, "result", "&s", &result);
  g_variant_lookup (backup, "id", "&s", &id);
  if (strcmp (result, "proven") != 0 && strcmp (result, "failed") != 0)
    return;
  self->proven = time;
  g_free (self->proven_result);
  self->proven_result = g_strdup (result);
  g_free (self->proven_backup);
  self->proven_backup = g_strdup (id);
  save (self);
}

gboolean
ob_instance_object_knows_job (ObInstanceObject *self, ObJob *job)
{
  return ob_job_get_end_time (job) < self->updated;
}
