/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-properties-edit.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ob-error.h"
#include "ob-fd.h"
#include "ob-properties.h"

static GHashTable *
setting (const char *key, const char *value)
{
  GHashTable *settings = g_hash_table_new (g_str_hash, g_str_equal);

  g_hash_table_insert (settings, (gpointer) key, (gpointer) value);
  return settings;
}

/* Each byte of the file after one key got a value. */
static void
test_bytes (void)
{
  static const struct
  {
    const char *before;
    const char *value;
    const char *after;
  } cases[] = {
    { "a=b", "c", "a=c" },
    { "#a=b\n  a : b\nz=1", "c", "#a=b\n  a : c\nz=1" },
    { "a b\r\nz=1\r\n", "c", "a c\r\nz=1\r\n" },
    { "a\nz=1\n", "c", "a=c\nz=1\n" },
    { "a=\nz=1\n", "c", "a=c\nz=1\n" },
    { "a=x\\\n  y\\\n  z\nz=p\\\n  q\n", "c", "a=c\nz=p\\\n  q\n" },
    { "a=\\\n  y\nz=1\n", "c", "a=c\nz=1\n" },
    { "a=1\nz=pa\\ss\na=2\n", "c", "a=c\nz=pa\\ss\na=c\n" },
    { "a=\\c\n", "c", "a=\\c\n" },
    { "z=caf\351 ", "c", "z=caf\351 \na=c\n" },
    { "z=1\r\n", "c", "z=1\r\na=c\r\n" },
    { "z=1\\", "c", "z=1\\\n\na=c\n" },
    { "z=1\\\n", "c", "z=1\\\n\na=c\n" },
    { "y=1\nz=1\\\r", "c", "y=1\nz=1\\\r\ra=c\n" },
    { "", "c", "a=c\n" },
    { "a b", "=c", "a \\=c" },
    { "a=b", " c", "a=\\ c" },
    { "a=b", "x\\y", "a=x\\\\y" },
    { "a=b", "jdbc:postgresql://h:1", "a=jdbc:postgresql://h:1" },
    { "a=b", "\303\241\360\237\230\200\t", "a=\\u00e1\\ud83d\\ude00\\u0009" },
    { "a=b\nz=1\n", "", "a=\nz=1\n" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GHashTable) settings = setting ("a", cases[i].value);
      g_autoptr (GBytes) bytes
        = ob_properties_edit (cases[i].before, strlen (cases[i].before), settings,
                              OB_PROPERTIES_EDIT_ALL, "FILE", &error);

      g_assert_no_error (error);
      g_assert_cmpmem (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), cases[i].after,
                       strlen (cases[i].after));
    }
}

static void
test_present (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GHashTable) settings = setting ("a", "c");
  g_autoptr (GBytes) bytes
    = ob_properties_edit ("z=1", 3, settings, OB_PROPERTIES_EDIT_PRESENT, "FILE", &error);

  g_assert_no_error (error);
  g_assert_cmpmem (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), "z=1", 3);
}

static void
test_refused (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GHashTable) settings = setting ("a", "secret");
  g_autoptr (GBytes) bytes
    = ob_properties_edit ("a=\\u12", 6, settings, OB_PROPERTIES_EDIT_ALL, "FILE", &error);

  g_assert_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT);
  g_assert_null (bytes);
  g_assert_null (strstr (error->message, "secret"));
}

/* Owner and mode stay, nothing is left beside it, and what is right is not written. */
static void
test_file (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *directory = g_dir_make_tmp ("ob-edit-XXXXXX", &error);
  g_autofree char *path = g_build_filename (directory, "Openbravo.properties", NULL);
  g_autofree char *text = NULL;
  g_autoptr (GHashTable) settings = setting ("bbdd.sid", "copy");
  ob_autofd int dirfd = open (directory, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
  struct stat first, second;

  g_assert_true (g_file_set_contents (path, "bbdd.sid=live\n", -1, &error));
  g_assert_cmpint (chmod (path, 0640), ==, 0);
  if (geteuid () == 0)
    g_assert_cmpint (chown (path, 1234, 4321), ==, 0);
  for (guint i = 0; i < 2; i++)
    {
      ob_properties_edit_file_at (dirfd, "Openbravo.properties", settings, OB_PROPERTIES_EDIT_ALL,
                                  path, &error);
      g_assert_no_error (error);
      g_assert_cmpint (stat (path, i == 0 ? &first : &second), ==, 0);
    }

  g_assert_true (g_file_get_contents (path, &text, NULL, &error));
  g_assert_cmpstr (text, ==, "bbdd.sid=copy\n");
  g_assert_cmpuint (first.st_mode & 07777, ==, 0640);
  g_assert_cmpuint (first.st_uid, ==, geteuid () == 0 ? 1234 : geteuid ());
  g_assert_true (first.st_ino == second.st_ino);
  g_assert_cmpint (unlink (path), ==, 0);
  g_assert_cmpint (rmdir (directory), ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/properties-edit/bytes", test_bytes);
  g_test_add_func ("/properties-edit/present", test_present);
  g_test_add_func ("/properties-edit/refused", test_refused);
  g_test_add_func ("/properties-edit/file", test_file);

  return g_test_run ();
}
