/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-destination-object.h"

#include <fcntl.h>
#include <string.h>

#include "ob-authorizer.h"
#include "ob-descriptor.h"
#include "ob-destination-call.h"
#include "ob-error.h"
#include "ob-fd.h"
#include "ob-manager.h"
#include "ob-object-path.h"
#include "ob-operations.h"
#include "ob-options.h"
#include "ob-property-cache.h"
#include "ob-reply.h"
#include "ob-secret.h"
#include "ob-space-history.h"
#include "ob-state-file.h"
#include "ob-verify-record.h"

/* How long a client may take to read a key, below the 25 seconds that the call has. */
#define CLIENT_SECONDS 10

struct _ObDestinationObject
{
  ObDBusBackup1DestinationSkeleton parent_instance;

  ObManager *manager; /* not owned */
  ObDestination *destination;
  char *problem; /* of the last job, NULL where it went well */
  char *damage;  /* that a verification found, NULL for none */
  guint64 last_sound; /* when a verification of all found none */
  ObSpaceHistory *space;
};

static void ob_destination_object_iface_init (ObDBusBackup1DestinationIface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (ObDestinationObject, ob_destination_object,
                               OB_DBUS_TYPE_BACKUP1_DESTINATION_SKELETON,
                               G_IMPLEMENT_INTERFACE (OB_DBUS_TYPE_BACKUP1_DESTINATION,
                                                      ob_destination_object_iface_init))

static const ObOptionSpec key_options[] = { { "saved", "b", FALSE }, { NULL, NULL, FALSE } };

/* virtual functions */

static void
ob_destination_object_finalize (GObject *object)
{
  ObDestinationObject *self = OB_DESTINATION_OBJECT (object);

  g_clear_pointer (&self->destination, ob_destination_unref);
  g_clear_pointer (&self->problem, g_free);
  g_clear_pointer (&self->damage, g_free);
  g_clear_pointer (&self->space, ob_space_history_free);
  G_OBJECT_CLASS (ob_destination_object_parent_class)->finalize (object);
}

static void
ob_destination_object_class_init (ObDestinationObjectClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = ob_destination_object_finalize;
  G_DBUS_INTERFACE_SKELETON_CLASS (klass)->get_vtable = ob_authorizer_get_vtable;
  G_DBUS_INTERFACE_SKELETON_CLASS (klass)->get_properties = ob_property_cache_get_properties;
}

static void
ob_destination_object_init (ObDestinationObject *self)
{
}

/* internal methods */

static const char *
get_name (ObDestinationObject *self)
{
  return ob_destination_get_name (self->destination);
}

static void
load (ObDestinationObject *self)
{
  ObDBusBackup1Destination *skeleton = OB_DBUS_BACKUP1_DESTINATION (self);
  ObContext *context = ob_manager_get_context (self->manager);
  g_autoptr (GKeyFile) file
    = ob_state_file_load (context, OB_FOLDER_DESTINATIONS, get_name (self));
  g_autofree char *state = g_key_file_get_string (file, OB_STATE_GROUP, "state", NULL);

  g_auto (GStrv) space = g_key_file_get_string_list (file, OB_STATE_GROUP, "space", NULL, NULL);

  self->problem = g_key_file_get_string (file, OB_STATE_GROUP, "problem", NULL);
  self->damage = g_key_file_get_string (file, OB_STATE_GROUP, "damage", NULL);
  self->last_sound = g_key_file_get_uint64 (file, OB_STATE_GROUP, "last-sound", NULL);
  self->space = ob_space_history_new ((const char *const *) space);
  ob_dbus_backup1_destination_set_state (skeleton, state != NULL ? state : "unknown");
  ob_dbus_backup1_destination_set_free_bytes (
    skeleton, g_key_file_get_uint64 (file, OB_STATE_GROUP, "free-bytes", NULL));
  ob_dbus_backup1_destination_set_total_bytes (
    skeleton, g_key_file_get_uint64 (file, OB_STATE_GROUP, "total-bytes", NULL));
}

static void
save (ObDestinationObject *self)
{
  ObDBusBackup1Destination *skeleton = OB_DBUS_BACKUP1_DESTINATION (self);
  ObContext *context = ob_manager_get_context (self->manager);
  g_autoptr (GKeyFile) file = g_key_file_new ();

  g_key_file_set_string (file, OB_STATE_GROUP, "state",
                         ob_dbus_backup1_destination_get_state (skeleton));
  g_key_file_set_uint64 (file, OB_STATE_GROUP, "free-bytes",
                         ob_dbus_backup1_destination_get_free_bytes (skeleton));
  g_key_file_set_uint64 (file, OB_STATE_GROUP, "total-bytes",
                         ob_dbus_backup1_destination_get_total_bytes (skeleton));
  g_auto (GStrv) space = ob_space_history_list (self->space);

  if (self->problem != NULL)
    g_key_file_set_string (file, OB_STATE_GROUP, "problem", self->problem);
  if (self->damage != NULL)
    g_key_file_set_string (file, OB_STATE_GROUP, "damage", self->damage);
  g_key_file_set_uint64 (file, OB_STATE_GROUP, "last-sound", self->last_sound);
  g_key_file_set_string_list (file, OB_STATE_GROUP, "space", (const char *const *) space,
                              g_strv_length (space));
  ob_state_file_save (context, OB_FOLDER_DESTINATIONS, get_name (self), file);
  g_dbus_interface_skeleton_flush (G_DBUS_INTERFACE_SKELETON (self));
}

/* Whether an error tells that the destination is out of reach, rather than of the job's other
 * end. */
static gboolean
is_about_destination (const char *operation, ObError code)
{
  switch (code)
    {
    case OB_ERROR_DESTINATION_UNAVAILABLE:
    case OB_ERROR_WRONG_PASSPHRASE:
      return TRUE;
    default:
      return g_strcmp0 (operation, "check-destination") == 0;
    }
}

static void
set_state (ObDestinationObject *self, gboolean ready, const char *problem)
{
  ob_dbus_backup1_destination_set_state (OB_DBUS_BACKUP1_DESTINATION (self),
                                         ready ? "ready" : "unavailable");
  g_free (self->problem);
  self->problem = ready ? NULL : ob_reply_make_text (problem);
}

/* What was damaged is until all was looked at again, or was repaired. */
static void
take_verification (ObDestinationObject *self, ObJob *job)
{
  ObJobState state = ob_job_get_state (job);
  g_autoptr (ObVerifyRecord) record
    = ob_verify_record_load (ob_manager_get_context (self->manager),
                             ob_destination_get_repository_id (self->destination));
  ObVerified verified = { 0 };
  gboolean sound = ob_verify_record_get (record, NULL, &verified) && verified.sound;

  if (state == OB_JOB_FAILED && g_strcmp0 (ob_job_get_error_name (job), "Corrupt") == 0)
    {
      g_free (self->damage);
      self->damage = ob_reply_make_text (ob_job_get_error_message (job));
    }
  else if (state == OB_JOB_SUCCEEDED && sound)
    g_clear_pointer (&self->damage, g_free);
  if (sound)
    self->last_sound = (guint64) verified.time;
}

static gboolean
handle_check (ObDBusBackup1Destination *skeleton, GDBusMethodInvocation *invocation,
              GVariant *options)
{
  ObDestinationObject *self = OB_DESTINATION_OBJECT (skeleton);
  ObContext *context = ob_manager_get_context (self->manager);
  guint uid = ob_authorizer_get_caller (invocation);
  GError *error = NULL;
  g_autofree char *path = NULL;

  if (!ob_options_read_none (options, &error))
    return ob_reply_error (invocation, error);
  path = ob_manager_start_job (
    self->manager, ob_check_destination_job_new (context, self->destination, uid), &error);
  if (path == NULL)
    return ob_reply_error (invocation, error);
  ob_dbus_backup1_destination_complete_check (skeleton, invocation, path);
  return TRUE;
}

static gboolean
handle_update (ObDBusBackup1Destination *skeleton, GDBusMethodInvocation *invocation,
               GUnixFDList *fds, GVariant *dictionary, GVariant *secrets)
{
  ObDestinationObject *self = OB_DESTINATION_OBJECT (skeleton);

  ob_destination_call_update (self->manager, invocation, self->destination, dictionary, secrets,
                              fds);
  return TRUE;
}

static gboolean
handle_remove (ObDBusBackup1Destination *skeleton, GDBusMethodInvocation *invocation,
               GVariant *options)
{
  ObDestinationObject *self = OB_DESTINATION_OBJECT (skeleton);
  g_autoptr (ObDestination) destination = ob_destination_ref (self->destination);
  const char *name = ob_destination_get_name (destination);
  gboolean removed = FALSE;
  GError *error = NULL;

  if (!ob_options_read_none (options, &error)
      || !ob_manager_check_unused (self->manager, NULL, name, &error)
      || !ob_manager_hold (self->manager, OB_FOLDER_DESTINATIONS, name, &error))
    return ob_reply_error (invocation, error);
  removed
    = ob_destination_remove (destination, ob_manager_get_context (self->manager), &error);
  ob_manager_release (self->manager, OB_FOLDER_DESTINATIONS, name);
  if (!removed)
    return ob_reply_error (invocation, error);
  ob_manager_remove_destination (self->manager, name);
  ob_dbus_backup1_destination_complete_remove (skeleton, invocation);
  return TRUE;
}

/* RecoveryKey, in its thread. */
typedef struct
{
  ObDestinationObject *self;
  ObDestination *destination;
  int fd;
  gboolean saved;
} KeyWrite;

static void
key_write_free (gpointer data)
{
  KeyWrite *write = data;

  g_object_unref (write->self);
  ob_destination_unref (write->destination);
  ob_fd_clear (&write->fd);
  g_free (write);
}

static void
write_key_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  KeyWrite *write = data;
  ObContext *context = ob_manager_get_context (OB_MANAGER (source));
  GError *error = NULL;
  ob_autosecret char *key = ob_destination_read_key (write->destination, context, &error);
  ob_autosecret char *line = key != NULL ? g_strconcat (key, "\n", NULL) : NULL;

  if (line == NULL || !ob_descriptor_write (write->fd, line, strlen (line), CLIENT_SECONDS, &error))
    g_task_return_error (task, error);
  else
    g_task_return_boolean (task, TRUE);
}

