/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-reload.h"

#include <string.h>

#include "ob-destination-object.h"
#include "ob-error.h"
#include "ob-instance-object.h"
#include "ob-io.h"
#include "ob-keyfile.h"
#include "ob-object-path.h"
#include "ob-schedules.h"

#define MAX_FILE (1024 * 1024)
/* Whoever saves a file in an editor does so in several steps. */
#define SETTLE_SECONDS 1
#define BUSY_SECONDS 5

/* The folders whose files are objects. */
typedef struct
{
  const char *name;
  int (*get_fd) (ObContext *context);
  gboolean (*is_there) (ObManager *manager, const char *name);
  /* Adds it, or takes over what has changed. Errors: BUSY where a job works on it. */
  gboolean (*put) (ObManager *manager, const char *name, GError **error);
  gboolean (*drop) (ObManager *manager, const char *name, GError **error);
  GPtrArray *(*list) (ObManager *manager);
} Folder;

struct _ObReload
{
  ObManager *manager;
  GHashTable *seen;    /* file → checksum of what was read of it last */
  GPtrArray *monitors; /* of GFileMonitor */
  guint timeout;
  gboolean again; /* something could not be taken over yet */
};

/* internal methods: instances */

static int
get_instances_fd (ObContext *context)
{
  return context->instances_fd;
}

static gboolean
has_instance (ObManager *manager, const char *name)
{
  return ob_manager_get_instance_object (manager, name) != NULL;
}

static gboolean
put_instance (ObManager *manager, const char *name, GError **error)
{
  ObInstanceObject *object = ob_manager_get_instance_object (manager, name);
  g_autoptr (ObInstance) instance
    = ob_instance_load (ob_manager_get_context (manager)->instances_fd, name, error);

  if (instance == NULL)
    return FALSE;
  if (object == NULL)
    {
      /* Whoever adds it by a method puts it on the bus himself. */
      if (!ob_manager_check_not_held (manager, OB_FOLDER_INSTANCES, name, error))
        return FALSE;
      g_free (ob_manager_add_instance (manager, instance, NULL));
      return TRUE;
    }
  if (!ob_manager_hold (manager, OB_FOLDER_INSTANCES, name, error))
    return FALSE;
  ob_manager_release (manager, OB_FOLDER_INSTANCES, name);
  ob_instance_object_replace (object, instance);
  return TRUE;
}

static gboolean
drop_instance (ObManager *manager, const char *name, GError **error)
{
  if (!ob_manager_check_unused (manager, name, NULL, error)
      || !ob_manager_hold (manager, OB_FOLDER_INSTANCES, name, error))
    return FALSE;
  ob_manager_release (manager, OB_FOLDER_INSTANCES, name);
  ob_manager_remove_instance (manager, name);
  return TRUE;
}

static GPtrArray *
list_instances (ObManager *manager)
{
  g_autoptr (GPtrArray) objects = ob_manager_list_instance_objects (manager);
  GPtrArray *names = g_ptr_array_new_with_free_func (g_free);

  for (guint i = 0; i < objects->len; i++)
    g_ptr_array_add (names, g_strdup (ob_instance_get_name (ob_instance_object_get_instance (
                              g_ptr_array_index (objects, i)))));
  return names;
}

/* internal methods: destinations */

static int
get_destinations_fd (ObContext *context)
{
  return context->destinations_fd;
}

static gboolean
has_destination (ObManager *manager, const char *name)
{
  return ob_manager_find_destination (manager, name, NULL) != NULL;
}

/* As they would be written down. */
static char *
get_place_text (ObDestination *destination)
{
  g_autoptr (GKeyFile) file = g_key_file_new ();

  ob_place_save (ob_destination_get_place (destination), file, "place");
  return g_key_file_to_data (file, NULL, NULL);
}

/* It keeps its repository open, which is not to be given up for nothing. */
static gboolean
are_same (ObDestination *one, ObDestination *other)
{
  g_autofree char *here = get_place_text (one);
  g_autofree char *there = get_place_text (other);

  return strcmp (here, there) == 0
         && g_strcmp0 (ob_destination_get_bandwidth_limit (one),
                       ob_destination_get_bandwidth_limit (other))
              == 0
         && g_strcmp0 (ob_destination_get_repository_id (one),
                       ob_destination_get_repository_id (other))
              == 0
         && ob_destination_get_no_passphrase (one) == ob_destination_get_no_passphrase (other)
         && ob_destination_get_key_saved (one) == ob_destination_get_key_saved (other);
}

