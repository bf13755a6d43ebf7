/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-deadline.h"

#define MILLISECOND 1000

static void
wait_for (GCancellable *cancellable)
{
  gint64 began = g_get_monotonic_time ();

  while (!g_cancellable_is_cancelled (cancellable))
    {
      g_assert_cmpint (g_get_monotonic_time () - began, <, 30 * G_USEC_PER_SEC);
      g_usleep (5 * MILLISECOND);
    }
}

static void
test_time (void)
{
  gint64 began = g_get_monotonic_time ();
  g_autoptr (ObDeadline) deadline = ob_deadline_new (300, NULL);

  g_assert_false (g_cancellable_is_cancelled (ob_deadline_get_cancellable (deadline)));
  g_assert_cmpint (ob_deadline_get_left (deadline), <=, 300 * MILLISECOND);
  wait_for (ob_deadline_get_cancellable (deadline));
  g_assert_cmpint (g_get_monotonic_time () - began, >=, 300 * MILLISECOND);
  g_assert_cmpint (ob_deadline_get_left (deadline), ==, 0);
}

/* The caller's cancellation counts as well, and is no different before and after. */
static void
test_parent (void)
{
  g_autoptr (GCancellable) parent = g_cancellable_new ();
  g_autoptr (ObDeadline) deadline = ob_deadline_new (600 * 1000, parent);
  g_autoptr (ObDeadline) late = NULL;

  g_assert_false (g_cancellable_is_cancelled (ob_deadline_get_cancellable (deadline)));
  g_cancellable_cancel (parent);
  g_assert_true (g_cancellable_is_cancelled (ob_deadline_get_cancellable (deadline)));
  g_assert_cmpint (ob_deadline_get_left (deadline), >, 0);
  late = ob_deadline_new (600 * 1000, parent);
  g_assert_true (g_cancellable_is_cancelled (ob_deadline_get_cancellable (late)));
}

/* It waits for nothing, and cancels nothing afterwards. */
static void
test_free (void)
{
  g_autoptr (GCancellable) parent = g_cancellable_new ();
  gint64 began = g_get_monotonic_time ();
  ObDeadline *deadline = ob_deadline_new (600 * 1000, parent);
  g_autoptr (GCancellable) own = g_object_ref (ob_deadline_get_cancellable (deadline));

  ob_deadline_free (deadline);
  g_assert_cmpint (g_get_monotonic_time () - began, <, 30 * G_USEC_PER_SEC);
  g_cancellable_cancel (parent);
  g_assert_false (g_cancellable_is_cancelled (own));
  ob_deadline_free (NULL);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/deadline/time", test_time);
  g_test_add_func ("/deadline/parent", test_parent);
  g_test_add_func ("/deadline/free", test_free);
  return g_test_run ();
}