static void
on_key_written (GObject *source, GAsyncResult *result, gpointer user_data)
{
  ObManager *manager = OB_MANAGER (source);
  GDBusMethodInvocation *invocation = user_data;
  KeyWrite *write = g_task_get_task_data (G_TASK (result));
  ObDestinationObject *self = write->self;
  GError *error = NULL;

  /* The destination may have been removed or changed meanwhile. */
  if (!g_task_propagate_boolean (G_TASK (result), &error)
      || (write->saved
          && (ob_manager_find_destination (manager, get_name (self), &error) == NULL
              || !ob_manager_check_not_updating (manager, get_name (self), &error)
              || !ob_destination_set_key_saved (self->destination,
                                                ob_manager_get_context (manager), &error))))
    ob_reply_error (invocation, error);
  else
    ob_dbus_backup1_destination_complete_recovery_key (OB_DBUS_BACKUP1_DESTINATION (self),
                                                       invocation, NULL);
}

static gboolean
handle_recovery_key (ObDBusBackup1Destination *skeleton, GDBusMethodInvocation *invocation,
                     GUnixFDList *fds, GVariant *out, GVariant *dictionary)
{
  ObDestinationObject *self = OB_DESTINATION_OBJECT (skeleton);
  GError *error = NULL;
  g_autoptr (ObOptions) options = ob_options_read (dictionary, key_options, NULL, &error);
  int fd = -1;
  KeyWrite *write = NULL;
  g_autoptr (GTask) task = NULL;

  if (options == NULL)
    return ob_reply_error (invocation, error);
  fd = ob_options_peek_handle (g_variant_get_handle (out), fds, "out", &error);
  if (fd < 0 || !ob_descriptor_check_sink (fd, "out", &error)
      || !ob_manager_check_not_updating (self->manager, get_name (self), &error))
    return ob_reply_error (invocation, error);
  write = g_new0 (KeyWrite, 1);
  write->self = g_object_ref (self);
  write->destination = ob_destination_ref (self->destination);
  write->fd = fcntl (fd, F_DUPFD_CLOEXEC, 3);
  write->saved = ob_options_get_boolean (options, "saved");
  task = g_task_new (self->manager, NULL, on_key_written, invocation);
  g_task_set_task_data (task, write, key_write_free);
  g_task_run_in_thread (task, write_key_in_thread);
  return TRUE;
}

