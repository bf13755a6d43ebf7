/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-progress.h"

#include <string.h>

#define THREADS 4
#define ROUNDS 20000

typedef struct
{
  guint phases;
  const char *phase;
  guint warnings;
  gboolean lost;
  char *message;
} Heard;

static void
hear_phase (const char *phase, gpointer user_data)
{
  Heard *heard = user_data;

  heard->phases++;
  heard->phase = phase;
}

static void
hear_warning (const char *message, gboolean lost, gpointer user_data)
{
  Heard *heard = user_data;

  heard->warnings++;
  heard->lost = lost;
  g_free (heard->message);
  heard->message = g_strdup (message);
}

static void
test_callbacks (void)
{
  Heard heard = { 0 };
  g_autoptr (ObProgress) progress = ob_progress_new (hear_phase, hear_warning, &heard);
  g_autofree char *phase = g_strdup ("files");

  g_assert_cmpstr (ob_progress_get_phase (progress), ==, "");
  ob_progress_set_phase (progress, phase);
  g_assert_cmpuint (heard.phases, ==, 1);
  /* Interned: our own copy may go. */
  g_assert_true (heard.phase == g_intern_string ("files"));
  memset (phase, 'x', strlen (phase));
  g_assert_cmpstr (ob_progress_get_phase (progress), ==, "files");
  /* The same again is no change. */
  ob_progress_set_phase (progress, "files");
  g_assert_cmpuint (heard.phases, ==, 1);
  ob_progress_set_phase (progress, "database");
  g_assert_cmpuint (heard.phases, ==, 2);

  ob_progress_warn (progress, TRUE, "%s is %d bytes short", "a", 3);
  g_assert_cmpuint (heard.warnings, ==, 1);
  g_assert_true (heard.lost);
  g_assert_cmpstr (heard.message, ==, "a is 3 bytes short");
  ob_progress_warn (progress, FALSE, "100%%");
  g_assert_false (heard.lost);
  g_assert_cmpstr (heard.message, ==, "100%");
  g_free (heard.message);
}

static void
test_null (void)
{
  g_autoptr (ObProgress) mute = ob_progress_new (NULL, NULL, NULL);

  ob_progress_set_phase (mute, "files");
  ob_progress_warn (mute, TRUE, "nobody hears");

  ob_progress_set_phase (NULL, "files");
  ob_progress_add_total (NULL, 1);
  ob_progress_add_done (NULL, 1);
  ob_progress_warn (NULL, TRUE, "nobody hears");
  g_assert_cmpuint (ob_progress_get_total (NULL), ==, 0);
  g_assert_cmpuint (ob_progress_get_done (NULL), ==, 0);
  g_assert_cmpstr (ob_progress_get_phase (NULL), ==, "");
}

static gpointer
count (gpointer data)
{
  g_autoptr (ObProgress) progress = data;

  for (guint i = 0; i < ROUNDS; i++)
    {
      ob_progress_add_total (progress, 3);
      ob_progress_add_done (progress, 2);
      ob_progress_set_phase (progress, i % 2 == 0 ? "files" : "database");
    }
  return NULL;
}

static void
test_threads (void)
{
  g_autoptr (ObProgress) progress = ob_progress_new (NULL, NULL, NULL);
  GThread *threads[THREADS];

  for (guint i = 0; i < THREADS; i++)
    threads[i] = g_thread_new ("count", count, ob_progress_ref (progress));
  for (guint i = 0; i < THREADS; i++)
    g_thread_join (threads[i]);
  g_assert_cmpuint (ob_progress_get_total (progress), ==, 3 * THREADS * ROUNDS);
  g_assert_cmpuint (ob_progress_get_done (progress), ==, 2 * THREADS * ROUNDS);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/progress/callbacks", test_callbacks);
  g_test_add_func ("/progress/null", test_null);
  g_test_add_func ("/progress/threads", test_threads);
  return g_test_run ();
}
