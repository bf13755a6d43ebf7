/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-job-waiting.h"

#include <pthread.h>

#define WORTH_A_WORD G_USEC_PER_SEC

struct _ObJobWaiting
{
  pthread_mutex_t mutex;
  GPtrArray *destinations; /* of ObDestination; guarded */

  /* The main context's own. */
  gboolean ended;
  char *text;
  gint64 since;
};

/* internal methods */

static gpointer
copy_destination (gconstpointer destination, gpointer user_data)
{
  return ob_destination_ref ((ObDestination *) destination);
}

static GPtrArray *
copy_all (GPtrArray *destinations)
{
  GPtrArray *copy = g_ptr_array_copy (destinations, copy_destination, NULL);

  g_ptr_array_set_free_func (copy, (GDestroyNotify) ob_destination_unref);
  return copy;
}

/* A copy, so that none is asked with the lock held. */
static GPtrArray *
list_destinations (ObJobWaiting *self)
{
  GPtrArray *destinations;

  pthread_mutex_lock (&self->mutex);
  destinations = copy_all (self->destinations);
  pthread_mutex_unlock (&self->mutex);
  return destinations;
}

/* What is waited for. *@since: monotonic time. */
static char *
find (ObJobWaiting *self, gint64 *since)
{
  g_autoptr (GPtrArray) destinations = list_destinations (self);
  char *text = NULL;

  for (guint i = 0; text == NULL && i < destinations->len; i++)
    text = ob_destination_get_waiting (g_ptr_array_index (destinations, i), since);
  return text;
}

static gboolean
change (ObJobWaiting *self, const char *text, gint64 since)
{
  gboolean changed = g_strcmp0 (text, self->text) != 0;

  if (text == NULL)
    self->since = 0;
  else if (self->text == NULL)
    self->since = since;
  if (changed)
    {
      g_free (self->text);
      self->text = g_strdup (text);
    }
  return changed;
}

/* public methods */

ObJobWaiting *
ob_job_waiting_new (void)
{
  ObJobWaiting *self = g_new0 (ObJobWaiting, 1);

  pthread_mutex_init (&self->mutex, NULL);
  self->destinations = g_ptr_array_new_with_free_func ((GDestroyNotify) ob_destination_unref);
  return self;
}

void
ob_job_waiting_free (ObJobWaiting *waiting)
{
  if (waiting == NULL)
    return;
  g_ptr_array_unref (waiting->destinations);
  pthread_mutex_destroy (&waiting->mutex);
  g_free (waiting->text);
  g_free (waiting);
}

void
ob_job_waiting_watch (ObJobWaiting *waiting, GPtrArray *destinations)
{
  g_autoptr (GPtrArray) former = copy_all (destinations);
  GPtrArray *wanted = former;

  pthread_mutex_lock (&waiting->mutex);
  former = waiting->destinations;
  waiting->destinations = wanted;
  pthread_mutex_unlock (&waiting->mutex);
}

gboolean
ob_job_waiting_look (ObJobWaiting *waiting)
{
  gint64 began = 0;
  g_autofree char *text = waiting->ended ? NULL : find (waiting, &began);
  gint64 elapsed = g_get_monotonic_time () - began;

  if (text != NULL && elapsed < WORTH_A_WORD)
    return change (waiting, NULL, 0);
  return change (waiting, text, (g_get_real_time () - elapsed) / G_USEC_PER_SEC);
}

void
ob_job_waiting_end (ObJobWaiting *waiting)
{
  waiting->ended = TRUE;
  change (waiting, NULL, 0);
}

const char *
ob_job_waiting_get_text (ObJobWaiting *waiting)
{
  return waiting->text;
}

gint64
ob_job_waiting_get_since (ObJobWaiting *waiting)
{
  return waiting->since;
}
