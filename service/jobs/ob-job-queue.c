/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Records are written in the main context: a few kilobytes when a job is queued and when it
 * ends. */
#include "ob-job-queue.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ob-fd.h"
#include "ob-io.h"
#include "ob-job-private.h"

#define MAX_WAITING 64
#define MAX_RUNNING 8
#define MAX_FINISHED 50
#define KEPT_SECONDS 3600
#define SWEEP_SECONDS 10
#define NUMBER_FILE "last-number"

struct _ObJobQueue
{
  GObject parent_instance;

  int jobs_fd;
  guint last_number;
  GPtrArray *jobs; /* of ObJob, by number */
  guint sweep_id;
  GHashTable *unsaved;     /* set of ObJob: whose records could not be written */
  gboolean number_unsaved; /* the last number could not be written */
  char *problem;           /* why not, of one of them */
};

G_DEFINE_FINAL_TYPE (ObJobQueue, ob_job_queue, G_TYPE_OBJECT)

enum
{
  SIGNAL_ADDED,
  SIGNAL_REMOVED,
  SIGNAL_CAUGHT_UP,
  N_SIGNALS
};

static guint signals[N_SIGNALS];

/* virtual functions */

static void
ob_job_queue_finalize (GObject *object)
{
  ObJobQueue *queue = OB_JOB_QUEUE (object);

  g_clear_handle_id (&queue->sweep_id, g_source_remove);
  for (guint i = 0; i < queue->jobs->len; i++)
    g_signal_handlers_disconnect_by_data (g_ptr_array_index (queue->jobs, i), queue);
  g_ptr_array_unref (queue->jobs);
  g_hash_table_unref (queue->unsaved);
  ob_fd_clear (&queue->jobs_fd);
  g_free (queue->problem);
  G_OBJECT_CLASS (ob_job_queue_parent_class)->finalize (object);
}

static void
ob_job_queue_class_init (ObJobQueueClass *klass)
{
  GType type = G_TYPE_FROM_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = ob_job_queue_finalize;
  signals[SIGNAL_ADDED] = g_signal_new ("job-added", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                        G_TYPE_NONE, 1, OB_TYPE_JOB);
  signals[SIGNAL_REMOVED] = g_signal_new ("job-removed", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                                          NULL, G_TYPE_NONE, 1, OB_TYPE_JOB);
  signals[SIGNAL_CAUGHT_UP] = g_signal_new ("history-caught-up", type, G_SIGNAL_RUN_LAST, 0, NULL,
                                            NULL, NULL, G_TYPE_NONE, 0);
}

static void
ob_job_queue_init (ObJobQueue *queue)
{
  queue->jobs_fd = -1;
  queue->jobs = g_ptr_array_new_with_free_func (g_object_unref);
  queue->unsaved = g_hash_table_new_full (NULL, NULL, g_object_unref, NULL);
}

/* internal methods */

static void
set_problem (ObJobQueue *queue, const char *what, const GError *error)
{
  g_free (queue->problem);
  queue->problem = g_strdup_printf ("%s could not be written: %s. It is tried again; what is not "
                                    "written is forgotten when the service ends.",
                                    what, error->message);
}

static gboolean
try_save (ObJobQueue *queue, ObJob *job)
{
  g_autofree char *what = g_strdup_printf ("The record of job %u", ob_job_get_number (job));
  g_autoptr (GError) error = NULL;

  if (ob_job_save (job, queue->jobs_fd, &error))
    {
      g_hash_table_remove (queue->unsaved, job);
      return TRUE;
    }
  set_problem (queue, what, error);
  g_hash_table_add (queue->unsaved, g_object_ref (job));
  return FALSE;
}

static gboolean
try_save_number (ObJobQueue *queue)
{
  g_autofree char *text = g_strdup_printf ("%u\n", queue->last_number);
  g_autoptr (GError) error = NULL;

  queue->number_unsaved
    = !ob_replace_file_at (queue->jobs_fd, NUMBER_FILE, text, strlen (text), 0600, &error);
  if (queue->number_unsaved)
    set_problem (queue, "The number of the last job", error);
  return !queue->number_unsaved;
}

static gboolean
is_behind (ObJobQueue *queue)
{
  return queue->number_unsaved || g_hash_table_size (queue->unsaved) > 0;
}

static void
settle_problem (ObJobQueue *queue)
{
  if (!is_behind (queue))
    g_clear_pointer (&queue->problem, g_free);
}

/* Losing a line of history must not stop the work. */
static void
save (ObJobQueue *queue, ObJob *job)
{
  if (!try_save (queue, job))
    g_warning ("%s", queue->problem);
  settle_problem (queue);
}

static void
save_number (ObJobQueue *queue)
{
  if (!try_save_number (queue))
    g_warning ("%s", queue->problem);
  settle_problem (queue);
}

/* Writes what could not be written before: a record that is left as it was when the job was queued
 * would come back as that of a job that was cut off. */