static gboolean
put_destination (ObManager *manager, const char *name, GError **error)
{
  ObDestination *known = ob_manager_find_destination (manager, name, NULL);
  g_autoptr (ObDestination) destination
    = ob_destination_load (ob_manager_get_context (manager), name, error);

  if (destination == NULL)
    return FALSE;
  if (known != NULL && are_same (known, destination))
    return TRUE;
  if (known == NULL)
    {
      if (!ob_manager_check_not_held (manager, OB_FOLDER_DESTINATIONS, name, error))
        return FALSE;
    }
  else
    {
      if (!ob_manager_hold (manager, OB_FOLDER_DESTINATIONS, name, error))
        return FALSE;
      ob_manager_release (manager, OB_FOLDER_DESTINATIONS, name);
    }
  ob_manager_put_destination (manager, destination);
  return TRUE;
}

static gboolean
drop_destination (ObManager *manager, const char *name, GError **error)
{
  if (!ob_manager_check_unused (manager, NULL, name, error)
      || !ob_manager_hold (manager, OB_FOLDER_DESTINATIONS, name, error))
    return FALSE;
  ob_manager_release (manager, OB_FOLDER_DESTINATIONS, name);
  ob_manager_remove_destination (manager, name);
  return TRUE;
}

static GPtrArray *
list_destinations (ObManager *manager)
{
  g_autoptr (GPtrArray) destinations = ob_manager_select_destinations (manager, NULL, NULL);
  GPtrArray *names = g_ptr_array_new_with_free_func (g_free);

  for (guint i = 0; i < destinations->len; i++)
    g_ptr_array_add (names,
                     g_strdup (ob_destination_get_name (g_ptr_array_index (destinations, i))));
  return names;
}

static const Folder folders[] = {
  { OB_FOLDER_INSTANCES, get_instances_fd, has_instance, put_instance, drop_instance,
    list_instances },
  { OB_FOLDER_DESTINATIONS, get_destinations_fd, has_destination, put_destination,
    drop_destination, list_destinations },
};

/* internal methods: reading */

/* Whether the file says something else than when it was read last. */
static gboolean
has_changed (ObReload *self, int dirfd, const char *folder, const char *name)
{
  g_autofree char *file_name = g_strconcat (name, ".conf", NULL);
  g_autofree char *key = g_strconcat (folder, "/", file_name, NULL);
  g_autoptr (GBytes) bytes = ob_read_file_at (dirfd, file_name, MAX_FILE, NULL);
  char *checksum
    = bytes != NULL ? g_compute_checksum_for_bytes (G_CHECKSUM_SHA256, bytes) : g_strdup ("");
  gboolean changed = g_strcmp0 (g_hash_table_lookup (self->seen, key), checksum) != 0;

  g_hash_table_insert (self->seen, g_steal_pointer (&key), checksum);
  return changed;
}

/* @done: nothing is wrong. What is busy is tried again, and no mistake of the configuration. */
static void
take_outcome (ObReload *self, const char *folder, const char *name, gboolean done, GError *error)
{
  g_autofree char *file = g_strconcat (folder, "/", name, ".conf", NULL);

  if (!done && g_error_matches (error, OB_ERROR, OB_ERROR_BUSY))
    {
      g_hash_table_remove (self->seen, file);
      self->again = TRUE;
      return;
    }
  ob_manager_set_config_error (self->manager, file, done ? NULL : error->message);
}

static void
put_all (ObReload *self, const Folder *folder, const char *const *names)
{
  int dirfd = folder->get_fd (ob_manager_get_context (self->manager));

  for (const char *const *name = names; *name != NULL; name++)
    {
      g_autoptr (GError) error = NULL;
      gboolean done = FALSE;

      if (!has_changed (self, dirfd, folder->name, *name)
          && folder->is_there (self->manager, *name))
        continue;
      done = folder->put (self->manager, *name, &error);
      take_outcome (self, folder->name, *name, done, error);
    }
}

