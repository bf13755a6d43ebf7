/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-hook-file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fixture.h"
#include "ob-error.h"

#define NOBODY 65534

static void
set_up (Fixture *fixture, gconstpointer data)
{
  fixture_set_up (fixture, data);
  g_assert_cmpint (mkdirat (fixture->fd, "hooks.d", 0755), ==, 0);
  g_assert_cmpint (mkdirat (fixture->fd, "other", 0755), ==, 0);
}

static void
add (Fixture *fixture, const char *name, mode_t mode)
{
  fixture_write (fixture, name, "#!/bin/sh\n");
  g_assert_cmpint (fchmodat (fixture->fd, name, mode, 0), ==, 0);
}

static void
link_to (Fixture *fixture, const char *target, const char *name)
{
  g_assert_cmpint (symlinkat (target, fixture->fd, name), ==, 0);
}

static char *
resolve (Fixture *fixture, const char *name, GError **error)
{
  g_autofree char *directory = fixture_path (fixture, "hooks.d");

  return ob_hook_file_resolve (directory, name, error);
}

static void
assert_resolves (Fixture *fixture, const char *name, const char *target)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = resolve (fixture, name, &error);
  g_autofree char *expected = *target == '/' ? g_strdup (target) : fixture_path (fixture, target);

  g_assert_no_error (error);
  g_assert_cmpstr (path, ==, expected);
}

static void
assert_refused (Fixture *fixture, const char *name, ObError code, const char *part)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = resolve (fixture, name, &error);

  g_assert_null (path);
  g_assert_error (error, OB_ERROR, (int) code);
  g_assert_message (error, part);
}

static void
test_names (void)
{
  static const char *const good[] = { "mail", "10-mail", "mail.sh", "mail.py", "rpm", "a.backup" };
  static const char *const bad[] = { "", ".", "..", ".mail", "mail~", "mail.sh~", "mail.bak",
                                     "mail.dpkg-old", "mail.sh.dpkg-dist", "mail.rpmsave",
                                     "mail.rpmnew", "mail.ucf-dist", "mail.swp" };

  for (gsize i = 0; i < G_N_ELEMENTS (good); i++)
    g_assert_true (ob_hook_file_is_name (good[i]));
  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    g_assert_false (ob_hook_file_is_name (bad[i]));
}

static void
test_list (Fixture *fixture, gconstpointer data)
{
  g_autofree char *directory = fixture_path (fixture, "hooks.d");
  g_autofree char *missing = fixture_path (fixture, "missing");
  g_autofree char *file = fixture_path (fixture, "hooks.d/20-b");
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) names = NULL;
  g_autoptr (GPtrArray) none = NULL;
  g_autofree char *joined = NULL;
  gboolean more = TRUE;

  add (fixture, "hooks.d/20-b", 0755);
  add (fixture, "hooks.d/10-a", 0700);
  add (fixture, "hooks.d/B", 0755);
  add (fixture, "hooks.d/mail.bak", 0755);
  add (fixture, "hooks.d/README", 0644);
  g_assert_cmpint (mkdirat (fixture->fd, "hooks.d/directory", 0755), ==, 0);
  g_assert_cmpint (mkfifoat (fixture->fd, "hooks.d/pipe", 0755), ==, 0);
  link_to (fixture, "nowhere", "hooks.d/broken");
  link_to (fixture, "../other", "hooks.d/to-directory");
  link_to (fixture, "/bin/true", "hooks.d/true");

  names = ob_hook_file_list (directory, &more, &error);
  g_assert_no_error (error);
  g_assert_false (more);
  g_ptr_array_add (names, NULL);
  joined = g_strjoinv (" ", (char **) names->pdata);
  g_assert_cmpstr (joined, ==, "10-a 20-b B broken true");

  none = ob_hook_file_list (missing, &more, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (none->len, ==, 0);
  g_assert_null (ob_hook_file_list (file, &more, &error));
  g_assert_message (error, file);
}

static void
test_list_is_bounded (Fixture *fixture, gconstpointer data)
{
  g_autofree char *directory = fixture_path (fixture, "hooks.d");
  g_autoptr (GPtrArray) names = NULL;
  gboolean more = FALSE;

  for (guint i = 0; i <= OB_HOOK_FILE_MAX; i++)
    {
      g_autofree char *name = g_strdup_printf ("hooks.d/%03u", i);

      add (fixture, name, 0755);
    }
  names = ob_hook_file_list (directory, &more, NULL);
  g_assert_true (more);
  g_assert_cmpuint (names->len, ==, OB_HOOK_FILE_MAX);
  g_assert_cmpstr (g_ptr_array_index (names, OB_HOOK_FILE_MAX - 1), ==, "063");
}

