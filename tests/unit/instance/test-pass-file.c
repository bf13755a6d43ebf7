/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-postgres.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fixture.h"
#include "ob-child.h"
#include "ob-error.h"
#include "ob-fd.h"

static char *
read_file (const char *path)
{
  g_autoptr (GError) error = NULL;
  char *text = NULL;

  g_file_get_contents (path, &text, NULL, &error);
  g_assert_no_error (error);
  return text;
}

static ObPassFile *
make_file (const ObDatabaseConfig *config)
{
  g_autoptr (GError) error = NULL;
  ObPassFile *file = ob_pass_file_new (config, &error);

  g_assert_no_error (error);
  return file;
}

static void
test_private (void)
{
  ObDatabaseConfig config = { .user = (char *) "tad", .password = (char *) "secret" };
  guint before = fixture_count_fds ();
  g_autofree char *path = NULL;
  g_autofree char *text = NULL;
  mode_t mask = umask (0);
  struct stat info;
  ObPassFile *file = make_file (&config);

  umask (mask);
  path = g_strdup (ob_pass_file_get_path (file));
  g_assert_true (g_path_is_absolute (path));
  g_assert_cmpint (stat (path, &info), ==, 0);
  /* libpq takes no other kind of file, nor one that others could read. */
  g_assert_true (S_ISREG (info.st_mode));
  g_assert_cmpuint (info.st_mode & 07777, ==, 0600);
  text = read_file (path);
  g_assert_cmpstr (text, ==, "*:*:*:tad:secret\n");

  ob_pass_file_free (file);
  ob_pass_file_free (NULL);
  g_assert_cmpint (access (path, F_OK), ==, -1);
  g_assert_cmpuint (fixture_count_fds (), ==, before);
}

/* A child that inherits it reads it by its path, as pg_dump does under the service's unit: with no
 * way into the /proc entry of a process that is not dumpable. */
static void
test_child (void)
{
  ObDatabaseConfig config = { .user = (char *) "tad", .password = (char *) "secret" };
  g_autoptr (ObPassFile) file = make_file (&config);
  const char *argv[] = { "/bin/cat", ob_pass_file_get_path (file), NULL };
  int fd = ob_pass_file_get_fd (file);
  ObChildSpec spec
    = { .argv = argv, .keep_fds = &fd, .n_keep_fds = 1, .stdout_fd = OB_CHILD_CAPTURE };
  g_autoptr (GError) error = NULL;
  g_autoptr (ObChild) first = NULL;
  g_autoptr (ObChild) second = NULL;

  g_assert_cmpint (fd, >=, 3);
  g_assert_true (g_str_has_prefix (argv[1], "/proc/self/fd/"));
  first = ob_child_start (&spec, &error);
  g_assert_no_error (error);
  ob_child_wait (first, NULL, &error);
  g_assert_no_error (error);
  /* And again from its beginning. */
  second = ob_child_start (&spec, &error);
  g_assert_no_error (error);
  ob_child_wait (second, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (ob_child_get_output (first), ==, "*:*:*:tad:secret\n");
  g_assert_cmpstr (ob_child_get_output (second), ==, "*:*:*:tad:secret\n");
}

/* Where the lowest numbers are free, they are a child's own. */
static void
test_low_descriptors (void)
{
  ObDatabaseConfig config = { .user = (char *) "tad", .password = (char *) "secret" };
  g_autoptr (ObPassFile) file = NULL;
  ob_autofd int input = fcntl (STDIN_FILENO, F_DUPFD_CLOEXEC, 3);

  g_assert_cmpint (input, >=, 3);
  close (STDIN_FILENO);
  file = make_file (&config);
  g_assert_cmpint (fcntl (STDIN_FILENO, F_GETFD), ==, -1);
  g_assert_cmpint (dup2 (input, STDIN_FILENO), ==, STDIN_FILENO);
  g_assert_cmpint (ob_pass_file_get_fd (file), >=, 3);
}

/* Splits a line as libpq does: a backslash takes the next character as it is. */
static GStrv
split_line (const char *line)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  g_autoptr (GString) field = g_string_new (NULL);

  for (; *line != '\0'; line++)
    {
      if (*line == ':')
        {
          g_strv_builder_add (builder, field->str);
          g_string_truncate (field, 0);
          continue;
        }
      if (*line == '\\' && line[1] != '\0')
        line++;
      g_string_append_c (field, *line);
    }
  g_strv_builder_add (builder, field->str);
  return g_strv_builder_end (builder);
}

