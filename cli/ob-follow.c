/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-follow.h"

#include "ob-command.h"
#include "ob-error.h"
#include "ob-output.h"
#include "ob-progress-line.h"

#include <glib-unix.h>
#include <signal.h>
#include <string.h>

#define JOBS_PATH OB_ROOT_PATH "/jobs/"

typedef struct
{
  ObClient *client;
  const char *path;
  gboolean cancel_on_interrupt;
  gboolean interrupted;
  gboolean service_gone;
  GMainLoop *loop;
  ObProgressLine line;
  char *state;
  char *phase;
  char *error_name;
  guint64 done, total, rate; /* as last told */
  guint64 waiting_since;     /* seconds since the epoch; 0: it does not wait */
  char *waiting;             /* whom for and why; NULL as long as that is not known */
  guint clock;               /* draws the line anew while it waits */
  GCancellable *cancellable; /* for calls that nobody waits for any more */
  ObFollowFunc func; /* or NULL */
  gpointer user_data;
} Follow;

/* internal methods */

static gboolean
is_final (const char *state)
{
  static const char *const final[]
    = { "succeeded", "partial", "failed", "cancelled", "interrupted", NULL };

  return g_strv_contains (final, state);
}

/* Waits, and says why: who may not learn that is told nothing of it. */
static gboolean
is_waiting (Follow *follow)
{
  return follow->waiting_since != 0 && follow->waiting != NULL && *follow->waiting != '\0';
}

static void
print_json_step (Follow *follow)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (&builder, "{sv}", "job", g_variant_new_string (follow->path));
  g_variant_builder_add (&builder, "{sv}", "state", g_variant_new_string (follow->state));
  g_variant_builder_add (&builder, "{sv}", "phase", g_variant_new_string (follow->phase));
  g_variant_builder_add (&builder, "{sv}", "done", g_variant_new_uint64 (follow->done));
  g_variant_builder_add (&builder, "{sv}", "total", g_variant_new_uint64 (follow->total));
  g_variant_builder_add (&builder, "{sv}", "rate", g_variant_new_uint64 (follow->rate));
  if (is_waiting (follow))
    {
      g_variant_builder_add (&builder, "{sv}", "waiting",
                             g_variant_new_string (follow->waiting));
      g_variant_builder_add (&builder, "{sv}", "waiting-since",
                             g_variant_new_uint64 (follow->waiting_since));
    }
  ob_output_json_typed ("progress", g_variant_builder_end (&builder));
}

static void
print_step (Follow *follow)
{
  guint64 now = (guint64) (g_get_real_time () / G_USEC_PER_SEC);

  if (follow->client->quiet)
    return;
  if (follow->client->json)
    print_json_step (follow);
  else if (is_waiting (follow))
    ob_progress_line_draw_waiting (&follow->line, follow->waiting,
                                   now - MIN (now, follow->waiting_since));
  else
    ob_progress_line_draw (&follow->line,
                           strcmp (follow->state, "running") == 0 && *follow->phase != '\0'
                             ? follow->phase
                             : follow->state,
                           follow->done, follow->total, follow->rate);
}

static gboolean
on_clock (gpointer user_data)
{
  Follow *follow = user_data;

  if (!follow->client->json && is_waiting (follow))
    print_step (follow);
  return G_SOURCE_CONTINUE;
}

static void
on_waiting (GObject *bus, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply
    = g_dbus_connection_call_finish (G_DBUS_CONNECTION (bus), result, &error);
  Follow *follow = user_data;

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;
  if (reply == NULL || follow->waiting_since == 0)
    return;
  g_free (follow->waiting);
  g_variant_get (reply, "(s)", &follow->waiting);
  print_step (follow);
}

/* It has begun to wait, waits for something else, or goes on. */
static void
take_waiting (Follow *follow, guint64 since)
{
  gboolean was_waiting = is_waiting (follow);

  follow->waiting_since = since;
  if (since == 0)
    {
      g_clear_pointer (&follow->waiting, g_free);
      g_clear_handle_id (&follow->clock, g_source_remove);
      if (was_waiting)
        print_step (follow);
      return;
    }
  if (follow->clock == 0)
    follow->clock = g_timeout_add_seconds (1, on_clock, follow);
  /* In the middle of progress nobody is asked for a password. */
  g_dbus_connection_call (follow->client->bus, OB_BUS_NAME, follow->path, OB_JOB_INTERFACE,
                          "GetWaiting", ob_no_options (),
                          G_VARIANT_TYPE ("(s)"), G_DBUS_CALL_FLAGS_NONE, -1, follow->cancellable,
                          on_waiting, follow);
}

