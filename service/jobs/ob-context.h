/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

#include "ob-cache-directory.h"

G_BEGIN_DECLS

/* Where this service keeps its things; descriptors of directories, open as long as it runs. Any
 * thread. Immutable after ob_context_new(), but for ob_context_read_config() while no other
 * thread uses it. */
typedef struct
{
  char *config_path, *state_path, *cache_path, *runtime_path;
  int instances_fd;    /* CONFIG/instances */
  int destinations_fd; /* CONFIG/destinations */
  int schedules_fd;    /* CONFIG/schedules */
  int keys_fd;         /* CONFIG/keys, mode 0700 */
  int jobs_fd;         /* STATE/jobs */
  int restores_fd;     /* STATE/restores: journals */
  int changes_fd;      /* STATE/changes */
  int drills_fd;       /* STATE/drills: records of what drills have made */
  char *drill_path;    /* where drills restore files; STATE/drills if it is not set */
  guint n_threads;     /* for pipelines: processors, 1 to 16 */
  guint lock_timeout;  /* seconds to wait for the locks of a dump */
  guint repository_timeout; /* seconds to wait while somebody else locks a repository */
  guint command_timeout; /* seconds that stopping or starting the application may take */
  guint change_limit;    /* seconds after which an open change is a question */
  guint late_after;      /* seconds without a backup that are an alarm where no schedule says; 0:
                          * none */
  guint hook_time_limit; /* seconds that a hook may take for one event */
  char *metrics_path;    /* of the file of numbers for Prometheus; NULL: none */
  guint64 cache_size;    /* bytes for copies of what is in remote repositories; 0: none are kept */
  ObCacheDirectory *cache; /* they are in CACHE/repositories */
  guint keep_previous;   /* seconds that the state before a restore is kept; 0: until it is
                          * released */
  char *config_error;    /* why obbackup.conf could not be understood at the start; NULL: it was */
} ObContext;

/* Makes what is missing (0700, but the config directory itself 0755) and reads
 * CONFIG/obbackup.conf, see obbackup.conf(5). Where that cannot be understood, what it said when
 * it last could be counts (STATE/obbackup.conf.last-good), or the defaults. Transfer full. */
ObContext *ob_context_new (const char *config_path, const char *state_path,
                           const char *cache_path, const char *runtime_path, GError **error);

/* Removes the half-written files that a service left in CONFIG's and STATE's directories when it was
 * killed: some have secrets. For the service alone, before it does anything else. */
void ob_context_clean_up (ObContext *context);

/* Reads obbackup.conf again. On an error, which names the key, all is as it was. */
gboolean ob_context_read_config (ObContext *context, GError **error);

void ob_context_free (ObContext *context);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObContext, ob_context_free)

G_END_DECLS
