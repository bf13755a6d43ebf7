/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-discovery.h"

#include "ob-error.h"
#include "ob-reply.h"

/* A D-Bus call has 25 seconds. */
#define TIME_LIMIT 15

const ObOptionSpec ob_discovery_add_options[] = {
  { "properties", "s", TRUE },     { "webapp", "s", FALSE },
  { "unit", "s", FALSE },          { "stop-command", "as", FALSE },
  { "start-command", "as", FALSE }, { "command-user", "s", FALSE },
  { "health-url", "s", FALSE },    { "health-sql", "s", FALSE },
  { "health-timeout", "u", FALSE }, { "check-sql", "as", FALSE },
  { NULL, NULL, FALSE },
};

const ObOptionSpec ob_discovery_update_options[] = {
  { "properties", "s", FALSE },    { "webapp", "s", FALSE },
  { "unit", "s", FALSE },          { "stop-command", "as", FALSE },
  { "start-command", "as", FALSE }, { "command-user", "s", FALSE },
  { "health-url", "s", FALSE },    { "health-sql", "s", FALSE },
  { "health-timeout", "u", FALSE },
  { "check-sql", "as", FALSE },    { "clear-check-sql", "b", FALSE },
  { NULL, NULL, FALSE },
};

typedef struct
{
  char *name;
  ObOptions *options;
  ObInstance *old;
  guint timeout;
  GPtrArray *notes;
} Discovery;

static void
discovery_free (gpointer data)
{
  Discovery *discovery = data;

  g_free (discovery->name);
  ob_options_free (discovery->options);
  g_clear_pointer (&discovery->old, ob_instance_unref);
  g_clear_pointer (&discovery->notes, g_ptr_array_unref);
  g_free (discovery);
}

/* How the application is stopped and started is given anew as a whole, or stays. */
static void
fill_control (Discovery *self, ObInstanceOptions *options)
{
  options->unit = ob_options_get_string (self->options, "unit");
  options->stop_command = ob_options_get_strings (self->options, "stop-command");
  options->start_command = ob_options_get_strings (self->options, "start-command");
  options->command_user = ob_options_get_string (self->options, "command-user");
  if (self->old == NULL)
    return;
  if (options->unit == NULL && options->stop_command == NULL)
    {
      options->unit = ob_instance_get_unit (self->old);
      options->stop_command = ob_instance_get_stop_command (self->old);
      options->start_command = ob_instance_get_start_command (self->old);
    }
  if (options->command_user == NULL && options->unit == NULL)
    options->command_user = ob_instance_get_command_user (self->old);
}

/* Each of these stays, unless another is given; "none" takes it away. */
static void
fill_health (Discovery *self, ObInstanceOptions *options)
{
  options->health_url = ob_options_get_string (self->options, "health-url");
  options->health_sql = ob_options_get_string (self->options, "health-sql");
  options->health_timeout = ob_options_get_uint (self->options, "health-timeout");
  if (self->old == NULL)
    return;
  if (options->health_url == NULL)
    options->health_url = ob_instance_get_health_url (self->old);
  if (options->health_sql == NULL)
    options->health_sql = ob_instance_get_health_sql (self->old);
  if (options->health_timeout == 0)
    options->health_timeout = ob_instance_get_health_timeout (self->old);
}

/* Checks are given anew as a whole, cleared, or stay. */
static void
fill_checks (Discovery *self, ObInstanceOptions *options)
{
  options->check_sql = ob_options_get_strings (self->options, "check-sql");
  if (options->check_sql == NULL && self->old != NULL
      && !ob_options_get_boolean (self->options, "clear-check-sql"))
    options->check_sql = ob_instance_get_check_sql (self->old);
}

static void
fill_options (Discovery *self, ObInstanceOptions *options)
{
  options->properties = ob_options_get_string (self->options, "properties");
  options->webapp = ob_options_get_string (self->options, "webapp");
  if (self->old != NULL && options->properties == NULL)
    options->properties = ob_instance_get_properties (self->old);
  if (self->old != NULL && options->webapp == NULL)
    options->webapp = ob_instance_get_path (self->old, OB_PART_WEBAPP);
  fill_control (self, options);
  fill_health (self, options);
  fill_checks (self, options);
}

