/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-hooks.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ob-child.h"
#include "ob-error.h"
#include "ob-event-queue.h"
#include "ob-fd.h"
#include "ob-hook-file.h"
#include "ob-io.h"

struct _ObHooks
{
  char *directory;
  guint time_limit_seconds;
  GCancellable *cancellable;
  ObEventQueue *inbox;  /* of Notice: from whoever emits to the hooks */
  char *warned;         /* why the directory was not read at last; the inbox's thread alone */
  pthread_mutex_t lock; /* over @by_name */
  GHashTable *by_name;  /* of Hook */
};

/* One program; but for its queue it belongs to the queue's thread. */
typedef struct
{
  ObHooks *hooks; /* whose it is */
  char *name;
  char *shown_name;
  char *warned; /* why it was not run at last */
  ObEventQueue *queue;
} Hook;

/* What a hook is told, made once for all. */
typedef struct
{
  gint references; /* atomic */
  ObEventKind kind;
  ObSeverity severity;
  char *json;
} Notice;

static Notice *
notice_new (const ObEvent *event)
{
  Notice *self = g_new0 (Notice, 1);

  self->references = 1;
  self->kind = ob_event_get_kind (event);
  self->severity = ob_event_get_severity (event);
  self->json = ob_event_to_json (event);
  return self;
}

static Notice *
notice_ref (Notice *self)
{
  g_atomic_int_inc (&self->references);
  return self;
}

static void
notice_unref (gpointer data)
{
  Notice *self = data;

  if (!g_atomic_int_dec_and_test (&self->references))
    return;
  g_free (self->json);
  g_free (self);
}

/* Whether @reason is another than that which was told of before. */
static gboolean
is_news (char **warned, const char *reason)
{
  if (g_strcmp0 (*warned, reason) == 0)
    return FALSE;
  g_free (*warned);
  *warned = g_strdup (reason);
  return reason != NULL;
}

/* a hook, in its own thread */

/* What the hook reads. A file, since whoever writes into a pipe would depend on a reader. -1 with
 * errno set. */
static int
make_input (const Notice *notice)
{
  ob_autofd int fd = memfd_create ("obbackup-event", MFD_CLOEXEC | MFD_ALLOW_SEALING);

  if (fd < 0 || !ob_write_full (fd, notice->json, strlen (notice->json))
      || lseek (fd, 0, SEEK_SET) != 0
      || fcntl (fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) != 0)
    return -1;
  return ob_fd_steal (&fd);
}

static char **
make_environment (const Notice *notice)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  g_autofree char *home = g_strconcat ("HOME=", g_get_home_dir (), NULL);
  g_autofree char *event
    = g_strconcat ("OBBACKUP_EVENT=", ob_event_kind_get_name (notice->kind), NULL);
  g_autofree char *severity
    = g_strconcat ("OBBACKUP_SEVERITY=", ob_severity_get_name (notice->severity), NULL);

  g_strv_builder_add_many (builder,
                           "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                           "LANG=C.UTF-8", home, event, severity, NULL);
  return g_strv_builder_end (builder);
}

static gboolean
run_program (Hook *self, const char *program, const Notice *notice, GError **error)
{
  const char *argv[] = { program, NULL };
  g_auto (GStrv) environment = make_environment (notice);
  g_autoptr (ObChild) child = NULL;
  ob_autofd int input = make_input (notice);
  const ObChildSpec spec = {
    .argv = argv,
    .environment = (const char *const *) environment,
    .stdin_fd = input,
    .stdout_fd = OB_CHILD_WITH_ERRORS,
    .grace_seconds = OB_HOOKS_GRACE_SECONDS,
  };

  if (input < 0)
    return ob_set_error_errno (error, errno, "The event cannot be written down");
  child = ob_child_start (&spec, error);
  return child != NULL
         && ob_child_wait_for (child, self->hooks->time_limit_seconds, self->hooks->cancellable,
                               error);
}

static void
tell_hook (gpointer item, gpointer user_data)
{
  Hook *self = user_data;
  const Notice *notice = item;
  const char *event = ob_event_kind_get_name (notice->kind);
  g_autoptr (GError) error = NULL;
  g_autofree char *program = ob_hook_file_resolve (self->hooks->directory, self->name, &error);

  if (is_news (&self->warned, program == NULL ? error->message : NULL))
    g_warning ("Hook %s is not run: %s", self->shown_name, error->message);
  if (program == NULL || run_program (self, program, notice, &error))
    return;
  if (g_error_matches (error, OB_ERROR, OB_ERROR_CANCELLED))
    g_warning ("Hook %s was stopped while it was told of %s, since the service ends",
               self->shown_name, event);
  else
    g_warning ("Hook %s failed when it was told of %s: %s", self->shown_name, event,
               error->message);
}

