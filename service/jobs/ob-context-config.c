/* SPDX-License-Identifier: GPL-3.0-or-later */
/* obbackup.conf: what it says now, and what it said when it could last be understood. */
#include "ob-context-private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "ob-error.h"
#include "ob-fd.h"
#include "ob-io.h"
#include "ob-keyfile.h"
#include "ob-path.h"
#include "ob-rate-limit.h"
#include "ob-time-span.h"

#define CONFIG_FILE "obbackup.conf"
#define LAST_GOOD_FILE "obbackup.conf.last-good"
#define GROUP "obbackup"
#define MAX_THREADS 16
#define MAX_TIMEOUT 86400

/* internal methods */

static gboolean
read_number (GKeyFile *file, const char *key, guint max, guint *value, GError **error)
{
  g_autoptr (GError) local = NULL;
  guint64 number = 0;

  if (!g_key_file_has_key (file, GROUP, key, NULL))
    return TRUE;
  number = g_key_file_get_uint64 (file, GROUP, key, &local);
  if (local != NULL || number < 1 || number > max)
    {
      g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                   "%s: \"%s\" has to be a number from 1 to %u.", CONFIG_FILE, key, max);
      return FALSE;
    }
  *value = (guint) number;
  return TRUE;
}

static gboolean
read_duration (GKeyFile *file, const char *key, guint *value, GError **error)
{
  g_autofree char *text = g_key_file_get_string (file, GROUP, key, NULL);

  if (!g_key_file_has_key (file, GROUP, key, NULL)
      || (text != NULL && ob_time_span_parse (g_strstrip (text), value)))
    return TRUE;
  g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
               "%s: \"%s\" has to be a time like 3d, 12h, 90m or 600s, of ten years at most.",
               CONFIG_FILE, key);
  return FALSE;
}

/* "0", or a number of bytes as a limit of the bandwidth has it. */
static gboolean
read_size (GKeyFile *file, const char *key, guint64 *value, GError **error)
{
  g_autofree char *text = g_key_file_get_string (file, GROUP, key, NULL);
  guint64 size = 0;

  if (!g_key_file_has_key (file, GROUP, key, NULL))
    return TRUE;
  if (text != NULL && (strcmp (g_strstrip (text), "0") == 0 || ob_rate_limit_parse (text, &size)))
    {
      *value = size;
      return TRUE;
    }
  g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
               "%s: \"%s\" has to be a size like 500M or 2G, or 0.", CONFIG_FILE, key);
  return FALSE;
}

static gboolean
read_path (GKeyFile *file, const char *key, char **value, GError **error)
{
  g_autofree char *text = g_key_file_get_string (file, GROUP, key, NULL);
  g_autofree char *path = text != NULL ? ob_path_normalize (text) : NULL;

  if (!g_key_file_has_key (file, GROUP, key, NULL))
    return TRUE;
  if (path == NULL)
    {
      g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                   "%s: \"%s\" has to be an absolute path without \"..\".", CONFIG_FILE, key);
      return FALSE;
    }
  g_free (*value);
  *value = g_steal_pointer (&path);
  return TRUE;
}

/* A path that is not given is the usual one again. */
static char *
choose_path (char **given, const char *usual)
{
  return *given != NULL ? g_steal_pointer (given) : g_strdup (usual);
}

/* @context is as it was on an error. */
static gboolean
take (ObContext *context, GKeyFile *file, GError **error)
{
  ObContext read = { 0 };
  g_autofree char *metrics_path = NULL;
  g_autofree char *drill_path = NULL;
  g_autofree char *usual_drill_path = g_build_filename (context->state_path, "drills", NULL);

  ob_context_set_defaults (&read);
  if (!read_number (file, "threads", MAX_THREADS, &read.n_threads, error)
      || !read_number (file, "lock-timeout", MAX_TIMEOUT, &read.lock_timeout, error)
      || !read_number (file, "repository-lock-timeout", MAX_TIMEOUT, &read.repository_timeout,
                       error)
      || !read_number (file, "command-timeout", MAX_TIMEOUT, &read.command_timeout, error)
      || !read_number (file, "hook-time-limit", MAX_TIMEOUT, &read.hook_time_limit, error)
      || !read_duration (file, "change-limit", &read.change_limit, error)
      || !read_duration (file, "keep-previous", &read.keep_previous, error)
      || !read_duration (file, "late-after", &read.late_after, error)
      || !read_size (file, "cache-size", &read.cache_size, error)
      || !read_path (file, "metrics-file", &metrics_path, error)
      || !read_path (file, "drill-directory", &drill_path, error))
    return FALSE;
  context->n_threads = read.n_threads;
  context->lock_timeout = read.lock_timeout;
  context->repository_timeout = read.repository_timeout;
  context->command_timeout = read.command_timeout;
  context->hook_time_limit = read.hook_time_limit;
  context->change_limit = read.change_limit;
  context->keep_previous = read.keep_previous;
  context->late_after = read.late_after;
  context->cache_size = read.cache_size;
  ob_cache_directory_set_limit (context->cache, read.cache_size);
  g_free (context->metrics_path);
  context->metrics_path = g_steal_pointer (&metrics_path);
  g_free (context->drill_path);
  context->drill_path = choose_path (&drill_path, usual_drill_path);
  return TRUE;
}

/* A file that is not there says nothing. */
static GKeyFile *
load (const char *directory, const char *name, GError **error)
{
  g_autoptr (GError) local = NULL;
  ob_autofd int fd = open (directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  GKeyFile *file = NULL;

  if (fd < 0)
    {
      ob_set_error_errno (error, errno, "Directory %s cannot be opened", directory);
      return NULL;
    }
  file = ob_keyfile_load_at (fd, name, &local);
  if (file != NULL)
    return file;
  if (g_error_matches (local, OB_ERROR, OB_ERROR_NOT_FOUND))
    return g_key_file_new ();
  g_propagate_error (error, g_steal_pointer (&local));
  return NULL;
}

/* That it cannot be kept is no reason not to go by it. */
static void
keep (ObContext *context, GKeyFile *file)
{
  g_autoptr (GError) error = NULL;
  ob_autofd int fd = open (context->state_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

  if (fd >= 0 && !ob_keyfile_save_at (fd, LAST_GOOD_FILE, file, &error))
    g_warning ("A copy of %s cannot be kept: %s", CONFIG_FILE, error->message);
}

/* methods of this room */

void
ob_context_start_config (ObContext *context)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GKeyFile) good = NULL;

  if (ob_context_read_config (context, &error))
    return;
  context->config_error = g_strdup (error->message);
  good = load (context->state_path, LAST_GOOD_FILE, NULL);
  if (good != NULL)
    take (context, good, NULL);
}

/* public methods */

gboolean
ob_context_read_config (ObContext *context, GError **error)
{
  g_autoptr (GKeyFile) file = load (context->config_path, CONFIG_FILE, error);

  if (file == NULL || !take (context, file, error))
    return FALSE;
  keep (context, file);
  return TRUE;
}
