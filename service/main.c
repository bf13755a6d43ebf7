/* SPDX-License-Identifier: GPL-3.0-or-later */
/* obbackupd: options, bus name, signals, main loop. */
#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <glib-unix.h>
#include <locale.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config.h"
#include "ob-context.h"
#include "ob-error.h"
#include "ob-fd.h"
#include "ob-io.h"
#include "ob-manager.h"
#include "ob-object-path.h"
#include "ob-operations.h"
#include "ob-restore-journal.h"
#include "ob-restore-call.h"
#include "ob-supervision.h"

/* Whoever waits for the activation of the service waits 25 seconds. Cleaning up after a crash has
 * this long before the name is taken; what is asked for then is answered with Busy. */
#define RECOVERY_SECONDS 10
/* What is left after that (PostgreSQL was not up yet, for example) is tried again so much later,
 * then after twice the time, up to the most. */
/* Seconds between two looks at whether the time of a former state is up. */
#define RELEASE_SECONDS (10 * 60)
#define FIRST_RETRY_SECONDS 15
#define MOST_RETRY_SECONDS 300
/* How long jobs may take to come to their ends; the unit file allows for more. */
#define SHUT_DOWN_SECONDS 60
/* How long a service that is just ending may keep the state directory. */
#define LOCK_SECONDS 10

typedef struct
{
  char *config_path;
  char *state_path;
  char *cache_path;
  char *runtime_path;
  gboolean version;
} Options;

typedef struct
{
  GMainLoop *loop;
  ObManager *manager;
  ObSupervision *supervision;
  GDBusConnection *connection;
  guint owner;
  guint recovery_timeout;
  guint retry_timeout;
  guint release_timeout;
  guint retry_seconds;
  int status;
} Service;

static void
options_clear (Options *options)
{
  g_free (options->config_path);
  g_free (options->state_path);
  g_free (options->cache_path);
  g_free (options->runtime_path);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Options, options_clear)

static void
service_clear (Service *service)
{
  g_clear_handle_id (&service->recovery_timeout, g_source_remove);
  g_clear_handle_id (&service->retry_timeout, g_source_remove);
  g_clear_handle_id (&service->release_timeout, g_source_remove);
  g_clear_handle_id (&service->owner, g_bus_unown_name);
  g_clear_object (&service->connection);
  g_clear_pointer (&service->supervision, ob_supervision_free);
  g_clear_object (&service->manager);
  g_clear_pointer (&service->loop, g_main_loop_unref);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Service, service_clear)

static void
set_default (char **path, const char *fallback)
{
  if (*path == NULL)
    *path = g_strdup (fallback);
}

static gboolean
parse_options (int *argc, char ***argv, Options *options, GError **error)
{
  const GOptionEntry entries[] = {
    { "config-dir", 0, 0, G_OPTION_ARG_FILENAME, &options->config_path,
      "Configuration, " OB_CONFIG_DIR, "DIR" },
    { "state-dir", 0, 0, G_OPTION_ARG_FILENAME, &options->state_path,
      "Job history and journals, " OB_STATE_DIR, "DIR" },
    { "cache-dir", 0, 0, G_OPTION_ARG_FILENAME, &options->cache_path, "Cache, " OB_CACHE_DIR,
      "DIR" },
    { "runtime-dir", 0, 0, G_OPTION_ARG_FILENAME, &options->runtime_path,
      "Runtime files, " OB_RUNTIME_DIR, "DIR" },
    { "version", 0, 0, G_OPTION_ARG_NONE, &options->version, "Print the version", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);

  g_option_context_set_summary (context, "Backup and recovery service for Openbravo");
  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, argc, argv, error))
    return FALSE;
  if (*argc > 1)
    {
      g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT, "Unexpected argument \"%s\"",
                   (*argv)[1]);
      return FALSE;
    }
  set_default (&options->config_path, OB_CONFIG_DIR);
  set_default (&options->state_path, OB_STATE_DIR);
  set_default (&options->cache_path, OB_CACHE_DIR);
  set_default (&options->runtime_path, OB_RUNTIME_DIR);
  return TRUE;
}

/* SECURITY: this process has passphrases and keys in its memory, and writes what only root may
 * read. */
static void
protect_process (void)
{
  const struct rlimit no_core = { 0, 0 };

  umask (077);
  if (setrlimit (RLIMIT_CORE, &no_core) != 0 || prctl (PR_SET_DUMPABLE, 0) != 0)
    g_warning ("The process cannot be kept from dumping core: %s", g_strerror (errno));
  /* A reader that goes away is an error of write(2) here. */
  signal (SIGPIPE, SIG_IGN);
}

