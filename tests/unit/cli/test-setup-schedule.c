/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-setup-schedule.h"

#include "fixture.h"
#include "ob-error.h"

static void
test_parse (void)
{
  static const struct
  {
    const char *text, *at;
  } cases[] = {
    { "3:30", "*-*-* 03:30" }, { "03:30", "*-*-* 03:30" },
    { "0:00", "*-*-* 00:00" }, { "23:59", "*-*-* 23:59" },
    { "none", NULL },          { "None", NULL },
    { "daily", "daily" },      { "Mon..Fri 22:30", "Mon..Fri 22:30" },
    { "3:3", "3:3" },          { "3:300", "3:300" },
    { "3:30:00", "3:30:00" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autofree char *at = NULL;

      g_assert_true (ob_setup_schedule_parse (cases[i].text, &at, &error));
      g_assert_no_error (error);
      g_assert_cmpstr (at, ==, cases[i].at);
    }
}

static void
test_refused (void)
{
  g_autofree char *longest = g_strnfill (256, 'x');
  g_autofree char *too_long = g_strnfill (257, 'x');
  const char *const texts[] = { "24:00", "3:60", "99:99", "", too_long };
  g_autofree char *taken = NULL;

  for (gsize i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autoptr (GError) error = NULL;
      char *at = NULL;

      g_assert_false (ob_setup_schedule_parse (texts[i], &at, &error));
      g_assert_ob_error (error, OB_ERROR_INVALID_ARGUMENT);
      g_assert_null (at);
    }
  g_assert_true (ob_setup_schedule_parse (longest, &taken, NULL));
}

static void
test_build (void)
{
  g_autoptr (GVariant) options
    = g_variant_ref_sink (ob_setup_schedule_build ("erp", "disk", "daily"));
  g_autoptr (GVariant) expected = g_variant_ref_sink (g_variant_new_parsed (
    "{'instance': <'erp'>, 'destinations': <['disk']>, 'times': <['daily']>, "
    "'random-delay': <'15m'>, 'retention': <['keep-daily=7', 'keep-weekly=4', 'keep-monthly=12']>, "
    "'verify-after': <%s>}",
    "5%"));

  g_assert_true (g_variant_equal (options, expected));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/setup/schedule/parse", test_parse);
  g_test_add_func ("/setup/schedule/refused", test_refused);
  g_test_add_func ("/setup/schedule/build", test_build);
  return g_test_run ();
}
