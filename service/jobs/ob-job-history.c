/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A job as a file. The result keeps its types as GVariant text, since JSON has fewer. */
#include <json-glib/json-glib.h>
#include <string.h>
#include <time.h>

#include "ob-io.h"
#include "ob-job-private.h"
#include "ob-json-print.h"
#include "ob-manifest.h"
#include "ob-state-json.h"

#define MAX_FILE (8 * 1024 * 1024)

/* internal methods */

static void
add_string (JsonBuilder *builder, const char *name, const char *value)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_string_value (builder, value != NULL ? value : "");
}

static void
add_number (JsonBuilder *builder, const char *name, guint64 value)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_int_value (builder, (gint64) MIN (value, (guint64) G_MAXINT64));
}

static void
add_lines (JsonBuilder *builder, const char *name, GPtrArray *lines)
{
  json_builder_set_member_name (builder, name);
  json_builder_begin_array (builder);
  for (guint i = 0; i < lines->len; i++)
    {
      g_autofree char *text = g_utf8_make_valid (g_ptr_array_index (lines, i), -1);

      json_builder_add_string_value (builder, text);
    }
  json_builder_end_array (builder);
}

static void
add_result (JsonBuilder *builder, GHashTable *result)
{
  GHashTableIter iter = { 0 };
  gpointer key = NULL;
  gpointer value = NULL;

  json_builder_set_member_name (builder, "result");
  json_builder_begin_object (builder);
  g_hash_table_iter_init (&iter, result);
  while (g_hash_table_iter_next (&iter, &key, &value))
    {
      g_autofree char *text = g_variant_print (value, TRUE);

      add_string (builder, key, text);
    }
  json_builder_end_object (builder);
}

static JsonNode *
build (ObJob *job)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  json_builder_begin_object (builder);
  add_number (builder, "number", job->number);
  add_string (builder, "operation", job->operation);
  add_string (builder, "instance", job->instance);
  add_string (builder, "destination", job->destination);
  add_number (builder, "uid", job->uid);
  add_string (builder, "state", ob_job_state_get_name (job->state));
  add_string (builder, "phase", job->phase);
  add_string (builder, "error-name", job->error_name);
  if (job->error_message != NULL)
    {
      g_autofree char *text = g_utf8_make_valid (job->error_message, -1);

      add_string (builder, "error", text);
    }
  add_number (builder, "start", (guint64) job->start_time);
  add_number (builder, "end", (guint64) job->end_time);
  add_number (builder, "done", job->done);
  add_number (builder, "total", job->total);
  pthread_mutex_lock (&job->mutex);
  add_number (builder, "n-warnings", job->n_warnings);
  add_lines (builder, "warnings", job->warnings);
  add_lines (builder, "log", job->log);
  add_result (builder, job->result);
  pthread_mutex_unlock (&job->mutex);
  json_builder_end_object (builder);
  return json_builder_get_root (builder);
}

static gint64
get_number (JsonObject *object, const char *name)
{
  JsonNode *node = json_object_get_member (object, name);

  if (node == NULL || json_node_get_value_type (node) != G_TYPE_INT64)
    return 0;
  return MAX (json_node_get_int (node), 0);
}

static void
read_lines (JsonObject *object, const char *name, GPtrArray *lines)
{
  JsonNode *node = json_object_get_member (object, name);
  JsonArray *array = NULL;

  if (node == NULL || !JSON_NODE_HOLDS_ARRAY (node))
    return;
  array = json_node_get_array (node);
  for (guint i = 0; i < json_array_get_length (array) && i < OB_JOB_MAX_LINES; i++)
    {
      JsonNode *line = json_array_get_element (array, i);

      if (json_node_get_value_type (line) == G_TYPE_STRING)
        g_ptr_array_add (lines, g_strdup (ob_manifest_read_string (line)));
    }
}

static void
read_result (JsonObject *object, GHashTable *result)
{
  JsonNode *node = json_object_get_member (object, "result");
  JsonObjectIter iter = { 0 };
  const char *key = NULL;
  JsonNode *value = NULL;

  if (node == NULL || !JSON_NODE_HOLDS_OBJECT (node))
    return;
  json_object_iter_init (&iter, json_node_get_object (node));
  while (json_object_iter_next (&iter, &key, &value))
    {
      GVariant *variant = NULL;

      if (g_utf8_validate (key, -1, NULL))
        variant = g_variant_parse (NULL, ob_manifest_read_string (value), NULL, NULL, NULL);
      if (variant != NULL)
        g_hash_table_replace (result, g_strdup (key), variant);
    }
}

/* One that ran when the service ended, or waited, did not come to its end. */
static ObJobState
read_state (ObJob *job, JsonObject *object)
{
  const char *name = ob_manifest_get_string (object, "state");

  for (ObJobState state = OB_JOB_SUCCEEDED; state <= OB_JOB_INTERRUPTED; state++)
    if (strcmp (name, ob_job_state_get_name (state)) == 0)
      return state;

  g_free (job->error_name);
  g_free (job->error_message);
  job->error_name = g_strdup (ob_error_get_name (OB_ERROR_FAILED));
  job->error_message
    = g_strdup ("The service ended while this job was under way; start it again.");
  job->end_time = time (NULL);
  return OB_JOB_INTERRUPTED;
}

static void
read_job (ObJob *job, JsonObject *object)
{
  const char *message = ob_manifest_get_string (object, "error");

  job->number = (guint) MIN (get_number (object, "number"), G_MAXUINT);
  job->start_time = get_number (object, "start");
  job->end_time = get_number (object, "end");
  job->done = (guint64) get_number (object, "done");
  job->total = (guint64) get_number (object, "total");
  job->n_warnings = (guint) MIN (get_number (object, "n-warnings"), G_MAXUINT);
  job->cancelable = FALSE;
  g_free (job->phase);
  job->phase = g_strdup (ob_manifest_get_string (object, "phase"));
  g_free (job->error_name);
  job->error_name = g_strdup (ob_manifest_get_string (object, "error-name"));
  job->error_message = *message != '\0' ? g_strdup (message) : NULL;
  read_lines (object, "warnings", job->warnings);
  read_lines (object, "log", job->log);
  read_result (object, job->result);
  job->state = read_state (job, object);
}

/* methods of this room */

gboolean
ob_job_save (ObJob *job, int dirfd, GError **error)
{
  g_autoptr (JsonNode) root = build (job);
  g_autofree char *text = ob_json_print (root, FALSE);
  g_autofree char *name = g_strdup_printf ("%u.json", job->number);

  return ob_replace_file_at (dirfd, name, text, strlen (text), 0600, error);
}

ObJob *
ob_job_load (int dirfd, const char *name, GError **error)
{
  g_autoptr (GBytes) bytes = ob_read_file_at (dirfd, name, MAX_FILE, error);
  g_autoptr (JsonObject) object = bytes != NULL ? ob_state_json_parse (bytes) : NULL;
  ObJob *job = NULL;

  if (bytes == NULL)
    return NULL;
  if (object == NULL || get_number (object, "number") == 0)
    {
      g_set_error (error, OB_ERROR, OB_ERROR_CORRUPT, "%s is not the record of a job.", name);
      return NULL;
    }
  job = ob_job_new (ob_manifest_get_string (object, "operation"),
                    ob_manifest_get_string (object, "instance"),
                    ob_manifest_get_string (object, "destination"),
                    (guint) get_number (object, "uid"), NULL,
                    NULL, NULL);
  read_job (job, object);
  return job;
}