/* When all of it was verified last, and how that ended. */
static void
insert_verified (ObDestinationObject *self, GVariantDict *dict)
{
  g_autoptr (ObVerifyRecord) record
    = ob_verify_record_load (ob_manager_get_context (self->manager),
                             ob_destination_get_repository_id (self->destination));
  ObVerified verified;

  if (!ob_verify_record_get (record, NULL, &verified))
    return;
  g_variant_dict_insert (dict, "verified", "t", (guint64) verified.time);
  g_variant_dict_insert (dict, "verified-result", "s", verified.sound ? "sound" : "damaged");
  g_variant_dict_insert (dict, "verified-depth", "s", ob_verified_depth_get_name (verified.depth));
  if (verified.read > 0)
    g_variant_dict_insert (dict, "verified-data", "t", (guint64) verified.read);
}

static gboolean
handle_get_details (ObDBusBackup1Destination *skeleton, GDBusMethodInvocation *invocation,
                    GVariant *options)
{
  ObDestinationObject *self = OB_DESTINATION_OBJECT (skeleton);
  ObDestination *destination = self->destination;
  g_autofree char *path = ob_reply_make_text (ob_destination_get_path (destination));
  GVariantDict dict = { 0 };
  GError *error = NULL;
  guint days = 0;

  if (!ob_options_read_none (options, &error))
    return ob_reply_error (invocation, error);
  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert (&dict, "name", "s", ob_destination_get_name (destination));
  g_variant_dict_insert (&dict, "kind", "s", ob_destination_get_kind (destination));
  g_variant_dict_insert (&dict, "path", "s", path);
  ob_destination_call_insert_settings (destination, &dict);
  g_variant_dict_insert (&dict, "repository", "s", ob_destination_get_repository_id (destination));
  if (ob_destination_get_bandwidth_limit (destination) != NULL)
    g_variant_dict_insert (&dict, "bandwidth-limit", "s",
                           ob_destination_get_bandwidth_limit (destination));
  insert_verified (self, &dict);
  g_variant_dict_insert (&dict, "key-saved", "b", ob_destination_get_key_saved (destination));
  g_variant_dict_insert (&dict, "no-passphrase", "b",
                         ob_destination_get_no_passphrase (destination));
  if (self->problem != NULL)
    g_variant_dict_insert (&dict, "problem", "s", self->problem);
  if (self->damage != NULL)
    g_variant_dict_insert (&dict, "damage", "s", self->damage);
  if (ob_destination_object_get_days_left (self, &days))
    g_variant_dict_insert (&dict, "days-left", "u", days);
  ob_dbus_backup1_destination_complete_get_details (skeleton, invocation,
                                                    g_variant_dict_end (&dict));
  return TRUE;
}