/* Takes over what @properties (a{sv}) says. */
static void
take_properties (Follow *follow, GVariant *properties)
{
  const char *text;
  guint64 since;

  if (g_variant_lookup (properties, "Phase", "&s", &text))
    {
      g_free (follow->phase);
      follow->phase = g_strdup (text);
    }
  if (g_variant_lookup (properties, "ErrorName", "&s", &text))
    {
      g_free (follow->error_name);
      follow->error_name = g_strdup (text);
    }
  if (g_variant_lookup (properties, "WaitingSince", "t", &since) && since != follow->waiting_since)
    take_waiting (follow, since);
  if (g_variant_lookup (properties, "State", "&s", &text))
    {
      g_free (follow->state);
      follow->state = g_strdup (text);
      if (is_final (text))
        g_main_loop_quit (follow->loop);
    }
}

static void
tell_watcher (Follow *follow)
{
  if (follow->func == NULL)
    return;
  ob_progress_line_hide (&follow->line);
  follow->func (follow->user_data);
  if (!is_final (follow->state) && !follow->client->json)
    print_step (follow);
}

static void
on_properties_changed (GDBusConnection *bus, const char *sender, const char *path,
                       const char *interface, const char *signal, GVariant *arguments,
                       gpointer user_data)
{
  Follow *follow = user_data;
  g_autoptr (GVariant) properties = NULL;
  const char *changed;

  g_variant_get (arguments, "(&s@a{sv}as)", &changed, &properties, NULL);
  if (strcmp (changed, OB_JOB_INTERFACE) != 0)
    return;
  take_properties (follow, properties);
  tell_watcher (follow);
}

static void
on_progress (GDBusConnection *bus, const char *sender, const char *path, const char *interface,
             const char *signal, GVariant *arguments, gpointer user_data)
{
  Follow *follow = user_data;
  const char *job, *phase;
  guint64 done, total, rate;

  g_variant_get (arguments, "(&o&sttt)", &job, &phase, &done, &total, &rate);
  if (strcmp (job, follow->path) != 0)
    return;
  follow->done = done;
  follow->total = total;
  follow->rate = rate;
  g_free (follow->phase);
  follow->phase = g_strdup (phase);
  print_step (follow);
}

static void
on_name_vanished (GDBusConnection *bus, const char *name, gpointer user_data)
{
  Follow *follow = user_data;

  follow->service_gone = TRUE;
  g_main_loop_quit (follow->loop);
}

static gboolean
on_interrupt (gpointer user_data)
{
  Follow *follow = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = NULL;

  if (follow->interrupted || !follow->cancel_on_interrupt)
    {
      follow->interrupted = TRUE;
      g_main_loop_quit (follow->loop);
      return G_SOURCE_CONTINUE;
    }

  ob_progress_line_hide (&follow->line);
  if (!follow->client->quiet)
    g_printerr ("Cancelling; once more to stop waiting for it.\n");
  reply = ob_client_call (follow->client, follow->path, OB_JOB_INTERFACE, "Cancel",
                          ob_no_options (), NULL, &error);
  if (reply == NULL)
    g_printerr ("obbackupctl: %s\n", error->message);
  follow->interrupted = TRUE;
  return G_SOURCE_CONTINUE;
}

/* Reads all properties once: what happened before the signals were subscribed to. */
static gboolean
read_properties (Follow *follow, GError **error)
{
  g_autoptr (GVariant) properties = NULL;
  g_autoptr (GVariant) reply = ob_client_call (
    follow->client, follow->path, "org.freedesktop.DBus.Properties", "GetAll",
    g_variant_new ("(s)", OB_JOB_INTERFACE), NULL, error);

  if (reply == NULL)
    {
      if (g_error_matches (*error, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_METHOD)
          || g_error_matches (*error, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_INTERFACE)
          || g_error_matches (*error, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_OBJECT))
        {
          g_clear_error (error);
          g_set_error (error, OB_ERROR, OB_ERROR_NOT_FOUND,
                       "There is no job %s; `obbackupctl jobs` lists those of the last hour",
                       follow->path + strlen (JOBS_PATH));
        }
      return FALSE;
    }
  g_variant_get (reply, "(@a{sv})", &properties);
  take_properties (follow, properties);
  return TRUE;
}

