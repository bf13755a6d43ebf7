/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-rate-limit.h"

#include <pthread.h>
#include <string.h>

#define LEAST_RATE 1000
/* Whoever cancels does not wait longer than this. */
#define SLICE (50 * 1000)

struct _ObRateLimit
{
  guint64 rate;
  pthread_mutex_t mutex;
  gint64 free_at; /* of g_get_monotonic_time(): when what was let through has had its time */
};

/* public methods */

ObRateLimit *
ob_rate_limit_new (guint64 rate)
{
  ObRateLimit *self = g_new0 (ObRateLimit, 1);

  self->rate = rate;
  pthread_mutex_init (&self->mutex, NULL);
  return self;
}

void
ob_rate_limit_free (ObRateLimit *self)
{
  if (self == NULL)
    return;
  pthread_mutex_destroy (&self->mutex);
  g_free (self);
}

void
ob_rate_limit_wait (ObRateLimit *self, guint64 bytes, GCancellable *cancellable)
{
  gint64 turn = 0, left = 0;

  pthread_mutex_lock (&self->mutex);
  turn = MAX (self->free_at, g_get_monotonic_time ());
  self->free_at = turn + (gint64) ((double) bytes / (double) self->rate * G_USEC_PER_SEC);
  pthread_mutex_unlock (&self->mutex);
  for (left = turn - g_get_monotonic_time (); left > 0; left = turn - g_get_monotonic_time ())
    {
      if (g_cancellable_is_cancelled (cancellable))
        return;
      g_usleep ((gulong) MIN (left, SLICE));
    }
}

gboolean
ob_rate_limit_parse (const char *text, guint64 *rate)
{
  static const char units[] = "KMG";
  char *end = NULL;
  guint64 number = g_ascii_isdigit (*text) ? g_ascii_strtoull (text, &end, 10) : 0;
  const char *unit = NULL;

  if (end == NULL || number > G_MAXUINT32)
    return FALSE;
  if (*end != '\0')
    {
      unit = strchr (units, g_ascii_toupper (*end));
      if (unit == NULL || end[1] != '\0')
        return FALSE;
      for (const char *c = units; c <= unit; c++)
        number *= 1000;
    }
  *rate = number;
  return number >= LEAST_RATE;
}
