/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-clock.h"

#include <errno.h>
#include <sys/syscall.h>

#include "broken-call.h"
#include "ob-error.h"

#define SECOND G_USEC_PER_SEC
#define DAY (G_GINT64_CONSTANT (86400) * SECOND)
#define TOLERANCE (SECOND / 10)

typedef struct
{
  ObClock *clock;
  GMainContext *context;
  GString *log; /* "e10 s5 ": what was emitted, at which second since @start */
  gint64 start;
  gint64 period;       /* an alarm sets the next one so much later; 0: it does not */
  gint64 last_elapsed; /* microseconds */
  guint elapsed;
  guint stepped;
} Fixture;

static void
on_elapsed (ObClock *clock, gpointer data)
{
  Fixture *fixture = data;

  fixture->last_elapsed = ob_clock_now (clock);
  fixture->elapsed++;
  g_string_append_printf (fixture->log, "e%" G_GINT64_FORMAT " ",
                          (fixture->last_elapsed - fixture->start) / SECOND);
  if (fixture->period != 0)
    ob_clock_wake_at (clock, fixture->last_elapsed + fixture->period);
}

static void
on_stepped (ObClock *clock, gpointer data)
{
  Fixture *fixture = data;

  fixture->stepped++;
  g_string_append_printf (fixture->log, "s%" G_GINT64_FORMAT " ",
                          (ob_clock_now (clock) - fixture->start) / SECOND);
}

static void
set_up (Fixture *fixture, ObClock *clock)
{
  g_assert_nonnull (clock);
  fixture->clock = clock;
  fixture->log = g_string_new (NULL);
  fixture->start = ob_clock_now (clock);
  g_signal_connect (clock, "elapsed", G_CALLBACK (on_elapsed), fixture);
  g_signal_connect (clock, "stepped", G_CALLBACK (on_stepped), fixture);
}

static void
set_up_simulated (Fixture *fixture, gconstpointer data)
{
  set_up (fixture, ob_clock_new_simulated (DAY));
}

/* In a context of its own, to see that it uses that one. */
static void
set_up_real (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  fixture->context = g_main_context_new ();
  set_up (fixture, ob_clock_new_real (fixture->context, &error));
  g_assert_no_error (error);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  g_signal_handlers_disconnect_by_data (fixture->clock, fixture);
  g_assert_finalize_object (fixture->clock);
  g_clear_pointer (&fixture->context, g_main_context_unref);
  g_string_free (fixture->log, TRUE);
}

/* Lets the main loop run until @count is reached, for @usec at most. */
static void
run_for (Fixture *fixture, gint64 usec, const guint *count, guint wanted)
{
  gint64 end = g_get_monotonic_time () + usec;

  while (*count < wanted && g_get_monotonic_time () < end)
    if (!g_main_context_iteration (fixture->context, FALSE))
      g_usleep (1000);
}

static void
assert_log (Fixture *fixture, const char *wanted)
{
  g_assert_cmpstr (fixture->log->str, ==, wanted);
  g_string_truncate (fixture->log, 0);
}

static void
test_simulated (Fixture *fixture, gconstpointer data)
{
  ObClock *clock = fixture->clock;

  g_assert_cmpint (ob_clock_now (clock), ==, DAY);
  ob_clock_wake_at (clock, DAY + 20 * SECOND);
  ob_clock_wake_at (clock, DAY + 10 * SECOND); /* replaces it */
  assert_log (fixture, "");
  ob_clock_advance (clock, DAY + 10 * SECOND - 1);
  assert_log (fixture, "");
  ob_clock_advance (clock, DAY + 10 * SECOND);
  assert_log (fixture, "e10 ");
  ob_clock_advance (clock, 2 * DAY);
  assert_log (fixture, "");
  g_assert_cmpint (ob_clock_now (clock), ==, 2 * DAY);

  ob_clock_wake_at (clock, DAY); /* has passed */
  assert_log (fixture, "");
  ob_clock_advance (clock, 2 * DAY);
  assert_log (fixture, "e86400 ");
  ob_clock_wake_at (clock, 2 * DAY + SECOND);
  ob_clock_wake_at (clock, OB_CLOCK_NEVER);
  ob_clock_advance (clock, 3 * DAY);
  assert_log (fixture, "");
}

