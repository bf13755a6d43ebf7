/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-instance-path.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config.h"
#include "ob-error.h"

#define STRANGER 61999

/* Directories for the test below one that root alone can change, and below one that it can not. */
typedef struct
{
  char *ours;   /* root's own, on the whole way */
  char *theirs; /* in a directory where everybody writes */
} Places;

static int
remove_one (const char *path, const struct stat *info, int kind, struct FTW *at)
{
  return remove (path);
}

static void
remove_all (const char *path)
{
  nftw (path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void
places_set_up (Places *places, gconstpointer data)
{
  places->ours = g_strdup ("/run/ob-path-XXXXXX");
  places->theirs = g_strdup ("/tmp/ob-path-XXXXXX");
  if (geteuid () != 0 || g_mkdtemp_full (places->ours, 0755) == NULL)
    {
      g_test_skip ("root's own directories can be made by root alone");
      g_clear_pointer (&places->ours, g_free);
      return;
    }
  g_assert_nonnull (g_mkdtemp_full (places->theirs, 0755));
}

static void
places_tear_down (Places *places, gconstpointer data)
{
  if (places->ours != NULL)
    {
      remove_all (places->ours);
      remove_all (places->theirs);
    }
  g_free (places->ours);
  g_free (places->theirs);
}

static char *
in (const char *directory, const char *name)
{
  return g_build_filename (directory, name, NULL);
}

static void
make_directory (const char *directory, const char *name, uid_t owner)
{
  g_autofree char *path = in (directory, name);

  g_assert_cmpint (mkdir (path, 0755), ==, 0);
  g_assert_cmpint (chmod (path, 0755), ==, 0);
  g_assert_cmpint (chown (path, owner, owner), ==, 0);
}

static void
make_link (const char *directory, const char *name, const char *target)
{
  g_autofree char *path = in (directory, name);

  g_assert_cmpint (symlink (target, path), ==, 0);
}

static void
assert_resolves (const char *directory, const char *name, const char *expected, gboolean exists)
{
  g_autofree char *path = in (directory, name);
  g_autofree char *wanted = in (directory, expected);
  g_autoptr (GError) error = NULL;
  gboolean there = !exists;
  g_autofree char *resolved = ob_instance_path_resolve (path, &there, &error);

  g_assert_no_error (error);
  g_assert_cmpstr (resolved, ==, wanted);
  g_assert_true (there == exists);
}

static void
assert_unresolved (const char *path, const char *words)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *resolved = ob_instance_path_resolve (path, NULL, &error);

  g_assert_nonnull (error);
  g_assert_null (resolved);
  g_assert_nonnull (strstr (error->message, words));
}

static void
test_roots_links (Places *places, gconstpointer data)
{
  const char *ours = places->ours;
  g_autofree char *absolute = NULL;

  if (ours == NULL)
    return;
  absolute = in (ours, "srv/ob");
  make_directory (ours, "srv", 0);
  make_directory (ours, "srv/ob", STRANGER);
  make_directory (ours, "srv/ob/a", STRANGER);
  make_link (ours, "relative", "srv/ob");
  make_link (ours, "absolute", absolute);
  make_link (ours, "chain", "./relative/../ob");
  make_link (ours, "srv/up", "../absolute");
  make_link (ours, "nowhere", "srv/gone");

  assert_resolves (ours, "srv/ob/a", "srv/ob/a", TRUE);
  assert_resolves (ours, "relative/a", "srv/ob/a", TRUE);
  assert_resolves (ours, "absolute", "srv/ob", TRUE);
  assert_resolves (ours, "chain/a", "srv/ob/a", TRUE);
  assert_resolves (ours, "srv/up/a/", "srv/ob/a", TRUE);
  assert_resolves (ours, "srv//./ob", "srv/ob", TRUE);
  assert_resolves (ours, "srv/ob/new/deep", "srv/ob/new/deep", FALSE);
  assert_resolves (ours, "nowhere/x", "srv/gone/x", FALSE);
}

/* The application's user writes a link where it can, in its own directories or in /tmp. */
static void
test_others_links (Places *places, gconstpointer data)
{
  const char *ours = places->ours;
  g_autofree char *through = NULL, *inside = NULL, *in_tmp = NULL, *by_stranger = NULL;
  g_autofree char *loop = NULL;

  if (ours == NULL)
    return;
  through = in (ours, "app/link");
  inside = in (ours, "good/link/x");
  in_tmp = in (places->theirs, "link");
  by_stranger = in (ours, "theirs");
  loop = in (ours, "loop");
  make_directory (ours, "app", STRANGER);
  make_link (ours, "app/link", "/etc");
  make_link (ours, "good", "app");
  make_link (places->theirs, "link", "/etc");
  make_link (ours, "theirs", "/etc");
  g_assert_cmpint (lchown (by_stranger, STRANGER, STRANGER), ==, 0);
  make_link (ours, "loop", "loop");

  assert_unresolved (through, "/app/link is a symbolic link");
  assert_unresolved (inside, "/app/link is a symbolic link");
  assert_unresolved (in_tmp, "/link is a symbolic link");
  assert_unresolved (by_stranger, "/theirs is a symbolic link");
  assert_unresolved (loop, "cannot be used");
}

static void
test_not_paths (void)
{
  assert_unresolved ("", "a path from \"/\" on");
  assert_unresolved ("opt/openbravo", "a path from \"/\" on");
  assert_unresolved ("@attach_path@", "a path from \"/\" on");
  assert_unresolved ("/opt/../etc", "without \"..\"");
  assert_unresolved ("/opt/a\nb", "/opt/a\\nb");
  assert_unresolved ("/opt/\377", "UTF-8");
  assert_unresolved ("/proc/self/status/x", "/proc");
}

static void
test_root_is_a_path (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *resolved = ob_instance_path_resolve ("//", NULL, &error);

  g_assert_no_error (error);
  g_assert_cmpstr (resolved, ==, "/");
}

static void
test_parts (void)
{
  static const char *const refused[] = {
    "/",          "/etc",     "/etc/obbackup/x", "/usr",         "/usr/lib/jvm",   "/usr/share",
    "/usr/share/dbus-1", "/usr/local", "/var",   "/var/lib",     "/home",          "/root",
    "/opt",       "/srv",     "/tmp",            "/proc/1/root", "/dev/shm/ob",    "/lib64",
    "/boot/efi",  "/run/ob",  "/sys/fs",         "/bin",         OB_STATE_DIR,
    OB_STATE_DIR "/x", OB_CACHE_DIR "/x", OB_CONFIG_DIR, "/backup", "/backup/repository/x",
    "/backup/repository",
  };
  static const char *const allowed[] = {
    "/opt/OpenbravoERP", "/home/openbravo",     "/root/openbravo", "/srv/ob",
    "/var/lib/tomcat9/webapps/x", "/usr/local/tomcat/webapps/openbravo",
    "/usr/share/tomcat9/webapps/openbravo", "/etcetera",
    "/usr2", "/tmp/ob", OB_STATE_DIR "2", "/backup2", "/data/openbravo",
  };
  static const char *const reserved[] = { "/backup/repository", NULL };

  for (gsize i = 0; i < G_N_ELEMENTS (refused); i++)
    {
      g_autoptr (GError) error = NULL;

      g_test_message ("%s", refused[i]);
      g_assert_false (ob_instance_path_check_part (refused[i], "The sources", reserved, &error));
      g_assert_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT);
      g_assert_true (g_str_has_prefix (error->message, "The sources cannot be "));
    }
  for (gsize i = 0; i < G_N_ELEMENTS (allowed); i++)
    {
      g_autoptr (GError) error = NULL;

      ob_instance_path_check_part (allowed[i], "The sources", reserved, &error);
      g_assert_no_error (error);
    }
}

