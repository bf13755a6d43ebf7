/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-properties-edit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ob-error.h"
#include "ob-fd.h"
#include "ob-io.h"
#include "ob-properties-private.h"
#include "ob-properties.h"
#include "ob-secret.h"

/* Text on its way into the file, which may hold a password. */
typedef GString SecretText;

static void
secret_text_free (SecretText *text)
{
  ob_secret_wipe (text->str, text->allocated_len);
  g_string_free (text, TRUE);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SecretText, secret_text_free)

/* internal methods */
static gboolean
key_is_plain (const char *key)
{
  return *key != '\0'
         && key[strspn (key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")]
              == '\0';
}

static void
append_escaped (GString *out, gunichar c)
{
  if (c > 0xffff)
    g_string_append_printf (out, "\\u%04x\\u%04x", 0xd800 + ((c - 0x10000) >> 10),
                            0xdc00 + ((c - 0x10000) & 0x3ff));
  else if (c == '\\')
    g_string_append (out, "\\\\");
  else if (c < 0x20 || c >= 0x7f)
    g_string_append_printf (out, "\\u%04x", c);
  else
    g_string_append_c (out, (char) c);
}

/* A blank or separator that begins the value would be taken for part of what stands before it. */
static void
append_value (GString *out, const char *value)
{
  if (*value != '\0' && strchr (" =:", *value) != NULL)
    g_string_append_c (out, '\\');
  for (const char *p = value; *p != '\0'; p = g_utf8_next_char (p))
    append_escaped (out, g_utf8_get_char (p));
}

/* The line end that the file uses. */
static const char *
line_end (const char *data, gsize size)
{
  for (gsize i = 0; i < size; i++)
    {
      if (data[i] == '\n')
        return "\n";
      if (data[i] == '\r')
        return i + 1 < size && data[i + 1] == '\n' ? "\r\n" : "\r";
    }
  return "\n";
}

/* Puts the wanted value in place of the one of the @logical line, and copies what stands between
 * it and the place *@copied up to which the file was copied. */
static gboolean
edit_line (const ObPropertiesCursor *cursor, const GString *logical, guint line,
           GHashTable *settings, GHashTable *seen, GString *out, gsize *copied, GError **error)
{
  g_autofree char *key = NULL;
  char *text;
  gsize key_length, value_start, from;
  gboolean odd = FALSE, same;
  const char *wanted;

  ob_properties_split_line (logical, &key_length, &value_start);
  key = ob_properties_unescape (cursor, line, logical->str, key_length, &odd, error);
  if (key == NULL)
    return FALSE;
  wanted = g_hash_table_lookup (settings, key);
  if (wanted == NULL)
    return TRUE;

  text = ob_properties_unescape (cursor, line, logical->str + value_start,
                                 logical->len - value_start, &odd, error);
  if (text == NULL)
    return FALSE;
  same = g_str_equal (text, wanted);
  ob_secret_free (text);
  g_hash_table_add (seen, g_steal_pointer (&key));
  if (same)
    return TRUE;

  from = g_array_index (cursor->origins, gsize, value_start - 1) + 1;
  g_string_append_len (out, cursor->data + *copied, (gssize) (from - *copied));
  if (value_start == key_length)
    g_string_append_c (out, '=');
  append_value (out, wanted);
  *copied = cursor->end;
  return TRUE;
}

/* Adds the keys that were not seen, in the order of their names. */
static void
append_missing (const ObPropertiesCursor *cursor, GHashTable *settings, GHashTable *seen,
                GString *out)
{
  g_autoptr (GList) keys = g_list_sort (g_hash_table_get_keys (settings), (GCompareFunc) strcmp);
  const char *end = line_end (cursor->data, cursor->size);
  gboolean first = TRUE;

  for (GList *i = keys; i != NULL; i = i->next)
    {
      if (g_hash_table_contains (seen, i->data))
        continue;
      if (first && out->len > 0 && strchr ("\r\n", out->str[out->len - 1]) == NULL)
        g_string_append (out, end);
      /* The last line asked to be continued: an empty line is its continuation, not our key. A CR
       * and the LF behind it are one line end. */
      if (first && cursor->open)
        g_string_append (out, g_str_has_suffix (out->str, "\r") ? "\r" : end);
      first = FALSE;
      g_string_append_printf (out, "%s=", (const char *) i->data);
      append_value (out, g_hash_table_lookup (settings, i->data));
      g_string_append (out, end);
    }
}

/* What counts is what a reader makes of the file. */
static gboolean
check_result (const GString *out, GHashTable *settings, GHashTable *seen,
              ObPropertiesEditMode mode, const char *label, GError **error)
{
  g_autoptr (ObProperties) properties = ob_properties_parse (out->str, out->len, label, error);
  GHashTableIter iter;
  gpointer key, value;

  if (properties == NULL)
    return FALSE;

  g_hash_table_iter_init (&iter, settings);
  while (g_hash_table_iter_next (&iter, &key, &value))
    {
      const char *got = ob_properties_get (properties, key);

      if (mode == OB_PROPERTIES_EDIT_PRESENT && !g_hash_table_contains (seen, key))
        continue;
      if (g_strcmp0 (got != NULL ? got : "", value) != 0)
        {
          g_set_error (error, OB_ERROR, OB_ERROR_FAILED,
                       "%s was left as it is: %s could not be written so that it reads as it was "
                       "meant. Change it by hand.",
                       label, (const char *) key);
          return FALSE;
        }
    }
  return TRUE;
}

/* Writes @bytes beside @name and renames it there. */
static gboolean
write_beside (int dirfd, const char *name, const char *temporary, GBytes *bytes,
              const struct stat *old, const char *label, GError **error)
{
  gsize size;
  const char *data = g_bytes_get_data (bytes, &size);
  ob_autofd int fd
    = openat (dirfd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

  if (fd < 0)
    return ob_set_error_errno (error, errno, "%s cannot be changed", label);

  /* The owner comes before the mode: until then nobody else reads the passwords in it. */
  if (ob_write_full (fd, data, size) && fchown (fd, old->st_uid, old->st_gid) == 0
      && fchmod (fd, old->st_mode & 0777) == 0 && fsync (fd) == 0
      && renameat (dirfd, temporary, dirfd, name) == 0)
    {
      if (fsync (dirfd) == 0)
        return TRUE;
      return ob_set_error_errno (error, errno, "The directory of %s cannot be written to disk",
                                 label);
    }

  ob_set_error_errno (error, errno, "%s cannot be changed", label);
  unlinkat (dirfd, temporary, 0);
  return FALSE;
}

/* public methods */
GBytes *
ob_properties_edit (const char *data, gsize size, GHashTable *settings, ObPropertiesEditMode mode,
                    const char *label, GError **error)
{
  g_autoptr (ObProperties) before = ob_properties_parse (data, size, label, error);
  g_autoptr (SecretText) out = g_string_sized_new (size + 256);
  g_autoptr (SecretText) logical = g_string_new (NULL);
  g_autoptr (GHashTable) seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autoptr (GArray) origins = g_array_new (FALSE, FALSE, sizeof (gsize));
  ObPropertiesCursor cursor = { .data = data, .size = size, .label = label, .origins = origins };
  GHashTableIter iter;
  gpointer key;
  gsize copied = 0;
  guint line;

  if (before == NULL)
    return NULL;
  g_hash_table_iter_init (&iter, settings);
  while (g_hash_table_iter_next (&iter, &key, NULL))
    g_return_val_if_fail (key_is_plain (key), NULL);

  while (ob_properties_next_line (&cursor, logical, &line))
    if (!edit_line (&cursor, logical, line, settings, seen, out, &copied, error))
      return NULL;
  g_string_append_len (out, data + copied, (gssize) (size - copied));
  if (mode == OB_PROPERTIES_EDIT_ALL)
    append_missing (&cursor, settings, seen, out);

  if (!check_result (out, settings, seen, mode, label, error))
    return NULL;
  return g_bytes_new (out->str, out->len);
}

gboolean
ob_properties_edit_file_at (int dirfd, const char *name, GHashTable *settings,
                            ObPropertiesEditMode mode, const char *label, GError **error)
{
  g_autoptr (GBytes) old = NULL;
  g_autoptr (GBytes) new = NULL;
  g_autofree char *temporary = NULL;
  struct stat info;
  const char *data;
  gsize size;

  old = ob_read_file_at (dirfd, name, OB_PROPERTIES_MAX_SIZE, error);
  if (old == NULL)
    {
      g_prefix_error (error, "%s cannot be changed: ", label);
      return FALSE;
    }
  if (fstatat (dirfd, name, &info, AT_SYMLINK_NOFOLLOW) != 0)
    return ob_set_error_errno (error, errno, "%s cannot be changed", label);
  /* Another thing may have been put there since: its mode is not the one to keep. */
  if (!S_ISREG (info.st_mode))
    return ob_set_error_errno (error, EAGAIN, "%s was replaced while it was read", label);

  data = g_bytes_get_data (old, &size);
  new = ob_properties_edit (data, size, settings, mode, label, error);
  if (new == NULL)
    return FALSE;
  if (g_bytes_equal (old, new))
    return TRUE;

  temporary = g_strdup_printf (".%.200s.%08x", name, g_random_int ());
  return write_beside (dirfd, name, temporary, new, &info, label, error);
}
