/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The file of a lock: what it says, and when it is stale. */
#include "ob-lock-file.h"

#include <string.h>
#include <unistd.h>

#include "core-fixture.h"
#include "ob-host.h"

static ObLockFile *
reparse (const ObLockFile *file)
{
  g_autofree char *text = ob_lock_file_to_json (file);
  g_autoptr (GError) error = NULL;
  ObLockFile *back = ob_lock_file_from_json (text, strlen (text), &error);

  g_assert_no_error (error);
  return back;
}

static void
test_file (void)
{
  g_autoptr (ObLockFile) file = ob_lock_file_new (TRUE);
  g_autoptr (ObLockFile) back = reparse (file);
  static const char restic_text[]
    = "{\"time\":\"2015-06-27T12:18:51.759239612+02:00\",\"exclusive\":false,"
      "\"hostname\":\"kasimir\",\"username\":\"fd0\",\"pid\":13607,\"uid\":1000,\"gid\":100}";
  g_autoptr (ObLockFile) restic = NULL;
  g_autofree char *holder = NULL;

  g_assert_cmpint (back->time.tv_sec, ==, file->time.tv_sec);
  g_assert_cmpint (back->time.tv_nsec, ==, file->time.tv_nsec);
  g_assert_true (back->exclusive);
  g_assert_cmpstr (back->hostname, ==, file->hostname);
  g_assert_cmpint (back->pid, ==, getpid ());
  g_assert_cmpstr (back->boot_id, ==, file->boot_id);
  g_assert_cmpuint (back->process_start, ==, file->process_start);
  g_assert_cmpuint (back->process_start, >, 0);

  restic = ob_lock_file_from_json (restic_text, strlen (restic_text), NULL);
  g_assert_cmpint (restic->time.tv_sec, ==, 1435400331);
  g_assert_false (restic->exclusive);
  g_assert_cmpuint (restic->uid, ==, 1000);
  g_assert_cmpstr (restic->boot_id, ==, "");
  holder = ob_lock_file_describe_holder (restic);
  g_assert_cmpstr (holder, ==, "fd0 on kasimir (process 13607)");
}

static void
test_file_mutations (void)
{
  g_autoptr (ObLockFile) file = ob_lock_file_new (TRUE);
  g_autofree char *text = ob_lock_file_to_json (file);
  struct timespec now;

  clock_gettime (CLOCK_REALTIME, &now);
  for (guint i = 0; i < 50000; i++)
    {
      g_autoptr (GBytes) bytes = core_mutate (text, strlen (text));
      g_autoptr (GError) error = NULL;
      g_autoptr (ObLockFile) back = NULL;

      back = ob_lock_file_from_json (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes),
                                     &error);
      g_assert_true ((back == NULL) == (error != NULL));
      if (back != NULL)
        g_free (ob_lock_file_describe_age (back, &now));
    }
}

typedef struct
{
  guint age_minutes;
  gboolean is_restic;    /* has nothing of ours in it */
  gboolean other_host;
  gboolean other_boot;
  gboolean before_boot;  /* last refreshed a minute before this machine was started */
  gboolean in_future;    /* by a year, as our clock has it now */
  gboolean other_machine;
  gboolean other_namespace;
  gboolean other_start;  /* the number is used again */
  gboolean dead;
  gboolean is_stale;
} StaleCase;

