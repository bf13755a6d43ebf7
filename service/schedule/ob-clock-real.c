/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-clock.h"

#include <errno.h>
#include <glib-unix.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "ob-error.h"
#include "ob-fd.h"

/* The year 2262, which no clock gets to: the kernel counts nanoseconds in 64 bits. A timer that is
 * not set would not notice that the clock is. */
#define FAR_AWAY (G_MAXINT64 / 1000)

#define OB_TYPE_REAL_CLOCK (ob_real_clock_get_type ())
G_DECLARE_FINAL_TYPE (ObRealClock, ob_real_clock, OB, REAL_CLOCK, ObClock)

struct _ObRealClock
{
  ObClock parent_instance;
  GMainContext *context;
  GSource *timer; /* waits for @fd */
  GSource *step;  /* emits "stepped" from the main loop; NULL: it was not needed */
  int fd;
  gint64 alarm;
};

G_DEFINE_FINAL_TYPE (ObRealClock, ob_real_clock, OB_TYPE_CLOCK)

static void
destroy_source (GSource **source)
{
  if (*source != NULL)
    g_source_destroy (*source);
  g_clear_pointer (source, g_source_unref);
}

static gboolean
on_late_step (gpointer data)
{
  ObRealClock *self = data;

  g_clear_pointer (&self->step, g_source_unref);
  g_signal_emit_by_name (self, "stepped");
  return G_SOURCE_REMOVE;
}

/* Sets the timer, which stays set where the kernel says that the clock was set meanwhile. */
static void
set_timer (ObRealClock *self)
{
  gint64 usec = CLAMP (self->alarm, 1, FAR_AWAY);
  struct itimerspec when
    = { .it_value = { .tv_sec = usec / G_USEC_PER_SEC, .tv_nsec = usec % G_USEC_PER_SEC * 1000 } };

  if (timerfd_settime (self->fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &when, NULL) == 0)
    return;
  if (errno != ECANCELED)
    {
      /* It takes any time, so there is no way to get here. */
      g_critical ("The timer of the clock cannot be set: %s", g_strerror (errno));
      return;
    }
  if (self->step != NULL)
    return;
  self->step = g_idle_source_new ();
  g_source_set_priority (self->step, G_PRIORITY_DEFAULT);
  g_source_set_callback (self->step, on_late_step, self, NULL);
  g_source_attach (self->step, self->context);
}

static gboolean
on_timer (int fd, GIOCondition condition, gpointer data)
{
  g_autoptr (ObRealClock) self = g_object_ref (data);
  guint64 count;
  gssize got = read (fd, &count, sizeof count);

  if (got == sizeof count)
    {
      self->alarm = OB_CLOCK_NEVER;
      set_timer (self);
      g_signal_emit_by_name (self, "elapsed");
    }
  else if (got < 0 && errno == ECANCELED)
    {
      /* The kernel has forgotten whether the alarm was due. */
      set_timer (self);
      g_signal_emit_by_name (self, "stepped");
    }
  return G_SOURCE_CONTINUE;
}

static gint64
ob_real_clock_now (ObClock *clock)
{
  return g_get_real_time ();
}

static void
ob_real_clock_wake_at (ObClock *clock, gint64 usec)
{
  ObRealClock *self = OB_REAL_CLOCK (clock);

  self->alarm = usec;
  set_timer (self);
}

static void
ob_real_clock_finalize (GObject *object)
{
  ObRealClock *self = OB_REAL_CLOCK (object);

  destroy_source (&self->timer);
  destroy_source (&self->step);
  ob_fd_clear (&self->fd);
  g_clear_pointer (&self->context, g_main_context_unref);
  G_OBJECT_CLASS (ob_real_clock_parent_class)->finalize (object);
}

static void
ob_real_clock_class_init (ObRealClockClass *class)
{
  G_OBJECT_CLASS (class)->finalize = ob_real_clock_finalize;
  OB_CLOCK_CLASS (class)->now = ob_real_clock_now;
  OB_CLOCK_CLASS (class)->wake_at = ob_real_clock_wake_at;
}

static void
ob_real_clock_init (ObRealClock *self)
{
  self->fd = -1;
  self->alarm = OB_CLOCK_NEVER;
}

/* public methods */
ObClock *
ob_clock_new_real (GMainContext *context, GError **error)
{
  g_autoptr (ObRealClock) self = g_object_new (OB_TYPE_REAL_CLOCK, NULL);

  self->fd = timerfd_create (CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
  if (self->fd < 0)
    {
      g_set_error (error, OB_ERROR, OB_ERROR_FAILED,
                   "The kernel gives no timer for the clock: %s; nothing can be run at its time",
                   g_strerror (errno));
      return NULL;
    }
  self->context = g_main_context_ref (context != NULL ? context : g_main_context_default ());
  self->timer = g_unix_fd_source_new (self->fd, G_IO_IN);
  g_source_set_callback (self->timer, G_SOURCE_FUNC (on_timer), self, NULL);
  g_source_attach (self->timer, self->context);
  set_timer (self);
  return OB_CLOCK (g_steal_pointer (&self));
}
