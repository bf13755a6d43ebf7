/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-clock.h"

#define OB_TYPE_SIMULATED_CLOCK (ob_simulated_clock_get_type ())
G_DECLARE_FINAL_TYPE (ObSimulatedClock, ob_simulated_clock, OB, SIMULATED_CLOCK, ObClock)

struct _ObSimulatedClock
{
  ObClock parent_instance;
  gint64 now;
  gint64 alarm;
  gboolean is_running; /* in ob_clock_advance() or ob_clock_step() */
};

G_DEFINE_FINAL_TYPE (ObSimulatedClock, ob_simulated_clock, OB_TYPE_CLOCK)

static gint64
ob_simulated_clock_now (ObClock *clock)
{
  return OB_SIMULATED_CLOCK (clock)->now;
}

static void
ob_simulated_clock_wake_at (ObClock *clock, gint64 usec)
{
  OB_SIMULATED_CLOCK (clock)->alarm = usec;
}

static void
ob_simulated_clock_class_init (ObSimulatedClockClass *class)
{
  OB_CLOCK_CLASS (class)->now = ob_simulated_clock_now;
  OB_CLOCK_CLASS (class)->wake_at = ob_simulated_clock_wake_at;
}

static void
ob_simulated_clock_init (ObSimulatedClock *self)
{
  self->alarm = OB_CLOCK_NEVER;
}

static void
run_until (ObSimulatedClock *self, gint64 to_usec)
{
  while (self->alarm != OB_CLOCK_NEVER && self->alarm <= to_usec)
    {
      self->now = MAX (self->now, self->alarm);
      self->alarm = OB_CLOCK_NEVER;
      g_signal_emit_by_name (self, "elapsed");
    }
  self->now = to_usec;
}

/* public methods */
ObClock *
ob_clock_new_simulated (gint64 start_usec)
{
  ObSimulatedClock *self = g_object_new (OB_TYPE_SIMULATED_CLOCK, NULL);

  self->now = start_usec;
  return OB_CLOCK (self);
}

void
ob_clock_advance (ObClock *clock, gint64 to_usec)
{
  g_autoptr (ObSimulatedClock) self = NULL;

  g_return_if_fail (OB_IS_SIMULATED_CLOCK (clock));
  self = g_object_ref (OB_SIMULATED_CLOCK (clock));
  g_return_if_fail (!self->is_running);
  g_return_if_fail (to_usec >= self->now);
  self->is_running = TRUE;
  run_until (self, to_usec);
  self->is_running = FALSE;
}

void
ob_clock_step (ObClock *clock, gint64 delta_usec)
{
  g_autoptr (ObSimulatedClock) self = NULL;

  g_return_if_fail (OB_IS_SIMULATED_CLOCK (clock));
  self = g_object_ref (OB_SIMULATED_CLOCK (clock));
  g_return_if_fail (!self->is_running);
  self->is_running = TRUE;
  self->now += delta_usec;
  g_signal_emit_by_name (self, "stepped");
  run_until (self, self->now);
  self->is_running = FALSE;
}
