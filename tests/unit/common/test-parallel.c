/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-error.h"
#include "ob-parallel.h"

#define N_ITEMS 500

typedef struct
{
  gint count[N_ITEMS]; /* atomic */
  gint n_now;          /* atomic */
  gint most;           /* atomic */
  guint fails_at;
  GThread *thread;     /* atomic; of the last call */
} Seen;

static gboolean
see (guint i, gpointer user_data, GError **error)
{
  Seen *seen = user_data;
  gint now = g_atomic_int_add (&seen->n_now, 1) + 1;
  gint most;

  g_atomic_pointer_set (&seen->thread, g_thread_self ());
  while ((most = g_atomic_int_get (&seen->most)) < now
         && !g_atomic_int_compare_and_exchange (&seen->most, most, now))
    ;
  g_atomic_int_inc (&seen->count[i]);
  g_usleep (200);
  g_atomic_int_add (&seen->n_now, -1);
  if (i != seen->fails_at)
    return TRUE;
  g_set_error (error, OB_ERROR, OB_ERROR_FAILED, "Number %u failed", i);
  return FALSE;
}

static void
assert_once (const Seen *seen, guint n)
{
  for (guint i = 0; i < N_ITEMS; i++)
    g_assert_cmpint (seen->count[i], ==, i < n ? 1 : 0);
}

static void
test_several (void)
{
  Seen seen = { .fails_at = G_MAXUINT };
  g_autoptr (GError) error = NULL;

  g_assert_true (ob_parallel_run (N_ITEMS, 8, see, &seen, &error));
  g_assert_no_error (error);
  assert_once (&seen, N_ITEMS);
  g_assert_cmpint (seen.most, >, 1);
  g_assert_cmpint (seen.most, <=, 8);
}

static void
test_one (void)
{
  Seen seen = { .fails_at = G_MAXUINT };

  g_assert_true (ob_parallel_run (7, 1, see, &seen, NULL));
  assert_once (&seen, 7);
  g_assert_true (seen.thread == g_thread_self ());
  g_assert_true (ob_parallel_run (0, 8, see, &seen, NULL));
  assert_once (&seen, 7);
}

/* What comes after the first error is not begun, but for what was under way. */
static void
test_error (void)
{
  Seen seen = { .fails_at = 20 };
  g_autoptr (GError) error = NULL;
  guint n = 0;

  g_assert_false (ob_parallel_run (N_ITEMS, 4, see, &seen, &error));
  g_assert_error (error, OB_ERROR, OB_ERROR_FAILED);
  g_assert_cmpstr (error->message, ==, "Number 20 failed");
  for (guint i = 0; i < N_ITEMS; i++)
    n += (guint) seen.count[i];
  g_assert_cmpuint (n, >=, 21);
  g_assert_cmpuint (n, <, N_ITEMS);
  g_assert_cmpint (seen.n_now, ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/parallel/several", test_several);
  g_test_add_func ("/parallel/one", test_one);
  g_test_add_func ("/parallel/error", test_error);
  return g_test_run ();
}