static void
test_simulated_in_order (Fixture *fixture, gconstpointer data)
{
  fixture->period = 3 * SECOND;
  ob_clock_wake_at (fixture->clock, DAY + SECOND);
  ob_clock_advance (fixture->clock, DAY + 10 * SECOND);
  assert_log (fixture, "e1 e4 e7 e10 ");
  g_assert_cmpint (ob_clock_now (fixture->clock), ==, DAY + 10 * SECOND);
  ob_clock_advance (fixture->clock, DAY + 13 * SECOND);
  assert_log (fixture, "e13 ");
}

static void
test_simulated_step (Fixture *fixture, gconstpointer data)
{
  ob_clock_wake_at (fixture->clock, DAY + 10 * SECOND);
  ob_clock_step (fixture->clock, 5 * SECOND);
  assert_log (fixture, "s5 ");
  /* over the alarm: the step is told of first */
  ob_clock_step (fixture->clock, 15 * SECOND);
  assert_log (fixture, "s20 e20 ");
  ob_clock_wake_at (fixture->clock, DAY + 21 * SECOND);
  ob_clock_step (fixture->clock, -SECOND * 20);
  ob_clock_advance (fixture->clock, DAY + 20 * SECOND);
  assert_log (fixture, "s0 ");
  ob_clock_advance (fixture->clock, DAY + 21 * SECOND);
  assert_log (fixture, "e21 ");
}

static void
test_real (Fixture *fixture, gconstpointer data)
{
  gint64 wanted = g_get_real_time () + SECOND / 5;

  g_assert_cmpint (ABS (ob_clock_now (fixture->clock) - g_get_real_time ()), <, SECOND);
  ob_clock_wake_at (fixture->clock, wanted + 60 * SECOND);
  ob_clock_wake_at (fixture->clock, wanted);
  run_for (fixture, 30 * SECOND, &fixture->elapsed, 1);
  g_assert_cmpuint (fixture->elapsed, ==, 1);
  g_assert_cmpint (fixture->last_elapsed, >=, wanted);
  g_assert_cmpint (fixture->last_elapsed, <, wanted + TOLERANCE);
  /* once, and no more */
  run_for (fixture, SECOND / 5, &fixture->elapsed, 2);
  g_assert_cmpuint (fixture->elapsed, ==, 1);
  g_assert_cmpuint (fixture->stepped, ==, 0);
}

static void
test_real_passed (Fixture *fixture, gconstpointer data)
{
  static const gint64 passed[] = { G_MININT64, -SECOND, 0, 1, DAY };

  for (guint i = 0; i < G_N_ELEMENTS (passed); i++)
    {
      ob_clock_wake_at (fixture->clock, passed[i]);
      g_assert_cmpuint (fixture->elapsed, ==, i);
      run_for (fixture, 30 * SECOND, &fixture->elapsed, i + 1);
      g_assert_cmpuint (fixture->elapsed, ==, i + 1);
    }
}

static void
test_real_never (Fixture *fixture, gconstpointer data)
{
  ob_clock_wake_at (fixture->clock, g_get_real_time () + SECOND / 10);
  ob_clock_wake_at (fixture->clock, OB_CLOCK_NEVER);
  run_for (fixture, SECOND / 3, &fixture->elapsed, 1);
  ob_clock_wake_at (fixture->clock, OB_CLOCK_NEVER - 1);
  run_for (fixture, SECOND / 10, &fixture->elapsed, 1);
  g_assert_cmpuint (fixture->elapsed, ==, 0);
}

static void
test_real_repeated (Fixture *fixture, gconstpointer data)
{
  fixture->period = SECOND / 50;
  ob_clock_wake_at (fixture->clock, g_get_real_time ());
  run_for (fixture, 30 * SECOND, &fixture->elapsed, 5);
  g_assert_cmpuint (fixture->elapsed, ==, 5);
  g_assert_cmpint (g_get_real_time (), >=, fixture->start + 4 * fixture->period);
}

