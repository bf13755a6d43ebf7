/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-client.h"
#include "ob-command.h"
#include "ob-error.h"
#include "ob-follow.h"
#include "ob-output.h"

/* What a label or a file name holds must not steer the terminal of whoever reads it. */
static void
test_escape (void)
{
  g_autofree char *plain = ob_output_escape ("Año, ¡olé! 你好");
  g_autofree char *control = ob_output_escape ("a\033[2Jb\nc\x7f");
  g_autofree char *broken = ob_output_escape ("a\xff\xfe");
  g_autofree char *direction = ob_output_escape ("a\u202eb");

  g_assert_cmpstr (plain, ==, "Año, ¡olé! 你好");
  g_assert_cmpstr (control, ==, "a\\x1b[2Jb\\x0ac\\x7f");
  g_assert_cmpstr (broken, ==, "a\\xff\\xfe");
  g_assert_cmpstr (direction, ==, "a\\u202eb");
}

static void
test_exit_status (void)
{
  static const struct
  {
    ObError code;
    ObExit status;
  } cases[] = {
    { OB_ERROR_FAILED, 1 },         { OB_ERROR_CANCELLED, 130 },
    { OB_ERROR_NOT_AUTHORIZED, 4 }, { OB_ERROR_NOT_FOUND, 5 },
    { OB_ERROR_BUSY, 6 },           { OB_ERROR_LOCKED, 6 },
    { OB_ERROR_NO_SPACE, 1 },       { OB_ERROR_DESTINATION_UNAVAILABLE, 7 },
    { OB_ERROR_CORRUPT, 1 },        { OB_ERROR_DATABASE_UNREACHABLE, 1 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = g_error_new_literal (OB_ERROR, (int) cases[i].code, "no");

      g_assert_cmpint (ob_exit_from_error (error), ==, cases[i].status);
      g_assert_cmpint (ob_exit_from_name (ob_error_get_name (cases[i].code)), ==,
                       cases[i].status);
    }
}

static void
test_job_path (void)
{
  g_autofree char *number = ob_job_path ("17");
  g_autofree char *path = ob_job_path ("/org/openbravo/Backup1/jobs/17");

  g_assert_cmpstr (number, ==, "/org/openbravo/Backup1/jobs/17");
  g_assert_cmpstr (path, ==, number);
  g_assert_null (ob_job_path (""));
  g_assert_null (ob_job_path ("x"));
  g_assert_null (ob_job_path ("-1"));
  g_assert_null (ob_job_path ("12345678901"));
  g_assert_null (ob_job_path ("/org/openbravo/Backup1/jobs/1/../2"));
}

static void
test_split_list (void)
{
  g_auto (GStrv) parts = ob_split_list (" database ,,attachments,");

  g_assert_cmpuint (g_strv_length (parts), ==, 2);
  g_assert_cmpstr (parts[0], ==, "database");
  g_assert_cmpstr (parts[1], ==, "attachments");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/output/escape", test_escape);
  g_test_add_func ("/output/exit-status", test_exit_status);
  g_test_add_func ("/output/job-path", test_job_path);
  g_test_add_func ("/output/split-list", test_split_list);
  return g_test_run ();
}
