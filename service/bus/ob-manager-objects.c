/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Instances and destinations by their names: which there are, which is meant, and which is set
 * apart. */
#include "ob-manager-private.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "ob-destination-object.h"
#include "ob-error.h"
#include "ob-instance-object.h"
#include "ob-object-path.h"
#include "ob-path.h"
#include "ob-state-file.h"

/* internal methods */

static void
export_destination (ObManager *self, ObDestination *destination)
{
  const char *name = ob_destination_get_name (destination);
  g_autofree char *path = ob_object_path_new (OB_FOLDER_DESTINATIONS, name);
  ObDestinationObject *object = ob_destination_object_new (self, destination);

  ob_manager_export_owned (self, G_DBUS_INTERFACE_SKELETON (object), path, OB_NOBODY);
  g_hash_table_insert (self->destinations, g_strdup (name), object);
}

static gboolean
is_known (ObManager *self, const char *folder, const char *name)
{
  if (g_str_equal (folder, OB_FOLDER_INSTANCES))
    return g_hash_table_contains (self->instances, name);
  if (g_str_equal (folder, OB_FOLDER_DESTINATIONS))
    return g_hash_table_contains (self->destinations, name);
  return ob_schedules_contain (self->schedules, name);
}

static gboolean
has_configuration (ObManager *self, const char *folder, const char *name)
{
  gboolean is_instance = g_str_equal (folder, OB_FOLDER_INSTANCES);
  int dirfd = is_instance                                     ? self->context->instances_fd
              : g_str_equal (folder, OB_FOLDER_DESTINATIONS) ? self->context->destinations_fd
                                                              : self->context->schedules_fd;
  g_autofree char *file_name = g_strconcat (name, ".conf", NULL);
  struct stat status;

  return fstatat (dirfd, file_name, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

/* "disk, vault", for an error. Transfer full. */
static char *
list_names (GHashTable *table)
{
  g_autoptr (GList) names = g_list_sort (g_hash_table_get_keys (table), (GCompareFunc) strcmp);
  g_autoptr (GString) text = g_string_new (NULL);

  for (GList *name = names; name != NULL; name = name->next)
    g_string_append_printf (text, "%s%s", text->len > 0 ? ", " : "", (const char *) name->data);
  return g_string_free (g_steal_pointer (&text), FALSE);
}

static GPtrArray *
list_objects (GHashTable *table)
{
  GPtrArray *objects = g_ptr_array_new_with_free_func (g_object_unref);
  GHashTableIter iter = { 0 };
  gpointer object = NULL;

  g_hash_table_iter_init (&iter, table);
  while (g_hash_table_iter_next (&iter, NULL, &object))
    g_ptr_array_add (objects, g_object_ref (object));
  return objects;
}

static void
remove_object (ObManager *self, GHashTable *table, const char *folder, const char *name)
{
  g_autofree char *path = ob_object_path_new (folder, name);

  g_dbus_object_manager_server_unexport (self->server, path);
  g_hash_table_remove (table, name);
  ob_state_file_remove (self->context, folder, name);
}

/* methods of this room */

void
ob_manager_export_owned (ObManager *self, GDBusInterfaceSkeleton *skeleton, const char *path,
                         guint owner)
{
  g_autoptr (GDBusObjectSkeleton) carrier = g_dbus_object_skeleton_new (path);

  ob_authorizer_guard (self->authorizer, skeleton, owner);
  g_dbus_object_skeleton_add_interface (carrier, skeleton);
  g_dbus_object_manager_server_export (self->server, carrier);
}

/* public methods */

void
ob_manager_export_object (ObManager *self, GDBusInterfaceSkeleton *skeleton, const char *path)
{
  ob_manager_export_owned (self, skeleton, path, OB_NOBODY);
}

void
ob_manager_unexport_object (ObManager *self, const char *path)
{
  g_dbus_object_manager_server_unexport (self->server, path);
}

ObInstanceObject *
ob_manager_get_instance_object (ObManager *self, const char *name)
{
  return g_hash_table_lookup (self->instances, name);
}

GPtrArray *
ob_manager_list_instance_objects (ObManager *self)
{
  return list_objects (self->instances);
}

GPtrArray *
ob_manager_list_destination_objects (ObManager *self)
{
  return list_objects (self->destinations);
}

gboolean
ob_manager_check_unused (ObManager *self, const char *instance, const char *destination,
                         GError **error)
{
  const char *user = ob_schedules_find_user (self->schedules, instance, destination);

  if (user == NULL)
    return TRUE;
  g_set_error (error, OB_ERROR, OB_ERROR_BUSY,
               "Schedule %s needs %s %s; change or remove that first: \"obbackupctl schedule "
               "remove %s\"",
               user, instance != NULL ? "instance" : "destination",
               instance != NULL ? instance : destination, user);
  return FALSE;
}

ObInstance *
ob_manager_find_instance (ObManager *self, const char *name, GError **error)
{
  ObInstanceObject *object = g_hash_table_lookup (self->instances, name);

  if (object != NULL)
    return ob_instance_object_get_instance (object);
  g_set_error (error, OB_ERROR, OB_ERROR_NOT_FOUND,
               "There is no instance \"%.64s\"; add it, or choose one that is there", name);
  return NULL;
}

ObDestination *
ob_manager_find_destination (ObManager *self, const char *name, GError **error)
{
  ObDestinationObject *object = g_hash_table_lookup (self->destinations, name);

  if (object != NULL)
    return ob_destination_object_get_destination (object);
  g_set_error (error, OB_ERROR, OB_ERROR_NOT_FOUND,
               "There is no destination \"%.64s\"; add it, or choose one that is there", name);
  return NULL;
}

ObDestination *
ob_manager_choose_destination (ObManager *self, const char *name, GError **error)
{
  g_autoptr (GPtrArray) all = NULL;
  g_autofree char *names = NULL;

  if (name != NULL)
    return ob_manager_find_destination (self, name, error);
  all = ob_manager_select_destinations (self, NULL, NULL);
  if (all->len == 1)
    return g_ptr_array_index (all, 0);
  if (all->len == 0)
    g_set_error_literal (error, OB_ERROR, OB_ERROR_NOT_FOUND,
                         "There is no destination to back up to; add one first");
  else
    {
      names = list_names (self->destinations);
      g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                   "There are several destinations, say which: %s", names);
    }
  return NULL;
}

GPtrArray *
ob_manager_select_destinations (ObManager *self, const char *name, GError **error)
{
  g_autoptr (GPtrArray) selected
    = g_ptr_array_new_with_free_func ((GDestroyNotify) ob_destination_unref);
  GHashTableIter iter = { 0 };
  gpointer object = NULL;

  if (name != NULL)
    {
      ObDestination *destination = ob_manager_find_destination (self, name, error);

      if (destination == NULL)
        return NULL;
      g_ptr_array_add (selected, ob_destination_ref (destination));
      return g_steal_pointer (&selected);
    }
  g_hash_table_iter_init (&iter, self->destinations);
  while (g_hash_table_iter_next (&iter, NULL, &object))
    g_ptr_array_add (selected, ob_destination_ref (ob_destination_object_get_destination (object)));
  return g_steal_pointer (&selected);
}

GPtrArray *
ob_manager_select_instances (ObManager *self, const char *name, GError **error)
{
  g_autoptr (GPtrArray) instances
    = g_ptr_array_new_with_free_func ((GDestroyNotify) ob_instance_unref);
  GHashTableIter iter = { 0 };
  gpointer object = NULL;

  if (name != NULL)
    {
      ObInstance *instance = ob_manager_find_instance (self, name, error);

      if (instance == NULL)
        return NULL;
      g_ptr_array_add (instances, ob_instance_ref (instance));
      return g_steal_pointer (&instances);
    }
  g_hash_table_iter_init (&iter, self->instances);
  while (g_hash_table_iter_next (&iter, NULL, &object))
    g_ptr_array_add (instances, ob_instance_ref (ob_instance_object_get_instance (object)));
  return g_steal_pointer (&instances);
}

gboolean
ob_manager_reserve (ObManager *self, const char *folder, const char *name, GError **error)
{
  if (!ob_manager_check_ready (self, error))
    return FALSE;
  if (!ob_name_is_valid (name))
    {
      g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                   "\"%.64s\" cannot be a name; take 1 to 63 letters, digits, \"-\" and \"_\", "
                   "with a letter or digit first",
                   name);
      return FALSE;
    }
  if (is_known (self, folder, name) || ob_holds_contain (self->holds, folder, name))
    {
      g_set_error (error, OB_ERROR, OB_ERROR_EXISTS, "The name \"%s\" is taken; choose another one",
                   name);
      return FALSE;
    }
  if (has_configuration (self, folder, name))
    {
      g_set_error (error, OB_ERROR, OB_ERROR_EXISTS,
                   "%s/%s.conf is there but cannot be used; mend or delete it, restart the "
                   "service, or choose another name",
                   folder, name);
      return FALSE;
    }
  ob_holds_add (self->holds, folder, name);
  return TRUE;
}

