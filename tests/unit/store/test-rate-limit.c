/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-rate-limit.h"

#include <glib/gstdio.h>

#include "ob-local-store.h"

#define N_THREADS 4

static void
test_parse (void)
{
  static const struct
  {
    const char *text;
    guint64 rate; /* 0: refused */
  } cases[] = {
    { "1000", 1000 },  { "500K", 500000 }, { "10m", 10000000 }, { "2G", 2000000000 },
    { "999", 0 },      { "0", 0 },         { "", 0 },           { "-1M", 0 },
    { "10MB", 0 },     { "10 M", 0 },      { "M", 0 },          { "1T", 0 },
    { "18446744073709551616", 0 },
    { "4294967295G", G_GUINT64_CONSTANT (4294967295000000000) },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      guint64 rate = 0;

      g_test_message ("%s", cases[i].text);
      g_assert_true (ob_rate_limit_parse (cases[i].text, &rate) == (cases[i].rate > 0));
      if (cases[i].rate > 0)
        g_assert_cmpuint (rate, ==, cases[i].rate);
    }
}

static gpointer
pass_five (gpointer limit)
{
  for (guint i = 0; i < 5; i++)
    ob_rate_limit_wait (limit, 100000, NULL);
  return NULL;
}

/* 2 MB at 2 MB/s, whatever number of threads; the last of the twenty waits for the nineteen
 * before. */
static void
test_threads (void)
{
  g_autoptr (ObRateLimit) limit = ob_rate_limit_new (2000000);
  GThread *threads[N_THREADS];
  gint64 began = g_get_monotonic_time (), took = 0;

  for (guint i = 0; i < N_THREADS; i++)
    threads[i] = g_thread_new (NULL, pass_five, limit);
  for (guint i = 0; i < N_THREADS; i++)
    g_thread_join (threads[i]);
  took = g_get_monotonic_time () - began;
  g_assert_cmpint (took, >=, 950000);
  g_assert_cmpint (took, <, 3 * G_USEC_PER_SEC);
}

static gpointer
cancel (gpointer cancellable)
{
  g_usleep (100000);
  g_cancellable_cancel (cancellable);
  return NULL;
}

static void
test_cancelled (void)
{
  g_autoptr (ObRateLimit) limit = ob_rate_limit_new (1000);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  GThread *thread = g_thread_new (NULL, cancel, cancellable);
  gint64 began = g_get_monotonic_time ();

  ob_rate_limit_wait (limit, 1000000, cancellable);
  ob_rate_limit_wait (limit, 1, cancellable);
  g_assert_cmpint (g_get_monotonic_time () - began, <, 5 * G_USEC_PER_SEC);
  g_thread_join (thread);
}

/* What is put and what is read count; without a limit nothing waits. */
static void
test_store (void)
{
  g_autofree char *directory = g_dir_make_tmp ("ob-rate-XXXXXX", NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (ObStore) store = ob_local_store_new (directory, FALSE, &error);
  g_autofree char *data = g_malloc0 (400000);
  const struct iovec part = { data, 400000 };
  g_autofree char *file = g_build_filename (directory, "config", NULL);
  gint64 began = g_get_monotonic_time ();

  g_assert_no_error (error);
  ob_store_set_rate (store, 1000000);
  ob_store_put (store, "config", &part, 1, OB_STORE_PUT_NONE, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpint (ob_store_read (store, "config", 0, data, 400000, NULL, &error), ==, 400000);
  g_assert_cmpint (g_get_monotonic_time () - began, >=, 380000);
  ob_store_set_rate (store, 0);
  began = g_get_monotonic_time ();
  for (guint i = 0; i < 10; i++)
    g_assert_cmpint (ob_store_read (store, "config", 0, data, 400000, NULL, &error), ==, 400000);
  g_assert_cmpint (g_get_monotonic_time () - began, <, G_USEC_PER_SEC);
  g_unlink (file);
  g_rmdir (directory);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/rate-limit/parse", test_parse);
  g_test_add_func ("/rate-limit/threads", test_threads);
  g_test_add_func ("/rate-limit/cancelled", test_cancelled);
  g_test_add_func ("/rate-limit/store", test_store);
  return g_test_run ();
}
