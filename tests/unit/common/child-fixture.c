/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "child-fixture.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "fixture.h"
#include "ob-error.h"

ObChild *
child_start_shell (ObChildSpec spec, const char *script)
{
  const char *argv[] = { "/bin/sh", "-c", script, NULL };
  g_autoptr (GError) error = NULL;
  ObChild *child;

  spec.argv = argv;
  child = ob_child_start (&spec, &error);
  g_assert_no_error (error);
  return child;
}

char *
child_output_of (ObChildSpec spec, const char *script)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ObChild) child = NULL;

  spec.stdout_fd = OB_CHILD_CAPTURE;
  child = child_start_shell (spec, script);
  ob_child_wait (child, NULL, &error);
  g_assert_no_error (error);
  return g_strdup (ob_child_get_output (child));
}

GError *
child_error_of (ObChildSpec spec, const char *script)
{
  g_autoptr (ObChild) child = child_start_shell (spec, script);
  GError *error = NULL;

  g_assert_false (ob_child_wait (child, NULL, &error));
  g_assert_ob_error (error, OB_ERROR_FAILED);
  return error;
}

gboolean
child_is_alive (pid_t pid)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/stat", pid);
  g_autofree char *text = NULL;

  if (!g_file_get_contents (path, &text, NULL, NULL))
    return FALSE;
  return strstr (text, ") Z ") == NULL && strstr (text, ") X ") == NULL;
}

void
child_make_pipe (int *in, int *out)
{
  int fds[2];

  g_assert_cmpint (pipe2 (fds, O_CLOEXEC), ==, 0);
  *in = fds[0];
  *out = fds[1];
}

char *
child_read_line (int fd)
{
  GString *line = g_string_new (NULL);
  char c;

  while (read (fd, &c, 1) == 1 && c != '\n')
    g_string_append_c (line, c);
  return g_string_free (line, FALSE);
}