/* The buffers of many short-lived threads would stay in an arena for each: the peak grew from
 * backup to backup. Few arenas, and what is large goes back at once. */
static void
limit_memory (void)
{
  mallopt (M_ARENA_MAX, 2);
  mallopt (M_MMAP_THRESHOLD, 256 * 1024);
  mallopt (M_TRIM_THRESHOLD, 256 * 1024);
}

/* Two services must never clean up after, or work in, the same state; the bus name alone is taken
 * too late for that. The lock is held as long as the descriptor is open. */
static int
lock_state (const char *path, GError **error)
{
  ob_autofd int fd = ob_make_directories (path, 0700, error);
  gint64 deadline = g_get_monotonic_time () + LOCK_SECONDS * G_USEC_PER_SEC;

  if (fd < 0)
    return -1;
  while (flock (fd, LOCK_EX | LOCK_NB) != 0)
    {
      if (errno != EWOULDBLOCK && errno != EINTR)
        {
          ob_set_error_errno (error, errno, "Directory %s cannot be locked", path);
          return -1;
        }
      if (g_get_monotonic_time () > deadline)
        {
          g_set_error (error, OB_ERROR, OB_ERROR_BUSY,
                       "Another obbackupd works in %s; stop it first, or choose other directories",
                       path);
          return -1;
        }
      g_usleep (50 * 1000);
    }
  return ob_fd_steal (&fd);
}

static void
stop (Service *service, int status)
{
  service->status = MAX (service->status, status);
  g_main_loop_quit (service->loop);
}

static gboolean
on_signal (gpointer user_data)
{
  g_message ("Stopping");
  stop (user_data, EXIT_SUCCESS);
  return G_SOURCE_CONTINUE;
}

static gboolean
on_reload (gpointer user_data)
{
  Service *service = user_data;

  g_message ("Reading the configuration again");
  ob_supervision_reload (service->supervision);
  return G_SOURCE_CONTINUE;
}

static void
on_closed (GDBusConnection *connection, gboolean remote_peer_vanished, GError *error,
           gpointer user_data)
{
  g_warning ("The connection to the system bus is gone: %s",
             error != NULL ? error->message : "closed");
  stop (user_data, EXIT_FAILURE);
}

static void
on_name_acquired (GDBusConnection *connection, const char *name, gpointer user_data)
{
  g_message ("Ready as %s, version %s", name, OB_VERSION);
  ob_supervision_tell_ready (((Service *) user_data)->supervision);
}

static void
on_name_lost (GDBusConnection *connection, const char *name, gpointer user_data)
{
  g_warning ("The name %s on the system bus is not to be had: another obbackupd owns it, or the "
             "bus policy does not allow it",
             name);
  stop (user_data, EXIT_FAILURE);
}

static void
own_name (Service *service)
{
  g_clear_handle_id (&service->recovery_timeout, g_source_remove);
  if (service->owner == 0)
    service->owner = g_bus_own_name_on_connection (
      service->connection, OB_BUS_NAME, G_BUS_NAME_OWNER_FLAGS_DO_NOT_QUEUE, on_name_acquired,
      on_name_lost, service, NULL);
}

static gboolean
on_recovery_late (gpointer user_data)
{
  Service *service = user_data;

  service->recovery_timeout = 0;
  g_message ("Cleaning up after an interrupted restore takes long; the service answers meanwhile");
  own_name (service);
  return G_SOURCE_REMOVE;
}

static void
tell (GPtrArray *deeds)
{
  for (guint i = 0; i < deeds->len; i++)
    g_message ("%s", (const char *) g_ptr_array_index (deeds, i));
}

static void
recover_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  ObContext *context = ob_manager_get_context (OB_MANAGER (source));
  g_autoptr (GPtrArray) deeds = ob_restore_recover (context);
  g_autoptr (GPtrArray) changes = ob_change_recover (context);
  g_autoptr (GPtrArray) drills = ob_drill_recover (context);

  tell (deeds);
  tell (changes);
  tell (drills);
  g_task_return_boolean (task, TRUE);
}

/* A job settles the journal before it looks, and never works beside a restore that is running. */
static void
start_check (Service *service, const char *file)
{
  g_autofree char *name = g_strndup (file, strlen (file) - strlen (".json"));
  ObInstance *instance = ob_manager_find_instance (service->manager, name, NULL);
  g_autofree char *path = NULL;
  g_autoptr (GError) error = NULL;

  /* A job that is at work settles it itself; one more would only wait behind it. */
  if (instance == NULL
      || !ob_manager_hold (service->manager, OB_FOLDER_INSTANCES, name, NULL))
    return;
  ob_manager_release (service->manager, OB_FOLDER_INSTANCES, name);
  path = ob_manager_start_job (service->manager,
                               ob_check_instance_job_new (
                                 ob_manager_get_context (service->manager), instance, geteuid ()),
                               &error);
  if (path == NULL)
    g_debug ("Instance %s is not checked now: %s", name, error->message);
}