static void
assert_roots_own (const char *directory, const char *name, const char *words)
{
  g_autofree char *path = in (directory, name);
  g_autoptr (GError) error = NULL;
  gboolean good = ob_instance_path_check_roots_own (path, &error);

  if (words == NULL)
    g_assert_no_error (error);
  else
    {
      g_assert_nonnull (error);
      g_assert_nonnull (strstr (error->message, words));
    }
  g_assert_true (good == (words == NULL));
}

static void
make_program (const char *directory, const char *name, uid_t owner, mode_t mode)
{
  g_autofree char *path = in (directory, name);
  int fd = open (path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

  g_assert_cmpint (fd, >=, 0);
  g_assert_cmpint (fchown (fd, owner, owner), ==, 0);
  g_assert_cmpint (fchmod (fd, mode), ==, 0);
  close (fd);
}

static void
test_roots_own (Places *places, gconstpointer data)
{
  const char *ours = places->ours;

  if (ours == NULL)
    return;
  make_directory (ours, "app", STRANGER);
  make_program (ours, "good", 0, 0755);
  make_program (ours, "writable", 0, 0757);
  make_program (ours, "of-group", 0, 0775);
  make_program (ours, "foreign", STRANGER, 0755);
  make_program (ours, "app/script", 0, 0755);
  make_link (ours, "link", "good");
  make_link (ours, "trap", "app/script");
  make_program (places->theirs, "script", 0, 0755);

  assert_roots_own (ours, "good", NULL);
  assert_roots_own (ours, "link", NULL);
  assert_roots_own (ours, "writable", "/writable");
  assert_roots_own (ours, "of-group", "/of-group");
  assert_roots_own (ours, "foreign", "/foreign");
  assert_roots_own (ours, "app/script", "/app.");
  assert_roots_own (ours, "trap", "/app.");
  assert_roots_own (ours, "missing", "/missing");
  assert_roots_own (places->theirs, "script", "/tmp");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add ("/instance-path/roots-links", Places, NULL, places_set_up, test_roots_links,
              places_tear_down);
  g_test_add ("/instance-path/others-links", Places, NULL, places_set_up, test_others_links,
              places_tear_down);
  g_test_add_func ("/instance-path/not-paths", test_not_paths);
  g_test_add_func ("/instance-path/root", test_root_is_a_path);
  g_test_add_func ("/instance-path/parts", test_parts);
  g_test_add ("/instance-path/roots-own", Places, NULL, places_set_up, test_roots_own,
              places_tear_down);

  return g_test_run ();
}
