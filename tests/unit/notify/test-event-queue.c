/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-event-queue.h"

#include <pthread.h>
#include <string.h>

#include "log-fixture.h"

#define MAX_ITEMS 5

/* Handles items only while the gate is open, and writes them down. */
typedef struct
{
  pthread_mutex_t gate;
  GString *handled;
  gint begun; /* atomic */
  gint freed; /* atomic */
  ObEventQueue *queue;
} Test;

static Test *current; /* for the function that frees, which knows the item alone */

static void
handle (gpointer item, gpointer user_data)
{
  Test *test = user_data;

  g_atomic_int_inc (&test->begun);
  pthread_mutex_lock (&test->gate);
  g_string_append_printf (test->handled, "%s ", (const char *) item);
  pthread_mutex_unlock (&test->gate);
}

static void
free_item (gpointer item)
{
  g_atomic_int_inc (&current->freed);
  g_free (item);
}

static void
set_up (Test *test, gconstpointer data)
{
  current = test;
  pthread_mutex_init (&test->gate, NULL);
  test->handled = g_string_new (NULL);
  test->queue = ob_event_queue_new ("Hook test", MAX_ITEMS, handle, free_item, test);
}

static void
tear_down (Test *test, gconstpointer data)
{
  ob_event_queue_free (test->queue);
  g_string_free (test->handled, TRUE);
  pthread_mutex_destroy (&test->gate);
}

static void
push (Test *test, guint from, guint to)
{
  for (guint i = from; i <= to; i++)
    ob_event_queue_push (test->queue, g_strdup_printf ("%u", i));
}

static gint64
in_seconds (guint seconds)
{
  return g_get_monotonic_time () + seconds * G_USEC_PER_SEC;
}

/* Until the first item is at work, and so no longer waits. */
static void
push_first (Test *test)
{
  gint64 deadline = in_seconds (60);

  push (test, 0, 0);
  while (g_atomic_int_get (&test->begun) == 0)
    {
      g_assert_cmpint (g_get_monotonic_time (), <, deadline);
      g_usleep (1000);
    }
}

static void
test_order (Test *test, gconstpointer data)
{
  g_autofree char *log = NULL;

  g_assert_true (ob_event_queue_is_idle (test->queue));
  g_assert_true (ob_event_queue_wait (test->queue, 0));
  push (test, 1, MAX_ITEMS);
  g_assert_true (ob_event_queue_wait (test->queue, in_seconds (60)));
  g_assert_true (ob_event_queue_is_idle (test->queue));
  g_assert_cmpstr (test->handled->str, ==, "1 2 3 4 5 ");
  g_assert_cmpint (g_atomic_int_get (&test->freed), ==, MAX_ITEMS);
  log = log_fixture_take ();
  g_assert_cmpstr (log, ==, "");
}

static void
test_wait_is_limited (Test *test, gconstpointer data)
{
  pthread_mutex_lock (&test->gate);
  push (test, 1, 2);
  g_assert_false (ob_event_queue_wait (test->queue, g_get_monotonic_time () + 50 * 1000));
  g_assert_false (ob_event_queue_is_idle (test->queue));
  pthread_mutex_unlock (&test->gate);
  g_assert_true (ob_event_queue_wait (test->queue, in_seconds (60)));
}

static void
test_overflow (Test *test, gconstpointer data)
{
  g_autofree char *log = NULL;

  pthread_mutex_lock (&test->gate);
  push_first (test);
  push (test, 1, MAX_ITEMS + 3);
  pthread_mutex_unlock (&test->gate);
  g_assert_true (ob_event_queue_wait (test->queue, in_seconds (60)));
  g_assert_cmpstr (test->handled->str, ==, "0 4 5 6 7 8 ");
  log_fixture_wait_for ("caught up");
  log = log_fixture_take ();
  g_assert_cmpstr (log, ==,
                   "Hook test is too slow: 5 events wait for it, and the oldest are dropped from "
                   "now on\nHook test has caught up; it was not told of 3 events\n");
}

static void
test_free_while_at_work (Test *test, gconstpointer data)
{
  g_autofree char *log = NULL;

  pthread_mutex_lock (&test->gate);
  push_first (test);
  push (test, 1, 3);
  ob_event_queue_close (test->queue);
  push (test, 4, 4);
  pthread_mutex_unlock (&test->gate);
  ob_event_queue_free (g_steal_pointer (&test->queue));
  g_assert_cmpstr (test->handled->str, ==, "0 ");
  g_assert_cmpint (g_atomic_int_get (&test->freed), ==, 5);
  log = log_fixture_take ();
  g_assert_cmpstr (log, ==, "Hook test was not told of 4 events, since the service ends\n");
}

#define ADD(path, func) g_test_add (path, Test, NULL, set_up, func, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  log_fixture_begin ();
  ADD ("/event-queue/order", test_order);
  ADD ("/event-queue/wait-is-limited", test_wait_is_limited);
  ADD ("/event-queue/overflow", test_overflow);
  ADD ("/event-queue/free-while-at-work", test_free_while_at_work);
  return g_test_run ();
}
