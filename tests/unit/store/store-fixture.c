/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "store-fixture.h"

#include <sys/stat.h>

ObStore *
open_store (Fixture *fixture, const char *name)
{
  g_autofree char *path = fixture_path (fixture, name);
  g_autoptr (GError) error = NULL;
  ObStore *store = ob_local_store_new (path, FALSE, &error);

  g_assert_no_error (error);
  return store;
}

void
put_text (ObStore *store, const char *name, const char *text, ObStorePutFlags flags)
{
  struct iovec part = { (void *) text, strlen (text) };
  g_autoptr (GError) error = NULL;

  ob_store_put (store, name, &part, 1, flags, NULL, &error);
  g_assert_no_error (error);
}

void
flush (ObStore *store)
{
  g_autoptr (GError) error = NULL;

  ob_store_flush (store, NULL, &error);
  g_assert_no_error (error);
}

gboolean
put_much (ObStore *store, const char *name, gsize size, ObStorePutFlags flags, GError **error)
{
  g_autofree char *data = g_strnfill (size, 'x');
  struct iovec part = { data, size };

  return ob_store_put (store, name, &part, 1, flags, NULL, error);
}

void
assert_object (ObStore *store, const char *name, const char *text)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes = ob_store_get (store, name, 1000, NULL, &error);

  if (text == NULL)
    {
      g_assert_ob_error (error, OB_ERROR_NOT_FOUND);
      g_assert_message (error, name);
      return;
    }
  g_assert_no_error (error);
  g_assert_cmpmem (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), text, strlen (text));
}

static gboolean
add_name (const char *name, guint64 size, gpointer user_data)
{
  g_ptr_array_add (user_data, g_strdup (name));
  return TRUE;
}

static int
compare (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

void
assert_list (ObStore *store, const char *directory, const char *names)
{
  g_autoptr (GPtrArray) found = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GError) error = NULL;
  g_autofree char *all = NULL;

  ob_store_list (store, directory, add_name, found, NULL, &error);
  g_assert_no_error (error);
  g_ptr_array_sort (found, compare);
  g_ptr_array_add (found, NULL);
  all = g_strjoinv (" ", (char **) found->pdata);
  g_assert_cmpstr (all, ==, names);
}

guint
count_files (Fixture *fixture, const char *name)
{
  g_autofree char *path = fixture_path (fixture, name);
  g_autoptr (GDir) directory = g_dir_open (path, 0, NULL);
  guint count = 0;

  g_assert_nonnull (directory);
  for (const char *entry; (entry = g_dir_read_name (directory)) != NULL;)
    {
      g_autofree char *below = g_build_filename (name, entry, NULL);
      g_autofree char *below_path = fixture_path (fixture, below);
      struct stat info;

      g_assert_cmpint (lstat (below_path, &info), ==, 0);
      count += S_ISDIR (info.st_mode) ? count_files (fixture, below) : 1;
    }
  return count;
}