static const StaleCase stale_cases[] = {
  { .age_minutes = 0, .is_stale = FALSE },
  { .age_minutes = 29, .is_stale = FALSE },
  { .age_minutes = 31, .is_stale = TRUE },
  { .age_minutes = 31, .other_host = TRUE, .is_stale = TRUE },
  { .age_minutes = 0, .dead = TRUE, .is_stale = TRUE },
  { .age_minutes = 0, .other_start = TRUE, .is_stale = TRUE },
  /* What another kernel or a container wrote says nothing about the processes seen here. */
  { .age_minutes = 0, .dead = TRUE, .other_boot = TRUE, .is_stale = FALSE },
  { .age_minutes = 20, .dead = TRUE, .other_boot = TRUE, .is_stale = FALSE },
  { .age_minutes = 20, .dead = TRUE, .other_namespace = TRUE, .is_stale = FALSE },
  /* An earlier boot of this machine; but not of another one, nor one refreshed since. */
  { .age_minutes = 8, .other_boot = TRUE, .before_boot = TRUE, .is_stale = TRUE },
  { .age_minutes = 8, .other_boot = TRUE, .before_boot = TRUE, .other_host = TRUE },
  { .age_minutes = 8, .other_boot = TRUE, .before_boot = TRUE, .other_machine = TRUE },
  { .age_minutes = 8, .before_boot = TRUE, .is_stale = FALSE },
  /* A copy of this machine, with its id and its name, refreshed its lock a minute before we were
   * started: whether it lives shows when it should have done so again. */
  { .age_minutes = 1, .other_boot = TRUE, .before_boot = TRUE, .is_stale = FALSE },
  { .age_minutes = 5, .other_boot = TRUE, .before_boot = TRUE, .is_stale = FALSE },
  { .age_minutes = 7, .other_boot = TRUE, .before_boot = TRUE, .is_stale = TRUE },
  /* The clock was wrong when it was written; that of another host may differ a little. */
  { .in_future = TRUE, .other_boot = TRUE, .is_stale = TRUE },
  { .in_future = TRUE, .is_stale = FALSE },
  { .in_future = TRUE, .other_boot = TRUE, .other_host = TRUE, .is_stale = FALSE },
  { .in_future = TRUE, .other_boot = TRUE, .other_machine = TRUE, .is_stale = FALSE },
  /* restic's own: a missing process and two missing refreshes. */
  { .age_minutes = 0, .is_restic = TRUE, .dead = TRUE, .is_stale = FALSE },
  { .age_minutes = 11, .is_restic = TRUE, .dead = TRUE, .is_stale = FALSE },
  { .age_minutes = 13, .is_restic = TRUE, .dead = TRUE, .is_stale = TRUE },
  { .age_minutes = 13, .is_restic = TRUE, .is_stale = FALSE },
  { .age_minutes = 13, .is_restic = TRUE, .dead = TRUE, .other_host = TRUE, .is_stale = FALSE },
  { .age_minutes = 31, .is_restic = TRUE, .other_host = TRUE, .is_stale = TRUE },
};

static void
set_string (char **string, const char *value)
{
  g_free (*string);
  *string = g_strdup (value);
}

static void
test_stale (void)
{
  pid_t dead_pid = core_get_dead_pid ();

  for (gsize i = 0; i < G_N_ELEMENTS (stale_cases); i++)
    {
      const StaleCase *c = &stale_cases[i];
      g_autoptr (ObLockFile) file = ob_lock_file_new (FALSE);
      struct timespec now = file->time;

      if (c->before_boot)
        file->time.tv_sec = ob_host_get_boot_time () - 60;
      if (c->before_boot)
        now.tv_sec = file->time.tv_sec;
      now.tv_sec += 60 * c->age_minutes;
      /* The machine that this runs on may have been started just now. */
      if (c->in_future)
        now.tv_sec = ob_host_get_boot_time () + 600;
      if (c->in_future)
        file->time.tv_sec = now.tv_sec + 365 * 24 * 60 * 60;
      if (c->other_machine)
        set_string (&file->machine, "another");
      if (c->dead)
        file->pid = dead_pid;
      if (c->other_host)
        set_string (&file->hostname, "another");
      if (c->other_boot)
        set_string (&file->boot_id, "00000000-0000-0000-0000-000000000000");
      if (c->other_namespace)
        set_string (&file->pid_namespace, "pid:[1]");
      if (c->other_start)
        file->process_start--;
      if (c->is_restic)
        {
          set_string (&file->machine, "");
          set_string (&file->boot_id, "");
          set_string (&file->pid_namespace, "");
          file->process_start = 0;
        }
      if (ob_lock_file_is_stale (file, &now) != c->is_stale)
        g_error ("case %zu", i);
    }
}

/* A process that has ended while its parent has not looked still has its number. */
static void
test_zombie (void)
{
  guint64 start = ob_host_get_process_start (getpid ());
  gint64 deadline = g_get_monotonic_time () + 60 * G_USEC_PER_SEC;
  pid_t pid = fork ();

  if (pid == 0)
    _exit (0);
  g_assert_cmpint (pid, >, 0);
  while (!ob_host_process_has_ended (pid, 0) && g_get_monotonic_time () < deadline)
    g_usleep (1000);
  g_assert_true (ob_host_process_has_ended (pid, 0));
  g_assert_false (ob_host_process_has_ended (getpid (), start));
  g_assert_false (ob_host_process_has_ended (getpid (), 0));
  g_assert_true (ob_host_process_has_ended (getpid (), start + 1));
  g_assert_false (ob_host_process_has_ended (0, 0));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/lock-file/file", test_file);
  g_test_add_func ("/lock-file/file-mutations", test_file_mutations);
  g_test_add_func ("/lock-file/stale", test_stale);
  g_test_add_func ("/lock-file/zombie", test_zombie);
  return g_test_run ();
}