static void
ob_destination_object_iface_init (ObDBusBackup1DestinationIface *iface)
{
  iface->handle_check = handle_check;
  iface->handle_update = handle_update;
  iface->handle_remove = handle_remove;
  iface->handle_recovery_key = handle_recovery_key;
  iface->handle_get_details = handle_get_details;
}

/* public methods */

ObDestinationObject *
ob_destination_object_new (ObManager *manager, ObDestination *destination)
{
  ObDestinationObject *self = g_object_new (OB_TYPE_DESTINATION_OBJECT, NULL);
  ObDBusBackup1Destination *skeleton = OB_DBUS_BACKUP1_DESTINATION (self);

  self->manager = manager;
  self->destination = ob_destination_ref (destination);
  ob_dbus_backup1_destination_set_name (skeleton, get_name (self));
  ob_dbus_backup1_destination_set_kind (skeleton, ob_destination_get_kind (destination));
  load (self);
  return self;
}

ObDestination *
ob_destination_object_get_destination (ObDestinationObject *self)
{
  return self->destination;
}

const char *
ob_destination_object_get_problem (ObDestinationObject *self)
{
  return self->problem;
}

const char *
ob_destination_object_get_damage (ObDestinationObject *self)
{
  return self->damage;
}

guint64
ob_destination_object_get_last_sound (ObDestinationObject *self)
{
  return self->last_sound;
}

gboolean
ob_destination_object_get_days_left (ObDestinationObject *self, guint *days)
{
  ObDBusBackup1Destination *skeleton = OB_DBUS_BACKUP1_DESTINATION (self);

  return ob_space_history_forecast (
    self->space, ob_dbus_backup1_destination_get_free_bytes (skeleton), days);
}

void
ob_destination_object_replace (ObDestinationObject *self, ObDestination *destination)
{
  ob_destination_unref (self->destination);
  self->destination = ob_destination_ref (destination);
}

void
ob_destination_object_take_job (ObDestinationObject *self, ObJob *job)
{
  ObDBusBackup1Destination *skeleton = OB_DBUS_BACKUP1_DESTINATION (self);
  const char *operation = ob_job_get_operation (job);
  ObJobState state = ob_job_get_state (job);
  guint64 free_bytes = 0;
  guint64 total_bytes = 0;

  if (ob_job_get_space (job, &free_bytes, &total_bytes))
    {
      ob_dbus_backup1_destination_set_free_bytes (skeleton, free_bytes);
      ob_dbus_backup1_destination_set_total_bytes (skeleton, total_bytes);
      /* Where there is no end of the space it says nothing of days that are left. */
      if (total_bytes != G_MAXUINT64)
        ob_space_history_add (self->space, ob_job_get_end_time (job), free_bytes);
    }
  if (g_strcmp0 (operation, "verify") == 0 || g_strcmp0 (operation, "repair") == 0)
    take_verification (self, job);
  if (state == OB_JOB_SUCCEEDED || state == OB_JOB_PARTIAL)
    {
      ObDestination *updated = NULL;

      if (g_strcmp0 (operation, "update-destination") == 0)
        updated = ob_update_destination_job_get_destination (job);
      if (updated != NULL)
        {
          ob_destination_unref (self->destination);
          self->destination = updated;
        }
      set_state (self, TRUE, NULL);
    }
  else if (state == OB_JOB_FAILED && g_strcmp0 (operation, "update-destination") != 0
           && is_about_destination (operation, ob_error_from_name (ob_job_get_error_name (job))))
    set_state (self, FALSE, ob_job_get_error_message (job));
  save (self);
}
