/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-nearest.h"

static const char *const known[] = { "keep-last", "keep-daily", "keep-within-daily", NULL };

static void
test_near (void)
{
  g_assert_cmpstr (ob_nearest_word ("keep-daily", known), ==, "keep-daily");
  g_assert_cmpstr (ob_nearest_word ("keep_daily", known), ==, "keep-daily");
  g_assert_cmpstr (ob_nearest_word ("keep-dayly", known), ==, "keep-daily");
  g_assert_cmpstr (ob_nearest_word ("keepdaily", known), ==, "keep-daily");
  g_assert_cmpstr (ob_nearest_word ("keep-days", known), ==, "keep-daily");
  g_assert_cmpstr (ob_nearest_word ("kep-within-dayly", known), ==, "keep-within-daily");
}

static void
test_far (void)
{
  static const char *const longer[]
    = { "a word of more than sixty-four bytes, which is longer than any word is", NULL };

  g_assert_null (ob_nearest_word ("", known));
  g_assert_null (ob_nearest_word ("daily", known));
  g_assert_null (ob_nearest_word ("calendar", known));
  g_assert_null (ob_nearest_word (longer[0], longer));
  g_assert_null (ob_nearest_word ("keep-daily", longer));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/nearest/near", test_near);
  g_test_add_func ("/nearest/far", test_far);
  return g_test_run ();
}
