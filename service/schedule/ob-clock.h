/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The time of day as an object, so that what goes by it can be tried out without waiting: a real
 * clock, and a simulated one that goes on when it is told to.
 *
 * Times are microseconds since 1970-01-01 00:00 UTC. All functions: the thread of the clock's main
 * context, or for a simulated clock one thread at a time; ob_clock_now() any thread for a real one.
 *
 * Signals, without arguments, in that thread:
 *   "elapsed"  The time of ob_clock_wake_at() has come. It is forgotten before this is emitted: who
 *              wants another one sets it, as a rule from here.
 *   "stepped"  Somebody has set the clock, or the machine has slept. What was computed from the
 *              time may be wrong now. The time of ob_clock_wake_at() still stands; where it has
 *              passed, "elapsed" follows. */
#pragma once

#include <glib-object.h>

G_BEGIN_DECLS

#define OB_CLOCK_NEVER G_MAXINT64

#define OB_TYPE_CLOCK (ob_clock_get_type ())
G_DECLARE_DERIVABLE_TYPE (ObClock, ob_clock, OB, CLOCK, GObject)

struct _ObClockClass
{
  GObjectClass parent_class;

  gint64 (*now) (ObClock *self);
  void (*wake_at) (ObClock *self, gint64 usec);
};

/* The clock of the machine. It wakes the main loop of @context, NULL for the default one, which it
 * keeps a reference on. Transfer full. Errors: FAILED where the kernel gives no timer. */
ObClock *ob_clock_new_real (GMainContext *context, GError **error);

/* A clock that shows @start_usec until it is told otherwise. Transfer full. */
ObClock *ob_clock_new_simulated (gint64 start_usec);

/* What the clock shows. */
gint64 ob_clock_now (ObClock *self);

/* Has "elapsed" emitted once the clock shows @usec or more; never from within this call, even where
 * that is so already. Replaces what was set before; OB_CLOCK_NEVER sets nothing. */
void ob_clock_wake_at (ObClock *self, gint64 usec);

/* For a simulated clock, and not from its signals: lets time pass until @to_usec, which must not be
 * before now. What is due on the way is due at its own time, in order. */
void ob_clock_advance (ObClock *self, gint64 to_usec);

/* For a simulated clock, and not from its signals: sets it by @delta_usec, which may be negative,
 * as somebody sets the clock of a machine. */
void ob_clock_step (ObClock *self, gint64 delta_usec);

G_END_DECLS
