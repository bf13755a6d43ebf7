/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-progress-line.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static GString *printed;

static void
on_print (const char *text)
{
  g_string_append (printed, text);
}

static char *
draw (ObProgressLine *line, const char *phase, guint64 done, guint64 total, guint64 rate)
{
  GPrintFunc former = g_set_printerr_handler (on_print);
  GString *text = printed = g_string_new (NULL);

  ob_progress_line_draw (line, phase, done, total, rate);
  g_set_printerr_handler (former);
  return g_string_free (text, FALSE);
}

static char *
hide (ObProgressLine *line)
{
  GPrintFunc former = g_set_printerr_handler (on_print);
  GString *text = printed = g_string_new (NULL);

  ob_progress_line_hide (line);
  g_set_printerr_handler (former);
  return g_string_free (text, FALSE);
}

/* Into a file or a pipe there is no progress. */
static void
test_no_terminal (void)
{
  int former = dup (STDERR_FILENO);
  int null = open ("/dev/null", O_WRONLY | O_CLOEXEC);
  ObProgressLine line;
  g_autofree char *text = NULL;
  g_autofree char *end = NULL;

  g_assert_cmpint (dup2 (null, STDERR_FILENO), >=, 0);
  ob_progress_line_init (&line, TRUE);
  g_assert_cmpint (dup2 (former, STDERR_FILENO), >=, 0);
  close (former);
  close (null);
  g_assert_false (line.enabled);
  text = draw (&line, "files", 1, 2, 3);
  end = hide (&line);
  g_assert_cmpstr (text, ==, "");
  g_assert_cmpstr (end, ==, "");
}

static void
test_lines (void)
{
  ObProgressLine line = { .enabled = TRUE };
  g_autofree char *begin = draw (&line, "locking", 0, 0, 0);
  g_autofree char *unknown = draw (&line, "files", 1500, 0, 1000);
  g_autofree char *half = draw (&line, "files", 500000000, 1000000000, 10000000);
  g_autofree char *whole = draw (&line, "files", 1000, 1000, 0);
  /* The total is an estimate. */
  g_autofree char *beyond = draw (&line, "files", 3000, 1000, 100);
  g_autofree char *end = hide (&line);
  g_autofree char *again = hide (&line);

  g_assert_cmpstr (begin, ==, "\r\033[Klocking    ");
  g_assert_cmpstr (unknown, ==, "\r\033[Kfiles      1.5 kB  1.0 kB/s");
  g_assert_cmpstr (half, ==,
                   "\r\033[Kfiles      [==========>         ]  50 %  500 MB of 1.0 GB  10.0 MB/s  "
                   "50 s left");
  g_assert_cmpstr (whole, ==, "\r\033[Kfiles      [====================] 100 %  1.0 kB of 1.0 kB");
  g_assert_nonnull (strstr (beyond, "100 %"));
  g_assert_null (strstr (beyond, "left"));
  g_assert_cmpstr (end, ==, "\r\033[K");
  g_assert_cmpstr (again, ==, "");
}

/* Nothing wraps: a line that does cannot be drawn over. */
static void
test_narrow (void)
{
  int former = dup (STDERR_FILENO);
  int terminal = posix_openpt (O_RDWR | O_NOCTTY | O_CLOEXEC);
  struct winsize size = { .ws_col = 20, .ws_row = 5 };
  ObProgressLine line = { .enabled = TRUE };
  g_autofree char *text = NULL;

  if (terminal < 0 || ioctl (terminal, TIOCSWINSZ, &size) != 0)
    {
      g_test_skip ("there is no pseudoterminal");
      close (former);
      return;
    }
  g_assert_cmpint (dup2 (terminal, STDERR_FILENO), >=, 0);
  text = draw (&line, "files", 500000000, 1000000000, 10000000);
  g_assert_cmpint (dup2 (former, STDERR_FILENO), >=, 0);
  close (former);
  close (terminal);
  g_assert_cmpstr (text, ==, "\r\033[Kfiles      [=======");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/progress-line/no-terminal", test_no_terminal);
  g_test_add_func ("/progress-line/lines", test_lines);
  g_test_add_func ("/progress-line/narrow", test_narrow);
  return g_test_run ();
}