/* Runs until the job has ended, the service has, or somebody interrupts. */
static gboolean
wait_for_end (Follow *follow, GError **error)
{
  GDBusConnection *bus = follow->client->bus;
  guint changed = g_dbus_connection_signal_subscribe (
    bus, OB_BUS_NAME, "org.freedesktop.DBus.Properties", "PropertiesChanged", follow->path, NULL,
    G_DBUS_SIGNAL_FLAGS_NONE, on_properties_changed, follow, NULL);
  guint progress = g_dbus_connection_signal_subscribe (
    bus, OB_BUS_NAME, OB_INTERFACE, "Progress", OB_ROOT_PATH, NULL, G_DBUS_SIGNAL_FLAGS_NONE,
    on_progress, follow, NULL);
  guint sigint = g_unix_signal_add (SIGINT, on_interrupt, follow);
  guint sigterm = g_unix_signal_add (SIGTERM, on_interrupt, follow);
  guint watch = 0;
  gboolean ok = read_properties (follow, error);

  if (ok && !is_final (follow->state))
    {
      watch = g_bus_watch_name_on_connection (bus, OB_BUS_NAME, G_BUS_NAME_WATCHER_FLAGS_NONE,
                                              NULL, on_name_vanished, follow, NULL);
      print_step (follow);
      g_main_loop_run (follow->loop);
    }

  g_cancellable_cancel (follow->cancellable);
  g_clear_handle_id (&follow->clock, g_source_remove);
  g_clear_handle_id (&watch, g_bus_unwatch_name);
  g_source_remove (sigterm);
  g_source_remove (sigint);
  g_dbus_connection_signal_unsubscribe (bus, progress);
  g_dbus_connection_signal_unsubscribe (bus, changed);
  return ok;
}

static GVariant *
get_result (Follow *follow, GError **error)
{
  g_autoptr (GVariant) reply
    = ob_client_call (follow->client, follow->path, OB_JOB_INTERFACE, "GetResult",
                      ob_no_options (), NULL, error);

  return reply == NULL ? NULL : g_variant_get_child_value (reply, 0);
}

static ObExit
exit_of_state (Follow *follow)
{
  if (strcmp (follow->state, "succeeded") == 0)
    return OB_EXIT_DONE;
  if (strcmp (follow->state, "partial") == 0)
    return OB_EXIT_PARTIAL;
  if (strcmp (follow->state, "cancelled") == 0)
    return OB_EXIT_CANCELLED;
  return ob_exit_from_name (follow->error_name);
}

/* With --json: the result with the job and its state. */
static void
print_json_result (Follow *follow, GVariant *result)
{
  GVariantDict dict;

  g_variant_dict_init (&dict, result);
  g_variant_dict_insert (&dict, "job", "s", follow->path);
  g_variant_dict_insert (&dict, "state", "s", follow->state);
  ob_output_json_typed ("result", g_variant_dict_end (&dict));
}

static void
print_warnings (GVariant *result)
{
  g_autofree const char **warnings = NULL;

  if (!g_variant_lookup (result, "warnings", "^a&s", &warnings))
    return;
  for (gsize i = 0; warnings[i] != NULL; i++)
    ob_output_warning (warnings[i]);
}

/* Prints how it ended, as far as that is the same for every operation. */
static void
print_end (Follow *follow, GVariant *result)
{
  const char *message = NULL;
  g_autofree char *escaped = NULL;

  if (follow->client->json)
    print_json_result (follow, result);
  print_warnings (result);
  g_variant_lookup (result, "error", "&s", &message);
  if (message != NULL)
    {
      escaped = ob_output_escape (message);
      g_printerr ("obbackupctl: %s\n", escaped);
    }
  else if (strcmp (follow->state, "cancelled") == 0)
    g_printerr ("obbackupctl: It was cancelled.\n");
  else if (strcmp (follow->state, "interrupted") == 0)
    g_printerr ("obbackupctl: The service stopped before it was done.\n");
}

