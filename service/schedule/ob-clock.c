/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-clock.h"

G_DEFINE_ABSTRACT_TYPE (ObClock, ob_clock, G_TYPE_OBJECT)

static void
ob_clock_class_init (ObClockClass *class)
{
  g_signal_new ("elapsed", OB_TYPE_CLOCK, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  g_signal_new ("stepped", OB_TYPE_CLOCK, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void
ob_clock_init (ObClock *self)
{
}

/* public methods */
gint64
ob_clock_now (ObClock *self)
{
  g_return_val_if_fail (OB_IS_CLOCK (self), 0);
  return OB_CLOCK_GET_CLASS (self)->now (self);
}

void
ob_clock_wake_at (ObClock *self, gint64 usec)
{
  g_return_if_fail (OB_IS_CLOCK (self));
  OB_CLOCK_GET_CLASS (self)->wake_at (self, usec);
}