static Hook *
hook_new (ObHooks *hooks, const char *name)
{
  Hook *self = g_new0 (Hook, 1);
  g_autofree char *subject = NULL;

  self->hooks = hooks;
  self->name = g_strdup (name);
  self->shown_name = g_filename_display_name (name);
  subject = g_strconcat ("Hook ", self->shown_name, NULL);
  self->queue = ob_event_queue_new (subject, OB_HOOKS_MAX_WAITING, tell_hook, notice_unref, self);
  return self;
}

static void
hook_free (gpointer data)
{
  Hook *self = data;

  ob_event_queue_free (self->queue);
  g_free (self->warned);
  g_free (self->shown_name);
  g_free (self->name);
  g_free (self);
}

/* the inbox, in its own thread */

static GPtrArray *
list_hooks (ObHooks *self)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *reason = NULL;
  gboolean more = FALSE;
  GPtrArray *names = ob_hook_file_list (self->directory, &more, &error);

  if (names == NULL)
    reason = g_strdup (error->message);
  else if (more)
    reason = g_strdup_printf ("There are more than %d hooks in %s; only the first ones are run",
                              OB_HOOK_FILE_MAX, self->directory);
  if (is_news (&self->warned, reason))
    g_warning ("%s", reason);
  return names;
}

/* Whether a program that is no longer in the directory has nothing to do any more. */
static gboolean
is_past (gpointer key, gpointer value, gpointer user_data)
{
  return !g_ptr_array_find_with_equal_func (user_data, key, g_str_equal, NULL)
         && ob_event_queue_is_idle (((Hook *) value)->queue);
}

static void
distribute (gpointer item, gpointer user_data)
{
  ObHooks *self = user_data;
  g_autoptr (GPtrArray) names = list_hooks (self);

  if (names == NULL)
    return;
  pthread_mutex_lock (&self->lock);
  g_hash_table_foreach_remove (self->by_name, is_past, names);
  for (guint i = 0; i < names->len; i++)
    {
      Hook *hook = g_hash_table_lookup (self->by_name, g_ptr_array_index (names, i));

      if (hook == NULL)
        {
          hook = hook_new (self, g_ptr_array_index (names, i));
          g_hash_table_insert (self->by_name, hook->name, hook);
        }
      ob_event_queue_push (hook->queue, notice_ref (item));
    }
  pthread_mutex_unlock (&self->lock);
}

/* public methods */

ObHooks *
ob_hooks_new (const char *directory, guint time_limit_seconds)
{
  ObHooks *self = g_new0 (ObHooks, 1);
  g_autofree char *here = g_get_current_dir ();

  self->directory = g_path_is_absolute (directory) ? g_strdup (directory)
                                                   : g_build_filename (here, directory, NULL);
  self->time_limit_seconds = MAX (1, time_limit_seconds);
  self->cancellable = g_cancellable_new ();
  pthread_mutex_init (&self->lock, NULL);
  self->by_name = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, hook_free);
  self->inbox = ob_event_queue_new ("The directory of hooks", OB_HOOKS_MAX_WAITING, distribute,
                                    notice_unref, self);
  return self;
}

void
ob_hooks_emit (ObHooks *hooks, const ObEvent *event)
{
  ob_event_queue_push (hooks->inbox, notice_new (event));
}

gboolean
ob_hooks_drain (ObHooks *hooks, guint seconds)
{
  gint64 deadline = g_get_monotonic_time () + (gint64) seconds * G_USEC_PER_SEC;
  gboolean drained = ob_event_queue_wait (hooks->inbox, deadline);
  GHashTableIter iter;
  gpointer hook;

  pthread_mutex_lock (&hooks->lock);
  g_hash_table_iter_init (&iter, hooks->by_name);
  while (drained && g_hash_table_iter_next (&iter, NULL, &hook))
    drained = ob_event_queue_wait (((Hook *) hook)->queue, deadline);
  pthread_mutex_unlock (&hooks->lock);
  return drained;
}

void
ob_hooks_free (ObHooks *hooks)
{
  GHashTableIter iter;
  gpointer hook;

  if (hooks == NULL)
    return;
  ob_event_queue_free (hooks->inbox);
  /* None begins with another event once it is stopped. */
  g_hash_table_iter_init (&iter, hooks->by_name);
  while (g_hash_table_iter_next (&iter, NULL, &hook))
    ob_event_queue_close (((Hook *) hook)->queue);
  g_cancellable_cancel (hooks->cancellable);
  g_hash_table_unref (hooks->by_name);
  pthread_mutex_destroy (&hooks->lock);
  g_object_unref (hooks->cancellable);
  g_free (hooks->warned);
  g_free (hooks->directory);
  g_free (hooks);
}
