/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-progress.h"

#include <stdatomic.h>

struct _ObProgress
{
  atomic_int references;
  ObProgressPhase phase_changed;
  ObProgressWarning warned;
  gpointer user_data;
  _Atomic (const char *) phase;
  _Atomic guint64 total;
  _Atomic guint64 done;
};

ObProgress *
ob_progress_new (ObProgressPhase phase_changed, ObProgressWarning warned, gpointer user_data)
{
  ObProgress *self = g_new0 (ObProgress, 1);

  atomic_init (&self->references, 1);
  self->phase_changed = phase_changed;
  self->warned = warned;
  self->user_data = user_data;
  atomic_init (&self->phase, g_intern_static_string (""));
  atomic_init (&self->total, 0);
  atomic_init (&self->done, 0);
  return self;
}

ObProgress *
ob_progress_ref (ObProgress *progress)
{
  if (progress != NULL)
    atomic_fetch_add (&progress->references, 1);
  return progress;
}

void
ob_progress_unref (ObProgress *progress)
{
  if (progress != NULL && atomic_fetch_sub (&progress->references, 1) == 1)
    g_free (progress);
}

void
ob_progress_set_phase (ObProgress *progress, const char *phase)
{
  const char *interned = g_intern_string (phase);

  if (progress == NULL)
    return;
  if (atomic_exchange (&progress->phase, interned) != interned && progress->phase_changed != NULL)
    progress->phase_changed (interned, progress->user_data);
}

const char *
ob_progress_get_phase (ObProgress *progress)
{
  return progress == NULL ? "" : atomic_load (&progress->phase);
}

void
ob_progress_add_total (ObProgress *progress, guint64 bytes)
{
  if (progress != NULL)
    atomic_fetch_add (&progress->total, bytes);
}

void
ob_progress_add_done (ObProgress *progress, guint64 bytes)
{
  if (progress != NULL)
    atomic_fetch_add (&progress->done, bytes);
}

guint64
ob_progress_get_total (ObProgress *progress)
{
  return progress == NULL ? 0 : atomic_load (&progress->total);
}

guint64
ob_progress_get_done (ObProgress *progress)
{
  return progress == NULL ? 0 : atomic_load (&progress->done);
}

void
ob_progress_warn (ObProgress *progress, gboolean lost, const char *format, ...)
{
  g_autofree char *message = NULL;
  va_list arguments;

  if (progress == NULL || progress->warned == NULL)
    return;
  va_start (arguments, format);
  message = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  progress->warned (message, lost, progress->user_data);
}