static gboolean
check_control (ObOptions *options, GError **error)
{
  gboolean unit = ob_options_get_string (options, "unit") != NULL;
  gboolean stop = ob_options_get_strings (options, "stop-command") != NULL;
  gboolean start = ob_options_get_strings (options, "start-command") != NULL;

  if (stop == start && !(unit && stop))
    return TRUE;
  g_set_error_literal (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                       unit ? "Give \"unit\", or \"stop-command\" and \"start-command\", not both"
                            : "\"stop-command\" and \"start-command\" have to be given together");
  return FALSE;
}

static void
discover_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  Discovery *self = data;
  ObContext *context = ob_manager_get_context (OB_MANAGER (source));
  ObInstanceOptions options = { 0 };
  g_autoptr (ObInstance) instance = NULL;
  g_autoptr (GPtrArray) notes = NULL;
  GError *error = NULL;

  fill_options (self, &options);
  instance = ob_instance_discover (self->name, &options, &notes, cancellable, &error);
  if (instance == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  /* Past the time limit the caller has been told that nothing was done. */
  if (!g_task_set_return_on_cancel (task, FALSE))
    return;
  /* And what is saved is told as such, even where the limit passes meanwhile. */
  g_task_set_check_cancellable (task, FALSE);
  self->notes = g_steal_pointer (&notes);
  if (ob_instance_save (instance, context->instances_fd, &error))
    g_task_return_pointer (task, g_steal_pointer (&instance), (GDestroyNotify) ob_instance_unref);
  else
    g_task_return_error (task, error);
}

static gboolean
on_time_limit (gpointer user_data)
{
  g_cancellable_cancel (user_data);
  return G_SOURCE_REMOVE;
}

void
ob_discovery_begin (ObManager *manager, const char *name, ObOptions *options, ObInstance *old,
                    GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GTask) task = g_task_new (manager, cancellable, callback, user_data);
  Discovery *self = g_new0 (Discovery, 1);
  GError *error = NULL;

  self->name = g_strdup (name);
  self->options = options;
  self->old = old != NULL ? ob_instance_ref (old) : NULL;
  g_task_set_task_data (task, self, discovery_free);
  if (!check_control (options, &error))
    {
      g_task_return_error (task, error);
      return;
    }
  self->timeout = g_timeout_add_seconds_full (G_PRIORITY_DEFAULT, TIME_LIMIT, on_time_limit,
                                              g_object_ref (cancellable), g_object_unref);
  g_task_set_return_on_cancel (task, TRUE);
  g_task_run_in_thread (task, discover_in_thread);
}

static GStrv
copy_notes (GPtrArray *notes)
{
  GStrv texts = g_new0 (char *, (notes != NULL ? notes->len : 0) + 1);

  for (guint i = 0; notes != NULL && i < notes->len; i++)
    texts[i] = ob_reply_make_text (g_ptr_array_index (notes, i));
  return texts;
}

ObInstance *
ob_discovery_finish (GAsyncResult *result, GStrv *notes, GError **error)
{
  GTask *task = G_TASK (result);
  Discovery *self = g_task_get_task_data (task);
  GCancellable *cancellable = g_task_get_cancellable (task);
  g_autoptr (GError) own_error = NULL;
  ObInstance *instance = g_task_propagate_pointer (task, &own_error);

  if (self->timeout != 0 && !g_cancellable_is_cancelled (cancellable))
    g_source_remove (self->timeout);
  if (instance != NULL)
    {
      *notes = copy_notes (self->notes);
      return instance;
    }
  if (g_error_matches (own_error, G_IO_ERROR, G_IO_ERROR_CANCELLED)
      || g_error_matches (own_error, OB_ERROR, OB_ERROR_CANCELLED))
    g_set_error (error, OB_ERROR, OB_ERROR_FAILED,
                 "The installation was not looked through within %d seconds; see whether its "
                 "database server and its file systems answer",
                 TIME_LIMIT);
  else
    g_propagate_error (error, g_steal_pointer (&own_error));
  return NULL;
}