static void
drop_gone (ObReload *self, const Folder *folder, const char *const *names)
{
  g_autoptr (GPtrArray) known = folder->list (self->manager);

  for (guint i = 0; i < known->len; i++)
    {
      const char *name = g_ptr_array_index (known, i);
      g_autoptr (GError) error = NULL;
      g_autofree char *file = g_strconcat (folder->name, "/", name, ".conf", NULL);

      if (g_strv_contains (names, name))
        continue;
      g_hash_table_remove (self->seen, file);
      if (folder->drop (self->manager, name, &error))
        ob_manager_set_config_error (self->manager, file, NULL);
      else
        {
          g_autofree char *text = g_strdup_printf ("The file is gone. %s", error->message);

          ob_manager_set_config_error (self->manager, file, text);
          self->again = TRUE;
        }
    }
}

static void
read_folder (ObReload *self, const Folder *folder)
{
  g_autoptr (GError) error = NULL;
  g_auto (GStrv) names
    = ob_keyfile_list (folder->get_fd (ob_manager_get_context (self->manager)), &error);

  if (names == NULL)
    {
      ob_manager_set_config_error (self->manager, folder->name, error->message);
      return;
    }
  ob_manager_set_config_error (self->manager, folder->name, NULL);
  ob_manager_drop_config_errors (self->manager, folder->name, (const char *const *) names);
  put_all (self, folder, (const char *const *) names);
  drop_gone (self, folder, (const char *const *) names);
}

/* Threads of jobs read the settings: they are changed between jobs. */
static void
read_settings (ObReload *self)
{
  g_autoptr (GError) error = NULL;

  if (ob_manager_is_busy (self->manager))
    {
      self->again = TRUE;
      return;
    }
  ob_context_read_config (ob_manager_get_context (self->manager), &error);
  ob_manager_set_config_error (self->manager, "obbackup.conf",
                               error != NULL ? error->message : NULL);
}

static gboolean
on_time (gpointer user_data)
{
  ObReload *self = user_data;

  self->timeout = 0;
  ob_reload_run (self);
  return G_SOURCE_REMOVE;
}

static void
run_later (ObReload *self, guint seconds)
{
  g_clear_handle_id (&self->timeout, g_source_remove);
  self->timeout = g_timeout_add_seconds (seconds, on_time, self);
}

static void
on_file_changed (GFileMonitor *monitor, GFile *file, GFile *other, GFileMonitorEvent event,
                 gpointer user_data)
{
  run_later (user_data, SETTLE_SECONDS);
}

static void
watch (ObReload *self, const char *folder)
{
  g_autofree char *path = g_build_filename (
    ob_manager_get_context (self->manager)->config_path, folder, NULL);
  g_autoptr (GFile) file = g_file_new_for_path (path);
  g_autoptr (GError) error = NULL;
  GFileMonitor *monitor
    = g_file_monitor_directory (file, G_FILE_MONITOR_WATCH_MOVES, NULL, &error);

  if (monitor == NULL)
    {
      g_warning ("%s cannot be watched, so that a change there counts after a reload: %s", path,
                 error->message);
      return;
    }
  g_signal_connect (monitor, "changed", G_CALLBACK (on_file_changed), self);
  g_ptr_array_add (self->monitors, monitor);
}

/* public methods */

ObReload *
ob_reload_new (ObManager *manager)
{
  ObReload *self = g_new0 (ObReload, 1);

  self->manager = manager;
  self->seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  self->monitors = g_ptr_array_new_with_free_func (g_object_unref);
  return self;
}

void
ob_reload_free (ObReload *self)
{
  if (self == NULL)
    return;
  g_clear_handle_id (&self->timeout, g_source_remove);
  for (guint i = 0; i < self->monitors->len; i++)
    g_signal_handlers_disconnect_by_data (g_ptr_array_index (self->monitors, i), self);
  g_ptr_array_unref (self->monitors);
  g_hash_table_unref (self->seen);
  g_free (self);
}

void
ob_reload_watch (ObReload *self)
{
  watch (self, "");
  for (gsize i = 0; i < G_N_ELEMENTS (folders); i++)
    watch (self, folders[i].name);
  watch (self, OB_FOLDER_SCHEDULES);
}

void
ob_reload_load (ObReload *self)
{
  for (gsize i = 0; i < G_N_ELEMENTS (folders); i++)
    read_folder (self, &folders[i]);
  if (!ob_schedules_reload (ob_manager_get_schedules (self->manager)))
    self->again = TRUE;
}

void
ob_reload_run (ObReload *self)
{
  self->again = FALSE;
  read_settings (self);
  ob_reload_load (self);
  ob_manager_look_at_schedules (self->manager);
  ob_manager_look_at_health (self->manager);
  if (self->again)
    run_later (self, BUSY_SECONDS);
}
