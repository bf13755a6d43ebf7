/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-keyfile.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fixture.h"
#include "ob-error.h"

static void
test_round_trip (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GKeyFile) file = NULL;
  g_autoptr (GKeyFile) again = NULL;
  g_autofree char *value = NULL;
  g_autofree char *path = fixture_path (fixture, "main.conf");
  g_autofree char *text = NULL;
  struct stat info;

  fixture_write (fixture, "main.conf", "# ours\n[Instance]\nPath=/opt/openbravo\n");
  file = ob_keyfile_load_at (fixture->fd, "main.conf", &error);
  g_assert_no_error (error);
  g_key_file_set_string (file, "Instance", "Name", "Año; \"x\"\n");
  g_assert_true (ob_keyfile_save_at (fixture->fd, "main.conf", file, &error));
  g_assert_no_error (error);

  again = ob_keyfile_load_at (fixture->fd, "main.conf", &error);
  g_assert_no_error (error);
  value = g_key_file_get_string (again, "Instance", "Name", NULL);
  g_assert_cmpstr (value, ==, "Año; \"x\"\n");
  /* What an administrator noted stays. */
  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  g_assert_true (g_str_has_prefix (text, "# ours\n"));
  g_assert_cmpint (stat (path, &info), ==, 0);
  g_assert_cmpuint (info.st_mode & 07777, ==, 0600);
}

static void
test_refuses (Fixture *fixture, gconstpointer data)
{
  g_autofree char *huge = g_strnfill (1024 * 1024 + 1, '#');
  g_autoptr (GError) missing = NULL;
  g_autoptr (GError) broken = NULL;
  g_autoptr (GError) binary = NULL;
  g_autoptr (GError) large = NULL;

  g_assert_null (ob_keyfile_load_at (fixture->fd, "none.conf", &missing));
  g_assert_ob_error (missing, OB_ERROR_NOT_FOUND);
  g_assert_message (missing, "none.conf");

  fixture_write (fixture, "broken.conf", "[Instance]\nwhat is this\n");
  g_assert_null (ob_keyfile_load_at (fixture->fd, "broken.conf", &broken));
  g_assert_ob_error (broken, OB_ERROR_INVALID_ARGUMENT);
  g_assert_message (broken, "broken.conf");
  g_assert_message (broken, "what is this");

  fixture_write (fixture, "binary.conf", "[Instance]\nA=1\nB=\xff\xfe\n");
  g_assert_null (ob_keyfile_load_at (fixture->fd, "binary.conf", &binary));
  g_assert_ob_error (binary, OB_ERROR_INVALID_ARGUMENT);
  g_assert_message (binary, "line 3");

  fixture_write (fixture, "large.conf", huge);
  g_assert_null (ob_keyfile_load_at (fixture->fd, "large.conf", &large));
  g_assert_ob_error (large, OB_ERROR_INVALID_ARGUMENT);
}

static void
test_list (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_auto (GStrv) none = ob_keyfile_list (fixture->fd, &error);
  g_auto (GStrv) names = NULL;
  g_auto (GStrv) again = NULL;
  g_autofree char *all = NULL;

  g_assert_no_error (error);
  g_assert_cmpuint (g_strv_length (none), ==, 0);

  fixture_write (fixture, "b.conf", "");
  fixture_write (fixture, "a-1.conf", "");
  fixture_write (fixture, "A_2.conf", "");
  fixture_write (fixture, ".conf", "");
  fixture_write (fixture, ".c.conf.12345678", "");
  fixture_write (fixture, "-d.conf", "");
  fixture_write (fixture, "e.conf.bak", "");
  fixture_write (fixture, "two words.conf", "");
  g_assert_cmpint (mkdirat (fixture->fd, "f.conf", 0700), ==, 0);
  g_assert_cmpint (symlinkat ("b.conf", fixture->fd, "g.conf"), ==, 0);

  names = ob_keyfile_list (fixture->fd, &error);
  g_assert_no_error (error);
  all = g_strjoinv (" ", names);
  g_assert_cmpstr (all, ==, "A_2 a-1 b f g");
  g_assert_null (ob_keyfile_load_at (fixture->fd, "f.conf", &error));
  g_assert_ob_error (error, OB_ERROR_INVALID_ARGUMENT);
  g_assert_message (error, "f.conf");
  /* The descriptor's own position is not used up. */
  again = ob_keyfile_list (fixture->fd, &error);
  g_assert_cmpuint (g_strv_length (again), ==, 5);
}

static void
test_list_fails (void)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (ob_keyfile_list (-1, &error));
  g_assert_ob_error (error, OB_ERROR_FAILED);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/keyfile/round-trip", Fixture, NULL, fixture_set_up, test_round_trip,
              fixture_tear_down);
  g_test_add ("/keyfile/refuses", Fixture, NULL, fixture_set_up, test_refuses, fixture_tear_down);
  g_test_add ("/keyfile/list", Fixture, NULL, fixture_set_up, test_list, fixture_tear_down);
  g_test_add_func ("/keyfile/list-fails", test_list_fails);
  return g_test_run ();
}
