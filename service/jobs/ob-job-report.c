/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a job tells of its work: its log, warnings, result and error. */
#include <time.h>

#include "ob-job-private.h"
#include "ob-operations.h"
#include "ob-time.h"

/* internal methods */

/* Names of files have any bytes: on the bus there is UTF-8, and a line of the log stays one. */
static char *
clean (const char *text)
{
  char *result = g_utf8_make_valid (text, -1);

  for (char *c = result; *c != '\0'; c++)
    if (g_ascii_iscntrl (*c))
      *c = ' ';
  return result;
}

static void
add_log_line (ObJob *job, const char *text)
{
  struct timespec now = { .tv_sec = time (NULL) };
  g_autofree char *when = ob_time_format (&now);

  /* The oldest lines make room: what it did last tells why it ended. */
  if (job->log->len >= OB_JOB_MAX_LINES)
    g_ptr_array_remove_index (job->log, 0);
  g_ptr_array_add (job->log, g_strdup_printf ("%s %s", when, text));
}

static const char *
get_error_name (const GError *error)
{
  if (error->domain == OB_ERROR)
    return ob_error_get_name (error->code);
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return ob_error_get_name (OB_ERROR_CANCELLED);
  return ob_error_get_name (OB_ERROR_FAILED);
}

static gpointer
copy_text (gconstpointer text, gpointer user_data)
{
  return g_strdup (text);
}

/* public methods */

guint
ob_job_get_n_warnings (ObJob *job)
{
  guint n_warnings = 0;

  pthread_mutex_lock (&job->mutex);
  n_warnings = job->n_warnings;
  pthread_mutex_unlock (&job->mutex);
  return n_warnings;
}

GVariant *
ob_job_dup_result (ObJob *job)
{
  GVariantDict dict = { 0 };
  GHashTableIter iter = { 0 };
  gpointer key = NULL;
  gpointer value = NULL;

  g_variant_dict_init (&dict, NULL);
  pthread_mutex_lock (&job->mutex);
  g_hash_table_iter_init (&iter, job->result);
  while (g_hash_table_iter_next (&iter, &key, &value))
    g_variant_dict_insert_value (&dict, key, value);
  g_variant_dict_insert_value (
    &dict, "warnings",
    g_variant_new_strv ((const char *const *) job->warnings->pdata, job->warnings->len));
  pthread_mutex_unlock (&job->mutex);

  if (job->error_message != NULL)
    {
      g_variant_dict_insert (&dict, "error", "s", job->error_message);
      g_variant_dict_insert (&dict, "error-name", "s", job->error_name);
    }
  return g_variant_ref_sink (g_variant_dict_end (&dict));
}

GStrv
ob_job_dup_log (ObJob *job)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();

  pthread_mutex_lock (&job->mutex);
  for (guint i = 0; i < job->log->len; i++)
    g_strv_builder_add (builder, g_ptr_array_index (job->log, i));
  pthread_mutex_unlock (&job->mutex);
  return g_strv_builder_end (builder);
}

void
ob_job_set_result (ObJob *job, const char *key, GVariant *value)
{
  pthread_mutex_lock (&job->mutex);
  g_hash_table_replace (job->result, g_strdup (key), g_variant_ref_sink (value));
  pthread_mutex_unlock (&job->mutex);
}

void
ob_job_log (ObJob *job, const char *format, ...)
{
  g_autofree char *raw = NULL;
  g_autofree char *text = NULL;
  va_list args;

  va_start (args, format);
  raw = g_strdup_vprintf (format, args);
  va_end (args);
  text = clean (raw);
  pthread_mutex_lock (&job->mutex);
  add_log_line (job, text);
  pthread_mutex_unlock (&job->mutex);
  g_message ("Job %u (%s): %s", job->number, job->operation, text);
}

gboolean
ob_job_get_space (ObJob *job, guint64 *free_bytes, guint64 *total_bytes)
{
  gboolean known = FALSE;

  pthread_mutex_lock (&job->mutex);
  known = job->has_space;
  *free_bytes = job->free_bytes;
  *total_bytes = job->total_bytes;
  pthread_mutex_unlock (&job->mutex);
  return known;
}

/* methods of this room */

void
ob_job_add_warning (ObJob *job, const char *message, gboolean lost)
{
  gboolean kept = FALSE;

  pthread_mutex_lock (&job->mutex);
  kept = job->warnings->len < OB_JOB_MAX_LINES;
  if (kept)
    g_ptr_array_add (job->warnings, clean (message));
  job->n_warnings++;
  job->lost |= lost;
  pthread_mutex_unlock (&job->mutex);
  /* There may be one for each of a million files: the ticker tells their number. */
  if (kept)
    ob_job_log (job, "Warning: %s", message);
}

GPtrArray *
ob_job_dup_warnings (ObJob *job, gboolean *lost)
{
  GPtrArray *warnings = NULL;

  pthread_mutex_lock (&job->mutex);
  warnings = g_ptr_array_copy (job->warnings, copy_text, NULL);
  *lost = job->lost;
  pthread_mutex_unlock (&job->mutex);
  return warnings;
}

void
ob_job_set_error (ObJob *job, const GError *error)
{
  g_free (job->error_name);
  g_free (job->error_message);
  job->error_name = g_strdup (get_error_name (error));
  job->error_message = clean (error->message);
}

void
ob_job_set_space (ObJob *job, guint64 free_bytes, guint64 total_bytes)
{
  pthread_mutex_lock (&job->mutex);
  job->has_space = TRUE;
  job->free_bytes = free_bytes;
  job->total_bytes = total_bytes;
  pthread_mutex_unlock (&job->mutex);
}