static void
catch_up (ObJobQueue *queue)
{
  g_autoptr (GList) jobs = g_hash_table_get_keys (queue->unsaved);
  gboolean can = is_behind (queue) && (!queue->number_unsaved || try_save_number (queue));

  for (GList *job = jobs; can && job != NULL; job = job->next)
    can = try_save (queue, job->data);
  if (!can)
    return;
  g_message ("All records of jobs are written again");
  settle_problem (queue);
  g_signal_emit (queue, signals[SIGNAL_CAUGHT_UP], 0);
}

static void
forget (ObJobQueue *queue, guint index)
{
  g_autoptr (ObJob) job = g_ptr_array_steal_index (queue->jobs, index);
  g_autofree char *name = g_strdup_printf ("%u.json", ob_job_get_number (job));

  g_signal_handlers_disconnect_by_data (job, queue);
  g_hash_table_remove (queue->unsaved, job);
  settle_problem (queue);
  unlinkat (queue->jobs_fd, name, 0);
  g_signal_emit (queue, signals[SIGNAL_REMOVED], 0, job);
}

/* Whether @other ended after the job of index @index, which has ended too. */
static gboolean
ended_later (ObJobQueue *queue, guint other, guint index)
{
  ObJob *left = g_ptr_array_index (queue->jobs, other);
  gint64 when = ob_job_get_end_time (left);
  gint64 end = ob_job_get_end_time (g_ptr_array_index (queue->jobs, index));

  return ob_job_state_is_final (ob_job_get_state (left))
         && (when > end || (when == end && other > index));
}

/* Fifty that ended later push it out: by the end, so that a long job's result is not gone at once
 * because many short ones began after it. */
static gboolean
is_pushed_out (ObJobQueue *queue, guint index)
{
  guint n_later = 0;

  for (guint i = 0; i < queue->jobs->len; i++)
    n_later += ended_later (queue, i, index) ? 1 : 0;
  return n_later >= MAX_FINISHED;
}

/* Lets go of what ended more than an hour ago, and of the oldest beyond fifty. */
static void
sweep (ObJobQueue *queue)
{
  gint64 now = time (NULL);

  for (guint i = queue->jobs->len; i > 0; i--)
    {
      ObJob *job = g_ptr_array_index (queue->jobs, i - 1);

      if (ob_job_state_is_final (ob_job_get_state (job))
          && (ob_job_get_end_time (job) + KEPT_SECONDS < now || is_pushed_out (queue, i - 1)))
        forget (queue, i - 1);
    }
}

static gboolean
on_time (gpointer user_data)
{
  sweep (user_data);
  catch_up (user_data);
  return G_SOURCE_CONTINUE;
}

static gboolean
is_under_way (ObJob *job)
{
  ObJobState state = ob_job_get_state (job);

  return state == OB_JOB_RUNNING || state == OB_JOB_CANCELLING;
}

static gboolean
are_same (const char *one, const char *other)
{
  return *one != '\0' && strcmp (one, other) == 0;
}

/* Two jobs get in each other's way at one installation; and at one destination, if one of them
 * needs it for itself. */
static gboolean
are_in_conflict (ObJob *job, ObJob *other)
{
  return are_same (ob_job_get_instance (job), ob_job_get_instance (other))
         || ((job->alone || other->alone)
             && are_same (ob_job_get_destination (job), ob_job_get_destination (other)));
}

/* Whether an earlier job that has not ended is in the way. */
static gboolean
must_wait (ObJobQueue *queue, guint index)
{
  ObJob *job = g_ptr_array_index (queue->jobs, index);

  for (guint i = 0; i < index; i++)
    {
      ObJob *other = g_ptr_array_index (queue->jobs, i);

      if (!ob_job_state_is_final (ob_job_get_state (other)) && are_in_conflict (job, other))
        return TRUE;
    }
  return FALSE;
}

static void
start_what_can (ObJobQueue *queue)
{
  g_autoptr (GPtrArray) ready = g_ptr_array_new_with_free_func (g_object_unref);
  guint n_running = 0;

  for (guint i = 0; i < queue->jobs->len; i++)
    n_running += is_under_way (g_ptr_array_index (queue->jobs, i)) ? 1 : 0;
  for (guint i = 0; i < queue->jobs->len && n_running + ready->len < MAX_RUNNING; i++)
    {
      ObJob *job = g_ptr_array_index (queue->jobs, i);

      if (ob_job_get_state (job) == OB_JOB_QUEUED && !must_wait (queue, i))
        g_ptr_array_add (ready, g_object_ref (job));
    }
  /* Handlers of "changed" may come back to the queue, so the list is not walked meanwhile. */
  for (guint i = 0; i < ready->len; i++)
    {
      ObJob *job = g_ptr_array_index (ready, i);

      if (ob_job_get_state (job) == OB_JOB_QUEUED)
        ob_job_start (job);
    }
}

static void
on_finished (ObJob *job, gpointer user_data)
{
  ObJobQueue *queue = user_data;

  save (queue, job);
  sweep (queue);
  start_what_can (queue);
}

static gint
compare_numbers (gconstpointer a, gconstpointer b)
{
  guint left = ob_job_get_number (*(ObJob *const *) a);
  guint right = ob_job_get_number (*(ObJob *const *) b);

  return left < right ? -1 : left > right;
}

