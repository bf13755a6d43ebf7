/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the configuration of a schedule cannot say. */
#include "ob-schedule.h"

#include <string.h>

#include "ob-error.h"

static void
test_bad (void)
{
  static const struct
  {
    const char *settings;
    const char *told;
  } cases[] = {
    { "times=someday", "someday" },
    { "times=", "times" },
    { "times=daily\ncolour=red", "colour" },
    { "times=daily\nenabled=1", "enabled" },
    { "times=daily\noverlap=both", "overlap" },
    { "times=daily\nrandom-delay=2w", "random-delay" },
    { "times=daily\nrandom-delay=25h", "random-delay" },
    { "times=daily\nverify-after=5", "verify-after" },
    { "times=daily\nverify-after=nan%", "verify-after" },
    { "times=daily\ntime-zone=Mars/Base", "Mars/Base" },
    { "times=daily\nparts=database;database", "twice" },
    { "times=daily\ndestinations=../disk", "../disk" },
    { "times=daily\ninstance=", "instance" },
    { "times=daily\nkeep-last=none", "keep-last" },
    { "times=daily\nkeep-last=0", "keep none" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *text = g_strdup_printf (
        "[schedule]\ninstance=erp\ndestinations=disk\n%s\n", cases[i].settings);
      g_autoptr (GKeyFile) file = g_key_file_new ();
      g_autoptr (GError) error = NULL;

      g_key_file_load_from_data (file, text, strlen (text), G_KEY_FILE_NONE, NULL);
      g_assert_null (ob_schedule_new ("a", file, &error));
      g_assert_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT);
      if (strstr (error->message, cases[i].told) == NULL)
        g_error ("\"%s\" does not tell of \"%s\"", error->message, cases[i].told);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/schedule/bad", test_bad);
  return g_test_run ();
}
