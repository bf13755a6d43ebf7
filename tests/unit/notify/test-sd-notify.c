/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-sd-notify.h"

#include <errno.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "fixture.h"
#include "ob-error.h"
#include "ob-fd.h"

typedef struct
{
  Fixture base;
  int fd; /* of the manager that listens */
} Manager;

static int
listen_at (const char *path, gboolean abstract)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  gsize size = strlen (path);
  int fd = socket (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

  g_assert_cmpint (fd, >=, 0);
  g_assert_cmpuint (size + 1, <, sizeof address.sun_path);
  memcpy (address.sun_path + (abstract ? 1 : 0), path, size);
  g_assert_cmpint (bind (fd, (const struct sockaddr *) &address,
                         (socklen_t) (offsetof (struct sockaddr_un, sun_path) + size + 1)),
                   ==, 0);
  return fd;
}

static void
set_up (Manager *manager, gconstpointer data)
{
  g_autofree char *path = NULL;

  fixture_set_up (&manager->base, data);
  path = fixture_path (&manager->base, "notify");
  manager->fd = listen_at (path, FALSE);
  g_setenv ("NOTIFY_SOCKET", path, TRUE);
}

static void
tear_down (Manager *manager, gconstpointer data)
{
  g_unsetenv ("NOTIFY_SOCKET");
  ob_fd_clear (&manager->fd);
  fixture_tear_down (&manager->base, data);
}

/* The one datagram that waits at @fd, "" where there is none. */
static char *
take_from (int fd)
{
  char text[4096] = { 0 };
  ssize_t size = recv (fd, text, sizeof text - 1, 0);

  g_assert_true (size > 0 || errno == EAGAIN);
  return g_strdup (size > 0 ? text : "");
}

static void
assert_told (Manager *manager, gboolean result, GError *error, const char *expected)
{
  g_autofree char *told = take_from (manager->fd);

  g_assert_no_error (error);
  g_assert_true (result);
  g_assert_cmpstr (told, ==, expected);
}

static void
test_states (Manager *manager, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  guint before = fixture_count_fds ();

  assert_told (manager, ob_sd_notify_ready ("Protects 2 instances", &error), error,
               "READY=1\nSTATUS=Protects 2 instances\n");
  assert_told (manager, ob_sd_notify_ready (NULL, &error), error, "READY=1\n");
  assert_told (manager, ob_sd_notify_status ("Backup of ob: 40 %", &error), error,
               "STATUS=Backup of ob: 40 %\n");
  assert_told (manager, ob_sd_notify_stopping ("Ends 2 jobs", &error), error,
               "STOPPING=1\nSTATUS=Ends 2 jobs\n");
  assert_told (manager, ob_sd_notify_watchdog (&error), error, "WATCHDOG=1\n");
  assert_told (manager, ob_sd_notify_extend_timeout (4000000000U, &error), error,
               "EXTEND_TIMEOUT_USEC=4000000000000000\n");
  g_assert_cmpuint (fixture_count_fds (), ==, before);
}

static void
test_reloading (Manager *manager, gconstpointer data)
{
  g_autofree char *told = NULL;
  gint64 before = g_get_monotonic_time ();
  guint64 when = 0;
  g_auto (GStrv) lines = NULL;

  g_assert_true (ob_sd_notify_reloading (NULL));
  told = take_from (manager->fd);
  lines = g_strsplit (told, "\n", -1);
  g_assert_cmpuint (g_strv_length (lines), ==, 3);
  g_assert_cmpstr (lines[0], ==, "RELOADING=1");
  g_assert_true (g_str_has_prefix (lines[1], "MONOTONIC_USEC="));
  g_assert_true (
    g_ascii_string_to_unsigned (strchr (lines[1], '=') + 1, 10, 0, G_MAXUINT64, &when, NULL));
  g_assert_cmpint ((gint64) when, >=, before);
  g_assert_cmpint ((gint64) when, <=, g_get_monotonic_time ());
}

/* A name that somebody chose cannot say that we are ready or that we stop. */
static void
test_hostile_status (Manager *manager, gconstpointer data)
{
  g_autofree char *long_text = g_strnfill (100000, 'x');
  g_autofree char *told = NULL;
  g_autoptr (GError) error = NULL;

  assert_told (manager, ob_sd_notify_status ("ob\nSTOPPING=1\r\n\xff", &error), error,
               "STATUS=ob STOPPING=1  \xef\xbf\xbd\n");
  g_assert_true (ob_sd_notify_status (long_text, NULL));
  told = take_from (manager->fd);
  g_assert_cmpuint (strlen (told), ==, strlen ("STATUS=\n") + OB_SD_NOTIFY_MAX_STATUS);
}