static ObExit
conclude (Follow *follow, GVariant **result)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) got = NULL;

  if (follow->service_gone)
    {
      g_set_error_literal (&error, OB_ERROR, OB_ERROR_FAILED,
                           "The backup service stopped before the job had ended; `obbackupctl "
                           "jobs` tells what became of it");
      return ob_client_fail (follow->client, error);
    }
  if (!is_final (follow->state))
    {
      if (!follow->client->quiet)
        g_printerr ("The job goes on; `obbackupctl watch %s` follows it.\n",
                    follow->path + strlen (JOBS_PATH));
      return OB_EXIT_CANCELLED;
    }

  got = get_result (follow, &error);
  if (got == NULL)
    {
      /* The job itself may well have been done: whoever may not read the result still learns how
       * it ended from its public state. */
      g_printerr ("obbackupctl: The job %s; its result cannot be read: %s\n", follow->state,
                  error->message);
      return exit_of_state (follow);
    }
  print_end (follow, got);
  if (result != NULL)
    *result = g_steal_pointer (&got);
  return exit_of_state (follow);
}

/* Fills in what all have in common. */
static ObExit
follow_to_end (Follow *follow, GVariant **result)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  ObClient *client = follow->client;
  ObExit status;

  follow->loop = loop;
  follow->cancellable = cancellable;
  follow->state = g_strdup ("");
  follow->phase = g_strdup ("");
  follow->error_name = g_strdup ("");
  ob_progress_line_init (&follow->line, !client->quiet && !client->json);
  if (wait_for_end (follow, &error))
    {
      ob_progress_line_hide (&follow->line);
      if (is_final (follow->state))
        tell_watcher (follow);
      status = conclude (follow, result);
    }
  else
    {
      ob_progress_line_hide (&follow->line);
      status = ob_client_fail (client, error);
    }

  g_free (follow->waiting);
  g_free (follow->error_name);
  g_free (follow->phase);
  g_free (follow->state);
  return status;
}

/* public methods */

ObExit
ob_follow_job (ObClient *client, const char *path, gboolean cancel_on_interrupt,
               GVariant **result)
{
  return ob_follow_job_watched (client, path, cancel_on_interrupt, NULL, NULL, result);
}

ObExit
ob_follow_job_interruptible (ObClient *client, const char *path, gboolean *interrupted,
                             GVariant **result)
{
  Follow follow = { .client = client, .path = path, .cancel_on_interrupt = TRUE };
  ObExit status = follow_to_end (&follow, result);

  *interrupted = follow.interrupted;
  return status;
}

ObExit
ob_follow_job_watched (ObClient *client, const char *path, gboolean cancel_on_interrupt,
                       ObFollowFunc func, gpointer user_data, GVariant **result)
{
  Follow follow = { .client = client,
                    .path = path,
                    .cancel_on_interrupt = cancel_on_interrupt,
                    .func = func,
                    .user_data = user_data };

  return follow_to_end (&follow, result);
}

/* A job that made none says nothing. */
static void
print_backup (GVariant *result)
{
  const char *id = NULL;

  if (g_variant_lookup (result, "id", "&s", &id))
    g_print ("Backup %.8s is stored.\n", id);
}

ObExit
ob_follow_jobs (ObClient *client, const char *const *paths, gboolean no_wait)
{
  ObExit worst = OB_EXIT_DONE;

  for (const char *const *path = paths; *path != NULL; path++)
    {
      g_autoptr (GVariant) result = NULL;
      ObExit status = OB_EXIT_DONE;

      if (no_wait)
        ob_print_started (client, *path);
      else
        status = ob_follow_job (client, *path, TRUE, &result);
      if (result != NULL && !client->json && !client->quiet)
        print_backup (result);
      if (status != OB_EXIT_DONE && (worst == OB_EXIT_DONE || worst == OB_EXIT_PARTIAL))
        worst = status;
    }
  return worst;
}

char *
ob_job_path (const char *text)
{
  if (g_str_has_prefix (text, JOBS_PATH))
    text += strlen (JOBS_PATH);
  if (*text == '\0' || strlen (text) > 10 || strspn (text, "0123456789") != strlen (text))
    return NULL;
  return g_strconcat (JOBS_PATH, text, NULL);
}

void
ob_print_started (ObClient *client, const char *path)
{
  if (client->json)
    {
      GVariantBuilder builder;

      g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
      g_variant_builder_add (&builder, "{sv}", "job", g_variant_new_string (path));
      ob_output_json_typed ("started", g_variant_builder_end (&builder));
    }
  else if (client->quiet)
    g_print ("%s\n", path + strlen (JOBS_PATH));
  else
    g_print ("Job %s has begun; `obbackupctl watch %s` follows it.\n", path + strlen (JOBS_PATH),
             path + strlen (JOBS_PATH));
}