gboolean
ob_manager_hold (ObManager *self, const char *folder, const char *name, GError **error)
{
  gboolean is_instance = g_str_equal (folder, OB_FOLDER_INSTANCES);

  if (!ob_manager_check_ready (self, error) || !ob_holds_check (self->holds, folder, name, error))
    return FALSE;
  if (ob_job_queue_is_busy (self->queue, is_instance ? name : NULL, is_instance ? NULL : name))
    {
      g_set_error (error, OB_ERROR, OB_ERROR_BUSY,
                   "A job is at work on %s/%s; wait for its end or cancel it", folder, name);
      return FALSE;
    }
  ob_holds_add (self->holds, folder, name);
  return TRUE;
}

gboolean
ob_manager_check_not_held (ObManager *self, const char *folder, const char *name, GError **error)
{
  return ob_holds_check (self->holds, folder, name, error);
}

void
ob_manager_release (ObManager *self, const char *folder, const char *name)
{
  ob_holds_remove (self->holds, folder, name);
}

gboolean
ob_manager_check_not_updating (ObManager *self, const char *name, GError **error)
{
  GHashTableIter iter = { 0 };
  gpointer key = NULL;

  if (!ob_holds_check (self->holds, OB_FOLDER_DESTINATIONS, name, error))
    return FALSE;
  g_hash_table_iter_init (&iter, self->jobs);
  while (g_hash_table_iter_next (&iter, &key, NULL))
    {
      ObJob *job = OB_JOB (key);

      if (ob_job_state_is_final (ob_job_get_state (job))
          || g_strcmp0 (ob_job_get_operation (job), "update-destination") != 0
          || g_strcmp0 (ob_job_get_destination (job), name) != 0)
        continue;
      g_set_error (error, OB_ERROR, OB_ERROR_BUSY,
                   "Destination %s is being changed; wait for job %u", name,
                   ob_job_get_number (job));
      return FALSE;
    }
  return TRUE;
}

char *
ob_manager_add_instance (ObManager *self, ObInstance *instance, const char *const *notes)
{
  const char *name = ob_instance_get_name (instance);
  char *path = ob_object_path_new (OB_FOLDER_INSTANCES, name);
  ObInstanceObject *object = ob_instance_object_new (self, instance);

  if (notes != NULL)
    ob_instance_object_take_notes (object, notes);
  ob_manager_export_owned (self, G_DBUS_INTERFACE_SKELETON (object), path, OB_NOBODY);
  g_hash_table_insert (self->instances, g_strdup (name), object);
  return path;
}

void
ob_manager_put_destination (ObManager *self, ObDestination *destination)
{
  ObDestinationObject *object
    = g_hash_table_lookup (self->destinations, ob_destination_get_name (destination));

  if (object != NULL)
    ob_destination_object_replace (object, destination);
  else
    export_destination (self, destination);
}

void
ob_manager_remove_instance (ObManager *self, const char *name)
{
  remove_object (self, self->instances, OB_FOLDER_INSTANCES, name);
}

void
ob_manager_remove_destination (ObManager *self, const char *name)
{
  remove_object (self, self->destinations, OB_FOLDER_DESTINATIONS, name);
}