static void
test_links (Fixture *fixture, gconstpointer data)
{
  add (fixture, "hooks.d/plain", 0755);
  add (fixture, "other/program", 0755);
  link_to (fixture, "../other/program", "hooks.d/relative");
  link_to (fixture, "../other/./again", "hooks.d/chain");
  link_to (fixture, "../hooks.d/../hooks.d/relative", "other/again");
  link_to (fixture, "loop", "hooks.d/loop");
  link_to (fixture, "../other/none", "hooks.d/broken");
  link_to (fixture, "../other", "hooks.d/directory");
  link_to (fixture, "/../../usr/bin/env", "hooks.d/absolute");

  assert_resolves (fixture, "plain", "hooks.d/plain");
  assert_resolves (fixture, "relative", "other/program");
  assert_resolves (fixture, "chain", "other/program");
  assert_resolves (fixture, "absolute", "/usr/bin/env");
  assert_refused (fixture, "loop", OB_ERROR_FAILED, "hooks.d/loop");
  assert_refused (fixture, "broken", OB_ERROR_NOT_FOUND, "other/none");
  assert_refused (fixture, "missing", OB_ERROR_NOT_FOUND, "hooks.d/missing");
  assert_refused (fixture, "directory", OB_ERROR_NOT_FOUND, "not an executable file");
  g_assert_cmpint (fchmodat (fixture->fd, "other/program", 0644, 0), ==, 0);
  assert_refused (fixture, "relative", OB_ERROR_NOT_FOUND, "not an executable file");
}

static void
refuse_mode (Fixture *fixture, const char *path, mode_t mode, mode_t usual, const char *name)
{
  g_assert_cmpint (fchmodat (fixture->fd, path, mode, 0), ==, 0);
  assert_refused (fixture, name, OB_ERROR_NOT_AUTHORIZED, path);
  assert_refused (fixture, name, OB_ERROR_NOT_AUTHORIZED, "chmod go-w");
  g_assert_cmpint (fchmodat (fixture->fd, path, usual, 0), ==, 0);
  g_free (resolve (fixture, name, NULL));
}

static void
test_writable_by_others (Fixture *fixture, gconstpointer data)
{
  add (fixture, "hooks.d/plain", 0755);
  add (fixture, "other/program", 0755);
  link_to (fixture, "../other/program", "hooks.d/link");

  refuse_mode (fixture, "hooks.d/plain", 0775, 0755, "plain");
  refuse_mode (fixture, "hooks.d/plain", 0757, 0755, "plain");
  refuse_mode (fixture, "hooks.d", 0775, 0755, "plain");
  refuse_mode (fixture, "hooks.d", 0757, 0755, "plain");
  /* Others could add hooks. */
  refuse_mode (fixture, "hooks.d", 01777, 0755, "plain");
  refuse_mode (fixture, "other", 0775, 0755, "link");
  refuse_mode (fixture, "other/program", 0775, 0755, "link");
  assert_resolves (fixture, "plain", "hooks.d/plain");
  /* Others can neither rename nor remove what is ours. */
  g_assert_cmpint (fchmodat (fixture->fd, "other", 01777, 0), ==, 0);
  assert_resolves (fixture, "link", "other/program");
}

static void
refuse_owner (Fixture *fixture, const char *path, const char *name)
{
  g_assert_cmpint (fchownat (fixture->fd, path, NOBODY, 0, AT_SYMLINK_NOFOLLOW), ==, 0);
  assert_refused (fixture, name, OB_ERROR_NOT_AUTHORIZED, path);
  assert_refused (fixture, name, OB_ERROR_NOT_AUTHORIZED, "chown root");
  g_assert_cmpint (fchownat (fixture->fd, path, 0, 0, AT_SYMLINK_NOFOLLOW), ==, 0);
}

static void
test_of_others (Fixture *fixture, gconstpointer data)
{
  if (geteuid () != 0)
    {
      g_test_skip ("only root can give files away");
      return;
    }
  add (fixture, "hooks.d/plain", 0755);
  add (fixture, "hooks.d/program", 0755);
  link_to (fixture, "../other/middle", "hooks.d/link");
  link_to (fixture, "../hooks.d/program", "other/middle");

  refuse_owner (fixture, "hooks.d/plain", "plain");
  refuse_owner (fixture, "hooks.d", "plain");
  /* The ends are root's, and somebody else says which it is. */
  refuse_owner (fixture, "other/middle", "link");
  refuse_owner (fixture, "other", "link");
  assert_resolves (fixture, "plain", "hooks.d/plain");
  assert_resolves (fixture, "link", "hooks.d/program");
}

static void
test_nothing_stays_open (Fixture *fixture, gconstpointer data)
{
  guint before = fixture_count_fds ();

  test_links (fixture, data);
  g_assert_cmpuint (fixture_count_fds (), ==, before);
}

#define ADD(path, func) g_test_add (path, Fixture, NULL, set_up, func, fixture_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/hook-file/names", test_names);
  ADD ("/hook-file/list", test_list);
  ADD ("/hook-file/list-is-bounded", test_list_is_bounded);
  ADD ("/hook-file/links", test_links);
  ADD ("/hook-file/writable-by-others", test_writable_by_others);
  ADD ("/hook-file/of-others", test_of_others);
  ADD ("/hook-file/nothing-stays-open", test_nothing_stays_open);
  return g_test_run ();
}