static void
load_job (ObJobQueue *queue, const char *name)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ObJob) job = ob_job_load (queue->jobs_fd, name, &error);

  if (job == NULL)
    {
      g_warning ("The record of a job, %s, is left out: %s", name, error->message);
      return;
    }
  queue->last_number = MAX (queue->last_number, ob_job_get_number (job));
  if (ob_job_get_state (job) == OB_JOB_INTERRUPTED)
    save (queue, job);
  g_ptr_array_add (queue->jobs, g_steal_pointer (&job));
}

static void
load (ObJobQueue *queue)
{
  g_autoptr (GBytes) number = ob_read_file_at (queue->jobs_fd, NUMBER_FILE, 64, NULL);
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  int fd = fcntl (queue->jobs_fd, F_DUPFD_CLOEXEC, 3);
  DIR *directory = fd >= 0 ? fdopendir (fd) : NULL;

  if (number != NULL)
    queue->last_number = (guint) strtoul (g_bytes_get_data (number, NULL), NULL, 10);
  if (directory == NULL)
    {
      ob_fd_clear (&fd);
      return;
    }
  rewinddir (directory);
  for (struct dirent *entry = readdir (directory); entry != NULL; entry = readdir (directory))
    if (g_ascii_isdigit (entry->d_name[0]) && g_str_has_suffix (entry->d_name, ".json"))
      g_ptr_array_add (names, g_strdup (entry->d_name));
  closedir (directory);

  for (guint i = 0; i < names->len; i++)
    load_job (queue, g_ptr_array_index (names, i));
  g_ptr_array_sort (queue->jobs, compare_numbers);
}

static gpointer
copy_job (gconstpointer job, gpointer user_data)
{
  return g_object_ref ((gpointer) job);
}

static gboolean
on_deadline (gpointer user_data)
{
  *(gboolean *) user_data = TRUE;
  return G_SOURCE_REMOVE;
}

/* public methods */

ObJobQueue *
ob_job_queue_new (ObContext *context)
{
  ObJobQueue *queue = g_object_new (OB_TYPE_JOB_QUEUE, NULL);

  queue->jobs_fd = fcntl (context->jobs_fd, F_DUPFD_CLOEXEC, 3);
  load (queue);
  sweep (queue);
  queue->sweep_id = g_timeout_add_seconds (SWEEP_SECONDS, on_time, queue);
  return queue;
}

gboolean
ob_job_queue_add (ObJobQueue *queue, ObJob *job, GError **error)
{
  guint n_waiting = 0;

  for (guint i = 0; i < queue->jobs->len; i++)
    n_waiting += ob_job_get_state (g_ptr_array_index (queue->jobs, i)) == OB_JOB_QUEUED ? 1 : 0;
  if (n_waiting >= MAX_WAITING)
    {
      g_set_error (error, OB_ERROR, OB_ERROR_BUSY,
                   "%u jobs are waiting already; try again when some of them have ended.",
                   n_waiting);
      return FALSE;
    }

  queue->last_number++;
  save_number (queue);
  ob_job_set_number (job, queue->last_number);
  g_ptr_array_add (queue->jobs, g_object_ref (job));
  save (queue, job);
  g_signal_connect (job, "finished", G_CALLBACK (on_finished), queue);
  g_signal_emit (queue, signals[SIGNAL_ADDED], 0, job);
  sweep (queue);
  start_what_can (queue);
  return TRUE;
}

GPtrArray *
ob_job_queue_list (ObJobQueue *queue)
{
  return g_ptr_array_copy (queue->jobs, copy_job, NULL);
}

gboolean
ob_job_queue_is_busy (ObJobQueue *queue, const char *instance, const char *destination)
{
  for (guint i = 0; i < queue->jobs->len; i++)
    {
      ObJob *job = g_ptr_array_index (queue->jobs, i);

      if (ob_job_state_is_final (ob_job_get_state (job)))
        continue;
      if (instance != NULL && strcmp (ob_job_get_instance (job), instance) != 0)
        continue;
      if (destination != NULL && strcmp (ob_job_get_destination (job), destination) != 0)
        continue;
      return TRUE;
    }
  return FALSE;
}

const char *
ob_job_queue_get_problem (ObJobQueue *queue)
{
  return queue->problem;
}

void
ob_job_queue_shut_down (ObJobQueue *queue, guint seconds)
{
  g_autoptr (GPtrArray) jobs = ob_job_queue_list (queue);
  g_autoptr (GSource) deadline = g_timeout_source_new_seconds (seconds);
  gboolean over = FALSE;

  /* From the last one, so that what waits does not start when what it waits for ends. */
  for (guint i = jobs->len; i > 0; i--)
    {
      ObJob *job = g_ptr_array_index (jobs, i - 1);

      if (!ob_job_state_is_final (ob_job_get_state (job)))
        ob_job_interrupt (job);
    }
  g_source_set_callback (deadline, on_deadline, &over, NULL);
  g_source_attach (deadline, g_main_context_get_thread_default ());
  while (!over && ob_job_queue_is_busy (queue, NULL, NULL))
    g_main_context_iteration (g_main_context_get_thread_default (), TRUE);
  g_source_destroy (deadline);
}
