/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-keyfile.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "ob-error.h"
#include "ob-fd.h"
#include "ob-io.h"
#include "ob-path.h"

#define MAX_SIZE (1024 * 1024)
#define SUFFIX ".conf"

/* The number of the line of @text that holds @position. */
static guint
line_of (const char *text, const char *position)
{
  guint line = 1;

  for (; text < position; text++)
    if (*text == '\n')
      line++;
  return line;
}

GKeyFile *
ob_keyfile_load_at (int dirfd, const char *name, GError **error)
{
  g_autoptr (GBytes) bytes = ob_read_file_at (dirfd, name, MAX_SIZE, error);
  g_autoptr (GKeyFile) file = g_key_file_new ();
  g_autoptr (GError) parse_error = NULL;
  const char *text;
  const char *bad;
  gsize size;

  if (bytes == NULL)
    return NULL;

  text = g_bytes_get_data (bytes, &size);
  if (!g_utf8_validate_len (text, size, &bad))
    {
      g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                   "The configuration file %s is not UTF-8 text: see line %u", name,
                   line_of (text, bad));
      return NULL;
    }
  if (!g_key_file_load_from_data (file, text, size, G_KEY_FILE_KEEP_COMMENTS, &parse_error))
    {
      g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                   "The configuration file %s cannot be understood: %s", name,
                   parse_error->message);
      return NULL;
    }
  return g_steal_pointer (&file);
}

gboolean
ob_keyfile_save_at (int dirfd, const char *name, GKeyFile *file, GError **error)
{
  gsize size;
  g_autofree char *text = g_key_file_to_data (file, &size, NULL);

  return ob_replace_file_at (dirfd, name, text, size, 0600, error);
}

GKeyFile *
ob_keyfile_copy (GKeyFile *file)
{
  g_autofree char *text = g_key_file_to_data (file, NULL, NULL);
  GKeyFile *copy = g_key_file_new ();

  g_key_file_load_from_data (copy, text, strlen (text), G_KEY_FILE_KEEP_COMMENTS, NULL);
  return copy;
}

static int
compare_names (gconstpointer a, gconstpointer b)
{
  return g_strcmp0 (*(const char *const *) a, *(const char *const *) b);
}

char **
ob_keyfile_list (int dirfd, GError **error)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  ob_autofd int fd = openat (dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *directory = fd < 0 ? NULL : fdopendir (fd);
  int errnum;

  if (directory == NULL)
    {
      ob_set_error_errno (error, errno, "A configuration directory cannot be read");
      return NULL;
    }
  ob_fd_steal (&fd);

  errno = 0;
  for (struct dirent *entry; (entry = readdir (directory)) != NULL; errno = 0)
    {
      g_autofree char *name = NULL;

      if (!g_str_has_suffix (entry->d_name, SUFFIX))
        continue;
      name = g_strndup (entry->d_name, strlen (entry->d_name) - strlen (SUFFIX));
      if (ob_name_is_valid (name))
        g_ptr_array_add (names, g_steal_pointer (&name));
    }
  errnum = errno;
  closedir (directory);
  if (errnum != 0)
    {
      ob_set_error_errno (error, errnum, "A configuration directory cannot be read");
      return NULL;
    }

  g_ptr_array_sort (names, compare_names);
  g_ptr_array_add (names, NULL);
  return (char **) g_ptr_array_free (g_steal_pointer (&names), FALSE);
}