static gboolean
on_retry (gpointer user_data)
{
  Service *service = user_data;
  g_autoptr (GPtrArray) files
    = ob_restore_journal_list (ob_manager_get_context (service->manager));

  service->retry_timeout = 0;
  for (guint i = 0; i < files->len; i++)
    start_check (service, g_ptr_array_index (files, i));
  if (files->len > 0)
    {
      service->retry_seconds = MIN (2 * service->retry_seconds, MOST_RETRY_SECONDS);
      service->retry_timeout = g_timeout_add_seconds (service->retry_seconds, on_retry, service);
    }
  return G_SOURCE_REMOVE;
}

static gboolean
on_release (gpointer user_data)
{
  ob_restore_call_release_due (((Service *) user_data)->manager);
  return G_SOURCE_CONTINUE;
}

static void
on_recovered (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Service *service = user_data;

  ob_manager_set_recovered (service->manager);
  ob_manager_look_at_changes (service->manager);
  own_name (service);
  service->retry_seconds = FIRST_RETRY_SECONDS;
  service->retry_timeout = g_timeout_add_seconds (service->retry_seconds, on_retry, service);
  ob_restore_call_release_due (service->manager);
  service->release_timeout = g_timeout_add_seconds (RELEASE_SECONDS, on_release, service);
}

static gboolean
start (Service *service, const Options *options, GError **error)
{
  ObContext *context = ob_context_new (options->config_path, options->state_path,
                                       options->cache_path, options->runtime_path, error);
  g_autoptr (GTask) recovery = NULL;

  if (context == NULL)
    return FALSE;
  ob_context_clean_up (context);
  service->manager = ob_manager_new (context, error);
  if (service->manager == NULL)
    return FALSE;
  service->supervision = ob_supervision_new (service->manager);
  service->connection = g_bus_get_sync (G_BUS_TYPE_SYSTEM, NULL, error);
  if (service->connection == NULL)
    {
      g_prefix_error (error, "The system bus cannot be reached: ");
      return FALSE;
    }
  g_dbus_connection_set_exit_on_close (service->connection, FALSE);
  g_signal_connect (service->connection, "closed", G_CALLBACK (on_closed), service);
  if (!ob_manager_export (service->manager, service->connection, error))
    return FALSE;
  service->recovery_timeout
    = g_timeout_add_seconds (RECOVERY_SECONDS, on_recovery_late, service);
  recovery = g_task_new (service->manager, NULL, on_recovered, service);
  g_task_run_in_thread (recovery, recover_in_thread);
  return TRUE;
}

static int
run (const Options *options)
{
  g_auto (Service) service = { .loop = g_main_loop_new (NULL, FALSE), .status = EXIT_SUCCESS };
  g_autoptr (GError) error = NULL;
  ob_autofd int lock = lock_state (options->state_path, &error);

  if (lock < 0 || !start (&service, options, &error))
    {
      g_critical ("obbackupd cannot start: %s", error->message);
      return EXIT_FAILURE;
    }
  g_unix_signal_add (SIGTERM, on_signal, &service);
  g_unix_signal_add (SIGINT, on_signal, &service);
  g_unix_signal_add (SIGHUP, on_reload, &service);
  g_main_loop_run (service.loop);
  ob_supervision_tell_stopping (service.supervision, SHUT_DOWN_SECONDS + 30);
  if (!ob_manager_shut_down (service.manager, SHUT_DOWN_SECONDS))
    {
      /* Their threads still use what would be freed; the next start cleans up after them. */
      g_warning ("Some jobs did not end within %d seconds", SHUT_DOWN_SECONDS);
      _exit (service.status);
    }
  g_signal_handlers_disconnect_by_data (service.connection, &service);
  g_message ("Stopped");
  return service.status;
}

int
main (int argc, char **argv)
{
  g_auto (Options) options = { 0 };
  g_autoptr (GError) error = NULL;

  setlocale (LC_ALL, "");
  g_set_prgname ("obbackupd");
  protect_process ();
  limit_memory ();
  if (!parse_options (&argc, &argv, &options, &error))
    {
      g_printerr ("obbackupd: %s\n", error->message);
      return 2;
    }
  if (options.version)
    {
      g_print ("obbackupd %s\n", OB_VERSION);
      return EXIT_SUCCESS;
    }
  return run (&options);
}