static void
test_abstract (Manager *manager, gconstpointer data)
{
  g_autofree char *name = g_strdup_printf ("obbackup-test-%d", getpid ());
  g_autofree char *variable = g_strconcat ("@", name, NULL);
  ob_autofd int fd = listen_at (name, TRUE);
  g_autofree char *told = NULL;

  g_setenv ("NOTIFY_SOCKET", variable, TRUE);
  g_assert_true (ob_sd_notify_ready (NULL, NULL));
  told = take_from (fd);
  g_assert_cmpstr (told, ==, "READY=1\n");
}

static void
assert_fails (const char *name, ObError code)
{
  g_autoptr (GError) error = NULL;

  g_setenv ("NOTIFY_SOCKET", name, TRUE);
  g_assert_false (ob_sd_notify_ready (NULL, &error));
  g_assert_error (error, OB_ERROR, (int) code);
  g_assert_message (error, name);
}

static void
test_nobody (Manager *manager, gconstpointer data)
{
  g_autofree char *missing = fixture_path (&manager->base, "missing");
  g_autofree char *file = fixture_path (&manager->base, "file");
  g_autofree char *long_name = g_strnfill (200, '/');

  g_unsetenv ("NOTIFY_SOCKET");
  g_assert_true (ob_sd_notify_ready ("Ready", NULL));
  g_setenv ("NOTIFY_SOCKET", "", TRUE);
  g_assert_true (ob_sd_notify_ready ("Ready", NULL));

  fixture_write (&manager->base, "file", "");
  assert_fails (missing, OB_ERROR_NOT_FOUND);
  assert_fails (file, OB_ERROR_FAILED);
  assert_fails ("vsock:2:1234", OB_ERROR_NOT_SUPPORTED);
  assert_fails ("relative", OB_ERROR_NOT_SUPPORTED);
  assert_fails ("/", OB_ERROR_NOT_SUPPORTED);
  assert_fails ("@", OB_ERROR_NOT_SUPPORTED);
  assert_fails (long_name, OB_ERROR_NOT_SUPPORTED);
}

/* A manager that does not read holds us up for a moment and no longer. */
static void
test_full (Manager *manager, gconstpointer data)
{
  gint64 began = 0;
  gboolean sent = TRUE;
  g_autoptr (GError) error = NULL;

  for (guint i = 0; sent && i < 100000; i++)
    {
      began = g_get_monotonic_time ();
      sent = ob_sd_notify_watchdog (&error);
    }
  g_assert_false (sent);
  g_assert_ob_error (error, OB_ERROR_FAILED);
  g_assert_cmpint (g_get_monotonic_time () - began, <, 20 * G_USEC_PER_SEC);
}

static void
test_watchdog_interval (void)
{
  static const struct
  {
    const char *interval;
    const char *process; /* "own" for this one */
    guint64 expected;
  } cases[] = {
    { NULL, NULL, 0 },
    { "30000000", NULL, 30000000 },
    { "30000000", "own", 30000000 },
    { "30000000", "1", 0 },
    { "30000000", "", 0 },
    { "30000000", "own?", 0 },
    { "0", "own", 0 },
    { "", "own", 0 },
    { "-5", "own", 0 },
    { "30s", "own", 0 },
    { " 30", "own", 0 },
    { "99999999999999999999", "own", 0 },
    { NULL, "own", 0 },
  };
  g_autofree char *own = g_strdup_printf ("%d", getpid ());

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_unsetenv ("WATCHDOG_USEC");
      g_unsetenv ("WATCHDOG_PID");
      if (cases[i].interval != NULL)
        g_setenv ("WATCHDOG_USEC", cases[i].interval, TRUE);
      if (cases[i].process != NULL)
        g_setenv ("WATCHDOG_PID", g_str_equal (cases[i].process, "own") ? own : cases[i].process,
                  TRUE);
      g_assert_cmpuint (ob_sd_watchdog_interval (), ==, cases[i].expected);
    }
}

#define ADD(path, func) g_test_add (path, Manager, NULL, set_up, func, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("/sd-notify/states", test_states);
  ADD ("/sd-notify/reloading", test_reloading);
  ADD ("/sd-notify/hostile-status", test_hostile_status);
  ADD ("/sd-notify/abstract", test_abstract);
  ADD ("/sd-notify/nobody", test_nobody);
  ADD ("/sd-notify/full", test_full);
  g_test_add_func ("/sd-notify/watchdog-interval", test_watchdog_interval);
  return g_test_run ();
}
