/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is kept of that which a child writes. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "child-fixture.h"
#include "fixture.h"
#include "ob-error.h"
#include "ob-fd.h"
#include "ob-io.h"

/* Both outputs in the order in which they were written, told of where the child is stopped, and no
 * second more than its grace. */
static void
test_with_errors (void)
{
  ObChildSpec spec = { .stdout_fd = OB_CHILD_WITH_ERRORS, .grace_seconds = 1 };
  g_autoptr (ObChild) child = child_start_shell (
    spec, "trap '' TERM; echo one; echo two >&2; echo three; while :; do sleep 0.01; done");
  g_autoptr (GError) failed = child_error_of (spec, "echo out; echo err >&2; exit 3");
  g_autoptr (GError) error = NULL;
  gint64 began = g_get_monotonic_time ();

  g_assert_cmpstr (failed->message, ==, "sh ended with status 3: out err");
  g_assert_false (ob_child_wait_for (child, 1, NULL, &error));
  g_assert_cmpint (g_get_monotonic_time () - began, >=, 2 * G_USEC_PER_SEC);
  g_assert_ob_error (error, OB_ERROR_FAILED);
  g_assert_message (error, "did not end within 1 seconds: one two three");
  g_assert_cmpstr (ob_child_get_output (child), ==, "");
  g_assert_cmpstr (ob_child_get_errors (child), ==, "one\ntwo\nthree\n");
}

static void
test_much_errors (void)
{
  g_autoptr (ObChild) child = child_start_shell (
    (ObChildSpec){ 0 },
    "head -c 20000000 /dev/zero | tr '\\0' x >&2; echo >&2; echo the end >&2; exit 4");
  g_autoptr (GError) error = NULL;

  g_assert_false (ob_child_wait (child, NULL, &error));
  g_assert_true (g_str_has_prefix (error->message, "sh ended with status 4: xxx"));
  g_assert_true (g_str_has_suffix (error->message, "xxx the end"));
  g_assert_cmpuint (strlen (error->message), <, 2000);
  g_assert_cmpuint (strlen (ob_child_get_errors (child)), ==, 8 * 1024);
}

/* What a program says must not control the administrator's terminal, nor break D-Bus. */
static void
test_odd_errors (void)
{
  g_autoptr (GError) error = child_error_of (
    (ObChildSpec){ 0 }, "printf '\\033[31mred\\007\\377\\302\\233 ü\\r\\n' >&2; exit 1");

  g_assert_true (g_utf8_validate (error->message, -1, NULL));
  for (const char *c = error->message; *c != '\0'; c = g_utf8_next_char (c))
    g_assert_false (g_unichar_iscntrl (g_utf8_get_char (c)));
  g_assert_message (error, "[31mred");
  g_assert_true (g_str_has_suffix (error->message, "ü"));
}

/* The wait is for the child, not for what it leaves behind with its output open. */
static void
test_left_behind (void)
{
  g_autofree char *sleeper = child_output_of ((ObChildSpec){ 0 }, "sleep 1000 & echo $!");
  g_autoptr (ObChild) child
    = child_start_shell ((ObChildSpec){ .stdout_fd = OB_CHILD_CAPTURE },
                         "(while :; do echo noise >&2; done) & echo $!; echo mine >&2; exit 5");
  g_autoptr (GError) error = NULL;

  g_assert_true (child_is_alive (atoi (sleeper)));
  kill (atoi (sleeper), SIGKILL);
  g_assert_false (ob_child_wait (child, NULL, &error));
  g_assert_true (g_str_has_prefix (error->message, "sh ended with status 5"));
  kill (atoi (ob_child_get_output (child)), SIGKILL);
}

static void
test_much_output (void)
{
  g_autofree char *much
    = child_output_of ((ObChildSpec){ 0 }, "head -c 3000000 /dev/zero | tr '\\0' x");
  g_autoptr (ObChild) endless
    = child_start_shell ((ObChildSpec){ .stdout_fd = OB_CHILD_CAPTURE }, "exec yes");
  g_autoptr (GError) error = NULL;

  g_assert_cmpuint (strlen (much), ==, 3000000);
  g_assert_false (ob_child_wait (endless, NULL, &error));
  g_assert_ob_error (error, OB_ERROR_FAILED);
  g_assert_message (error, "more output");
}

/* A start command: what it says is heard, and the server that it leaves running can go on writing
 * where it wrote before. */
static void
test_detached_waited (void)
{
  ob_autofd int child_in = -1;
  ob_autofd int our_out = -1;
  ob_autofd int our_in = -1;
  ob_autofd int child_out = -1;
  ObChildSpec spec = { .detached = TRUE };
  g_autoptr (GError) failed = child_error_of (spec, "echo no such port >&2; exit 2");
  g_autofree char *output = child_output_of (spec, "echo started; echo noise >&2");
  g_autofree char *alive = NULL;
  g_autoptr (GError) error = NULL;
  ObChild *child;

  g_assert_cmpstr (failed->message, ==, "sh ended with status 2: no such port");
  g_assert_cmpstr (output, ==, "started\n");

  child_make_pipe (&child_in, &our_out);
  child_make_pipe (&our_in, &child_out);
  spec.stdin_fd = child_in;
  spec.stdout_fd = child_out;
  child
    = child_start_shell (spec, "exec 3<&0; (read line <&3; echo noise >&2 && echo alive) & exit 0");
  ob_fd_clear (&child_out);
  g_assert_true (ob_child_wait (child, NULL, &error));
  g_assert_no_error (error);
  ob_child_free (child);
  g_assert_true (ob_write_full (our_out, "on\n", 3));
  alive = child_read_line (our_in);
  g_assert_cmpstr (alive, ==, "alive");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/child-capture/with-errors", test_with_errors);
  g_test_add_func ("/child-capture/much-errors", test_much_errors);
  g_test_add_func ("/child-capture/odd-errors", test_odd_errors);
  g_test_add_func ("/child-capture/left-behind", test_left_behind);
  g_test_add_func ("/child-capture/much-output", test_much_output);
  g_test_add_func ("/child-capture/detached-waited", test_detached_waited);
  return g_test_run ();
}
