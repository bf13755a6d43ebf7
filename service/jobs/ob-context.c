/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-context.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ob-context-private.h"
#include "ob-error.h"
#include "ob-fd.h"
#include "ob-io.h"

#define MAX_THREADS 16
#define DEFAULT_LOCK_TIMEOUT 60
#define DEFAULT_REPOSITORY_TIMEOUT 60
#define DEFAULT_COMMAND_TIMEOUT 180
#define DEFAULT_HOOK_TIME_LIMIT 30
#define DEFAULT_CHANGE_LIMIT (4 * 60 * 60)
#define DEFAULT_KEEP_PREVIOUS (3 * 24 * 60 * 60)
#define DEFAULT_CACHE_SIZE (G_GUINT64_CONSTANT (1000) * 1000 * 1000)

/* internal methods */

static int
open_directory (int parent, const char *path, const char *name, GError **error)
{
  ob_autofd int fd = -1;

  if (mkdirat (parent, name, 0700) < 0 && errno != EEXIST)
    {
      ob_set_error_errno (error, errno, "Directory %s/%s cannot be made", path, name);
      return -1;
    }
  fd = openat (parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0)
    {
      ob_set_error_errno (error, errno, "Directory %s/%s cannot be opened", path, name);
      return -1;
    }
  return ob_fd_steal (&fd);
}

/* Keys, journals and the history are for root alone, also where somebody loosened the mode. */
static gboolean
make_private (int fd, const char *path, const char *name, GError **error)
{
  if (fchmod (fd, 0700) < 0)
    return ob_set_error_errno (error, errno, "Directory %s/%s cannot be made private", path, name);
  return TRUE;
}

static gboolean
open_config_directories (ObContext *context, GError **error)
{
  const char *path = context->config_path;
  ob_autofd int fd = ob_make_directories (path, 0755, error);

  if (fd < 0)
    return FALSE;
  context->instances_fd = open_directory (fd, path, "instances", error);
  if (context->instances_fd < 0)
    return FALSE;
  context->destinations_fd = open_directory (fd, path, "destinations", error);
  if (context->destinations_fd < 0)
    return FALSE;
  context->schedules_fd = open_directory (fd, path, "schedules", error);
  if (context->schedules_fd < 0)
    return FALSE;
  context->keys_fd = open_directory (fd, path, "keys", error);
  return context->keys_fd >= 0 && make_private (context->keys_fd, path, "keys", error)
         && make_private (context->instances_fd, path, "instances", error);
}

static gboolean
open_state_directories (ObContext *context, GError **error)
{
  const char *path = context->state_path;
  ob_autofd int fd = ob_make_directories (path, 0700, error);
  ob_autofd int cache = -1;
  ob_autofd int runtime = -1;

  if (fd < 0)
    return FALSE;
  context->jobs_fd = open_directory (fd, path, "jobs", error);
  if (context->jobs_fd < 0 || !make_private (context->jobs_fd, path, "jobs", error))
    return FALSE;
  context->restores_fd = open_directory (fd, path, "restores", error);
  if (context->restores_fd < 0 || !make_private (context->restores_fd, path, "restores", error))
    return FALSE;
  context->changes_fd = open_directory (fd, path, "changes", error);
  if (context->changes_fd < 0 || !make_private (context->changes_fd, path, "changes", error))
    return FALSE;
  context->drills_fd = open_directory (fd, path, "drills", error);
  if (context->drills_fd < 0 || !make_private (context->drills_fd, path, "drills", error))
    return FALSE;
  cache = ob_make_directories (context->cache_path, 0700, error);
  if (cache < 0)
    return FALSE;
  runtime = ob_make_directories (context->runtime_path, 0700, error);
  return runtime >= 0;
}

/* methods of this room */

void
ob_context_set_defaults (ObContext *context)
{
  context->n_threads = CLAMP (g_get_num_processors (), 1, MAX_THREADS);
  context->lock_timeout = DEFAULT_LOCK_TIMEOUT;
  context->repository_timeout = DEFAULT_REPOSITORY_TIMEOUT;
  context->command_timeout = DEFAULT_COMMAND_TIMEOUT;
  context->change_limit = DEFAULT_CHANGE_LIMIT;
  context->keep_previous = DEFAULT_KEEP_PREVIOUS;
  context->hook_time_limit = DEFAULT_HOOK_TIME_LIMIT;
  context->cache_size = DEFAULT_CACHE_SIZE;
}

/* public methods */

ObContext *
ob_context_new (const char *config_path, const char *state_path, const char *cache_path,
                const char *runtime_path, GError **error)
{
  g_autoptr (ObContext) context = g_new0 (ObContext, 1);

  context->config_path = g_strdup (config_path);
  context->state_path = g_strdup (state_path);
  context->cache_path = g_strdup (cache_path);
  context->runtime_path = g_strdup (runtime_path);
  context->instances_fd = context->destinations_fd = context->schedules_fd = -1;
  context->keys_fd = -1;
  context->jobs_fd = context->restores_fd = context->changes_fd = context->drills_fd = -1;
  context->drill_path = g_build_filename (state_path, "drills", NULL);
  ob_context_set_defaults (context);
  context->cache = ob_cache_directory_new (cache_path, context->cache_size);

  if (!open_config_directories (context, error) || !open_state_directories (context, error))
    return NULL;
  ob_context_start_config (context);
  return g_steal_pointer (&context);
}

void
ob_context_clean_up (ObContext *context)
{
  const int config_fds[] = { context->instances_fd, context->destinations_fd,
                             context->schedules_fd, context->keys_fd };
  ob_autofd int state = open (context->state_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  g_autoptr (GDir) folders = g_dir_open (context->state_path, 0, NULL);
  const char *folder;

  for (gsize i = 0; i < G_N_ELEMENTS (config_fds); i++)
    ob_remove_temporaries_at (config_fds[i]);
  ob_remove_temporaries_at (state);
  while (folders != NULL && (folder = g_dir_read_name (folders)) != NULL)
    {
      ob_autofd int fd = openat (state, folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

      ob_remove_temporaries_at (fd);
    }
}

void
ob_context_free (ObContext *context)
{
  if (context == NULL)
    return;
  ob_fd_clear (&context->instances_fd);
  ob_fd_clear (&context->schedules_fd);
  g_free (context->metrics_path);
  ob_fd_clear (&context->destinations_fd);
  ob_fd_clear (&context->keys_fd);
  ob_fd_clear (&context->jobs_fd);
  ob_fd_clear (&context->restores_fd);
  ob_fd_clear (&context->changes_fd);
  ob_fd_clear (&context->drills_fd);
  ob_cache_directory_unref (context->cache);
  g_free (context->config_error);
  g_free (context->config_path);
  g_free (context->state_path);
  g_free (context->drill_path);
  g_free (context->cache_path);
  g_free (context->runtime_path);
  g_free (context);
}