/* The clock of the machine is not ours to set, so the kernel is made to say that somebody did. A
 * broken call stays broken, so it says so each time. */
static void
test_real_stepped (Fixture *fixture, gconstpointer data)
{
  if (!broken_call_begin_process ())
    return;
  ob_clock_wake_at (fixture->clock, g_get_real_time () + SECOND / 20);
  broken_call (SYS_read, ECANCELED);
  run_for (fixture, 30 * SECOND, &fixture->stepped, 1);
  g_assert_cmpuint (fixture->stepped, ==, 1);
  g_assert_cmpuint (fixture->elapsed, ==, 0);
}

/* The kernel knows nothing of an alarm after that, so it has to be set anew. That it is shows where
 * this fails in its turn: there is one more step to tell of. */
static void
test_real_stepped_is_set_again (Fixture *fixture, gconstpointer data)
{
  if (!broken_call_begin_process ())
    return;
  ob_clock_wake_at (fixture->clock, 1);
  broken_call (SYS_read, ECANCELED);
  broken_call (SYS_timerfd_settime, ECANCELED);
  g_main_context_iteration (fixture->context, TRUE);
  g_assert_cmpuint (fixture->stepped, ==, 1);
  g_main_context_iteration (fixture->context, TRUE);
  g_assert_cmpuint (fixture->stepped, ==, 3);
}

/* The clock is set just as the alarm is. */
static void
test_real_stepped_late (Fixture *fixture, gconstpointer data)
{
  if (!broken_call_begin_process ())
    return;
  broken_call (SYS_timerfd_settime, ECANCELED);
  ob_clock_wake_at (fixture->clock, g_get_real_time () + DAY);
  ob_clock_wake_at (fixture->clock, g_get_real_time () + 2 * DAY);
  g_assert_cmpuint (fixture->stepped, ==, 0);
  run_for (fixture, 30 * SECOND, &fixture->stepped, 1);
  run_for (fixture, SECOND / 10, &fixture->stepped, 2);
  g_assert_cmpuint (fixture->stepped, ==, 1);
  /* and one that is not told of any more */
  ob_clock_wake_at (fixture->clock, OB_CLOCK_NEVER);
}

static void
test_real_refused (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ObClock) clock = NULL;

  if (!broken_call_begin_process ())
    return;
  broken_call (SYS_timerfd_create, EMFILE);
  clock = ob_clock_new_real (NULL, &error);
  g_assert_null (clock);
  g_assert_error (error, OB_ERROR, OB_ERROR_FAILED);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/clock/simulated", Fixture, NULL, set_up_simulated, test_simulated, tear_down);
  g_test_add ("/clock/simulated-in-order", Fixture, NULL, set_up_simulated, test_simulated_in_order,
              tear_down);
  g_test_add ("/clock/simulated-step", Fixture, NULL, set_up_simulated, test_simulated_step,
              tear_down);
  g_test_add ("/clock/real", Fixture, NULL, set_up_real, test_real, tear_down);
  g_test_add ("/clock/real-passed", Fixture, NULL, set_up_real, test_real_passed, tear_down);
  g_test_add ("/clock/real-never", Fixture, NULL, set_up_real, test_real_never, tear_down);
  g_test_add ("/clock/real-repeated", Fixture, NULL, set_up_real, test_real_repeated, tear_down);
  g_test_add ("/clock/real-stepped", Fixture, NULL, set_up_real, test_real_stepped, tear_down);
  g_test_add ("/clock/real-stepped-is-set-again", Fixture, NULL, set_up_real,
              test_real_stepped_is_set_again, tear_down);
  g_test_add ("/clock/real-stepped-late", Fixture, NULL, set_up_real, test_real_stepped_late,
              tear_down);
  g_test_add_func ("/clock/real-refused", test_real_refused);
  return g_test_run ();
}