static void
test_escapes (void)
{
  static const char *const words[]
    = { "a:b", "a\\b", "\\", ":", "\\:", "a\\", "#x", " ", "ñ:\\\\:" };

  for (gsize i = 0; i < G_N_ELEMENTS (words); i++)
    {
      ObDatabaseConfig config = { .user = (char *) words[i],
                                  .password = (char *) words[G_N_ELEMENTS (words) - 1 - i] };
      g_autoptr (ObPassFile) file = make_file (&config);
      g_autofree char *text = read_file (ob_pass_file_get_path (file));
      g_auto (GStrv) fields = NULL;

      g_assert_true (g_str_has_suffix (text, "\n"));
      text[strlen (text) - 1] = '\0';
      fields = split_line (text);
      g_assert_cmpuint (g_strv_length (fields), ==, 5);
      g_assert_cmpstr (fields[3], ==, config.user);
      g_assert_cmpstr (fields[4], ==, config.password);
    }
}

static void
test_roles (void)
{
  ObDatabaseConfig both = { .user = (char *) "tad",
                            .password = (char *) "a",
                            .system_user = (char *) "postgres",
                            .system_password = (char *) "b" };
  ObDatabaseConfig same = { .user = (char *) "postgres",
                            .password = (char *) "a",
                            .system_user = (char *) "postgres",
                            .system_password = (char *) "a" };
  ObDatabaseConfig none = { .user = (char *) "tad", .system_user = (char *) "postgres" };
  g_autoptr (ObPassFile) both_file = make_file (&both);
  g_autoptr (ObPassFile) same_file = make_file (&same);
  g_autoptr (ObPassFile) none_file = make_file (&none);
  g_autofree char *both_text = read_file (ob_pass_file_get_path (both_file));
  g_autofree char *same_text = read_file (ob_pass_file_get_path (same_file));
  g_autofree char *none_text = read_file (ob_pass_file_get_path (none_file));

  g_assert_cmpstr (both_text, ==, "*:*:*:tad:a\n*:*:*:postgres:b\n");
  g_assert_cmpstr (same_text, ==, "*:*:*:postgres:a\n");
  g_assert_cmpstr (none_text, ==, "");
}

/* Such a line would end the entry, and begin another one. */
static void
test_line_breaks (void)
{
  static const char *const words[][2]
    = { { "tad", "a\n*:*:*:postgres:b" }, { "tad", "secret\r" }, { "t\nad", "secret" } };

  for (gsize i = 0; i < G_N_ELEMENTS (words); i++)
    {
      ObDatabaseConfig config
        = { .user = (char *) words[i][0], .password = (char *) words[i][1] };
      guint before = fixture_count_fds ();
      g_autoptr (GError) error = NULL;

      g_assert_null (ob_pass_file_new (&config, &error));
      g_assert_ob_error (error, OB_ERROR_INVALID_ARGUMENT);
      g_assert_null (strstr (error->message, "secret"));
      g_assert_cmpuint (fixture_count_fds (), ==, before);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/pass-file/private", test_private);
  g_test_add_func ("/pass-file/child", test_child);
  g_test_add_func ("/pass-file/low-descriptors", test_low_descriptors);
  g_test_add_func ("/pass-file/escapes", test_escapes);
  g_test_add_func ("/pass-file/roles", test_roles);
  g_test_add_func ("/pass-file/line-breaks", test_line_breaks);
  return g_test_run ();
}
