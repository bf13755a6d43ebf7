/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-properties.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "ob-error.h"
#include "ob-fd.h"
#include "ob-io.h"
#include "ob-path.h"
#include "ob-properties-private.h"
#include "ob-secret.h"

#define MAX_DEPTH 16
#define MAX_EXPANDED (64 * 1024)
/* References that expand to nothing grow no text, so their number has a limit of its own. */
#define MAX_STEPS 1024

typedef struct
{
  char *text;          /* UTF-8 */
  gboolean odd_escape; /* see ob_properties_has_odd_escape() */
} Value;

struct _ObProperties
{
  GHashTable *values; /* UTF-8 key → Value */
  char *override;
};

/* A line of the file on its way to a value, which may be a password. */
typedef GString SecretString;

/* One value whose ${name} are being replaced. */
typedef struct
{
  ObProperties *properties;
  const char *key;
  GString *out;
  guint steps;
} Expansion;

/* internal methods */
static void
value_free (gpointer data)
{
  Value *value = data;

  ob_secret_free (value->text);
  g_free (value);
}

static ObProperties *
properties_new (void)
{
  ObProperties *properties = g_new0 (ObProperties, 1);

  properties->values = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, value_free);
  return properties;
}

static void
secret_string_free (SecretString *string)
{
  ob_secret_wipe (string->str, string->allocated_len);
  g_string_free (string, TRUE);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SecretString, secret_string_free)

static gboolean
is_blank (char c)
{
  return c == ' ' || c == '\t' || c == '\f';
}

/* A text file holds no other control characters than these; whatever does is not one of ours. */
static gboolean
check_text (const char *data, gsize size, const char *label, GError **error)
{
  guint line = 1;

  for (gsize i = 0; i < size; i++)
    {
      guchar c = (guchar) data[i];

      if ((c < 0x20 && strchr ("\t\n\r\f", c) == NULL) || c == 0 || c == 0x7f)
        {
          g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                       "%s is not a properties file: line %u holds the byte 0x%02x, which no text "
                       "has. Name the file config/Openbravo.properties of the installation.",
                       label, line, c);
          return FALSE;
        }
      if (c == '\n' || (c == '\r' && !(i + 1 < size && data[i + 1] == '\n')))
        line++;
    }

  return TRUE;
}

/* One line as it stands in the file, without its end. FALSE at the end of the file. */
static gboolean
next_natural_line (ObPropertiesCursor *cursor, const char **start, gsize *length)
{
  gsize end = cursor->position;

  if (cursor->position >= cursor->size)
    return FALSE;

  while (end < cursor->size && cursor->data[end] != '\n' && cursor->data[end] != '\r')
    end++;
  *start = cursor->data + cursor->position;
  *length = end - cursor->position;

  if (end + 1 < cursor->size && cursor->data[end] == '\r' && cursor->data[end + 1] == '\n')
    end++;
  cursor->end = *length + (gsize) (*start - cursor->data);
  cursor->position = end + 1;
  cursor->line++;
  return TRUE;
}

static void
skip_blanks (const char **start, gsize *length)
{
  while (*length > 0 && is_blank (**start))
    {
      (*start)++;
      (*length)--;
    }
}

static gboolean
is_continued (const char *start, gsize length)
{
  gsize backslashes = 0;

  while (backslashes < length && start[length - 1 - backslashes] == '\\')
    backslashes++;
  return backslashes % 2 == 1;
}

static void
append_piece (ObPropertiesCursor *cursor, GString *logical, const char *start, gsize length)
{
  g_string_append_len (logical, start, (gssize) length);
  for (gsize i = 0; cursor->origins != NULL && i < length; i++)
    {
      gsize origin = (gsize) (start - cursor->data) + i;

      g_array_append_val (cursor->origins, origin);
    }
}

static gboolean
parse_hex4 (const char *text, gsize length, gunichar *unit)
{
  *unit = 0;
  if (length < 4)
    return FALSE;
  for (gsize i = 0; i < 4; i++)
    {
      int digit = g_ascii_xdigit_value (text[i]);

      if (digit < 0)
        return FALSE;
      *unit = *unit << 4 | (gunichar) digit;
    }
  return TRUE;
}

static void
flush_surrogate (GString *out, gunichar *high)
{
  if (*high != 0)
    g_string_append_unichar (out, 0xfffd);
  *high = 0;
}

/* Java's strings are UTF-16, so a character beyond the first plane comes as two escapes. A half
 * without its other half has no meaning and becomes U+FFFD. */
static void
append_unit (GString *out, gunichar *high, gunichar unit)
{
  if (unit >= 0xdc00 && unit <= 0xdfff && *high != 0)
    {
      g_string_append_unichar (out, 0x10000 + ((*high - 0xd800) << 10) + (unit - 0xdc00));
      *high = 0;
      return;
    }

  flush_surrogate (out, high);
  if (unit >= 0xd800 && unit <= 0xdbff)
    *high = unit;
  else if (unit >= 0xdc00 && unit <= 0xdfff)
    g_string_append_unichar (out, 0xfffd);
  else
    g_string_append_unichar (out, unit);
}

/* The UTF-16 unit of the escape whose four digits are @text. 0 is no character of any value. */
static gboolean
parse_unicode_escape (const ObPropertiesCursor *cursor, guint line, const char *text, gsize length,
                      gunichar *unit, GError **error)
{
  if (parse_hex4 (text, length, unit) && *unit != 0)
    return TRUE;

  g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
               "%s cannot be read, neither by Openbravo: line %u has \"\\u\" without the four "
               "hexadecimal digits of a character. Write a backslash that is meant as such twice.",
               cursor->label, line);
  return FALSE;
}

static gboolean
parse_line (ObProperties *properties, const ObPropertiesCursor *cursor, const GString *logical,
            guint line, GError **error)
{
  g_autofree char *key = NULL;
  gsize key_length, value_start;
  gboolean odd = FALSE;
  Value *value;
  char *text;

  ob_properties_split_line (logical, &key_length, &value_start);
  key = ob_properties_unescape (cursor, line, logical->str, key_length, &odd, error);
  if (key == NULL)
    return FALSE;
  odd = FALSE;
  text = ob_properties_unescape (cursor, line, logical->str + value_start,
                                 logical->len - value_start, &odd, error);
  if (text == NULL)
    return FALSE;

  value = g_new0 (Value, 1);
  value->text = text;
  value->odd_escape = odd;
  g_hash_table_replace (properties->values, g_steal_pointer (&key), value);
  return TRUE;
}

static ObProperties *
load_at (int dirfd, const char *name, const char *label, GError **error)
{
  g_autoptr (GBytes) bytes = NULL;
  const char *data;
  gsize size;

  bytes = ob_read_file_at (dirfd, name, OB_PROPERTIES_MAX_SIZE, error);
  if (bytes == NULL)
    {
      g_prefix_error (error, "%s cannot be read: ", label);
      return NULL;
    }
  data = g_bytes_get_data (bytes, &size);
  return ob_properties_parse (data, size, label, error);
}

/* Reads the override into @properties. Its absence is the usual case. */
static gboolean
apply_override (ObProperties *properties, int dirfd, const char *path, const char *machine,
                GError **error)
{
  g_autofree char *directory = g_path_get_dirname (path);
  g_autofree char *name = g_strdup_printf ("%s.Openbravo.properties", machine);
  g_autofree char *label = g_build_filename (directory, name, NULL);
  g_autoptr (ObProperties) winner = NULL;
  g_autoptr (GError) local = NULL;
  GHashTableIter iter;
  gpointer key, value;

  winner = load_at (dirfd, name, label, &local);
  if (winner == NULL)
    {
      if (g_error_matches (local, OB_ERROR, OB_ERROR_NOT_FOUND))
        return TRUE;
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }

  g_hash_table_iter_init (&iter, winner->values);
  while (g_hash_table_iter_next (&iter, &key, &value))
    {
      g_hash_table_iter_steal (&iter);
      g_hash_table_replace (properties->values, key, value);
    }
  properties->override = g_steal_pointer (&label);
  return TRUE;
}

static const char *
lookup (ObProperties *properties, const char *key)
{
  Value *value = g_hash_table_lookup (properties->values, key);

  return value != NULL ? value->text : NULL;
}

static gboolean
expand_into (Expansion *expansion, const char *value, guint depth, GError **error)
{
  while (*value != '\0')
    {
      const char *end = g_str_has_prefix (value, "${") ? strchr (value, '}') : NULL;
      g_autofree char *name = end != NULL ? g_strndup (value + 2, (gsize) (end - value - 2)) : NULL;
      const char *inner = name != NULL ? lookup (expansion->properties, name) : NULL;

      if (inner == NULL)
        {
          gsize length = end != NULL ? (gsize) (end + 1 - value) : 1;

          g_string_append_len (expansion->out, value, (gssize) length);
          value += length;
          continue;
        }

      expansion->steps++;
      if (depth >= MAX_DEPTH || expansion->steps > MAX_STEPS
          || expansion->out->len + strlen (inner) > MAX_EXPANDED)
        {
          g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                       "The value of %s cannot be told: ${%s} in it refers to itself, is nested "
                       "more than %d deep, or grows beyond %d bytes.",
                       expansion->key, name, MAX_DEPTH, MAX_EXPANDED);
          return FALSE;
        }
      if (!expand_into (expansion, inner, depth + 1, error))
        return FALSE;
      value = end + 1;
    }

  return TRUE;
}

/* public methods */
gboolean
ob_properties_next_line (ObPropertiesCursor *cursor, GString *logical, guint *line)
{
  const char *start;
  gsize length;

  g_string_truncate (logical, 0);
  if (cursor->origins != NULL)
    g_array_set_size (cursor->origins, 0);

  while (next_natural_line (cursor, &start, &length))
    {
      skip_blanks (&start, &length);
      if (length == 0 || *start == '#' || *start == '!')
        continue;

      *line = cursor->line;
      while (is_continued (start, length))
        {
          append_piece (cursor, logical, start, length - 1);
          length = 0;
          cursor->open = !next_natural_line (cursor, &start, &length);
          if (cursor->open)
            break;
          skip_blanks (&start, &length);
        }
      append_piece (cursor, logical, start, length);
      if (logical->len > 0)
        return TRUE;
    }

  return FALSE;
}

char *
ob_properties_unescape (const ObPropertiesCursor *cursor, guint line, const char *text,
                        gsize length, gboolean *odd, GError **error)
{
  g_autoptr (SecretString) out = g_string_sized_new (length + 1);
  gunichar high = 0;

  for (gsize i = 0; i < length; i++)
    {
      gunichar unit = (guchar) text[i];

      if (text[i] == '\\' && i + 1 == length)
        break;
      if (text[i] == '\\' && text[i + 1] == 'u')
        {
          if (!parse_unicode_escape (cursor, line, text + i + 2, length - i - 2, &unit, error))
            return NULL;
          i += 5;
        }
      else if (text[i] == '\\')
        {
          static const char letters[] = "tnrf", meanings[] = "\t\n\r\f";
          const char *letter = strchr (letters, text[++i]);

          *odd = *odd || g_ascii_isalnum (text[i]);
          unit = letter != NULL ? (guchar) meanings[letter - letters] : (guchar) text[i];
        }
      append_unit (out, &high, unit);
    }

  flush_surrogate (out, &high);
  return g_strndup (out->str, out->len);
}

void
ob_properties_split_line (const GString *logical, gsize *key_length, gsize *value_start)
{
  gsize i = 0;

  while (i < logical->len && !is_blank (logical->str[i]) && strchr ("=:", logical->str[i]) == NULL)
    i += logical->str[i] == '\\' ? 2 : 1;
  *key_length = MIN (i, logical->len);

  i = *key_length;
  while (i < logical->len && is_blank (logical->str[i]))
    i++;
  if (i < logical->len && strchr ("=:", logical->str[i]) != NULL)
    i++;
  while (i < logical->len && is_blank (logical->str[i]))
    i++;
  *value_start = i;
}

ObProperties *
ob_properties_parse (const char *data, gsize size, const char *label, GError **error)
{
  g_autoptr (ObProperties) properties = properties_new ();
  g_autoptr (SecretString) logical = g_string_new (NULL);
  ObPropertiesCursor cursor = { .data = data, .size = size, .label = label };
  guint line;

  if (size > OB_PROPERTIES_MAX_SIZE)
    {
      g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                   "%s is not a properties file: it is larger than 1 MiB.", label);
      return NULL;
    }
  if (!check_text (data, size, label, error))
    return NULL;

  while (ob_properties_next_line (&cursor, logical, &line))
    if (!parse_line (properties, &cursor, logical, line, error))
      return NULL;

  return g_steal_pointer (&properties);
}

ObProperties *
ob_properties_load (const char *path, const char *machine, GError **error)
{
  g_autoptr (ObProperties) properties = NULL;
  g_autofree char *name = NULL;
  ob_autofd int dirfd = -1;

  dirfd = ob_path_open_parent (path, &name, error);
  if (dirfd < 0)
    {
      g_prefix_error (error, "%s cannot be read: ", path);
      return NULL;
    }

  properties = load_at (dirfd, name, path, error);
  if (properties == NULL)
    return NULL;

  if (machine == NULL)
    machine = g_get_host_name ();
  if (strchr (machine, '/') == NULL
      && !apply_override (properties, dirfd, path, machine, error))
    return NULL;

  return g_steal_pointer (&properties);
}

void
ob_properties_free (ObProperties *properties)
{
  g_hash_table_unref (properties->values);
  g_free (properties->override);
  g_free (properties);
}

const char *
ob_properties_get_override (ObProperties *properties)
{
  return properties->override;
}

const char *
ob_properties_get (ObProperties *properties, const char *key)
{
  const char *value = lookup (properties, key);

  return value != NULL && *value != '\0' ? value : NULL;
}

gboolean
ob_properties_has_odd_escape (ObProperties *properties, const char *key)
{
  Value *value = g_hash_table_lookup (properties->values, key);

  return value != NULL && value->odd_escape;
}

char *
ob_properties_expand (ObProperties *properties, const char *key, GError **error)
{
  g_autoptr (GString) out = g_string_new (NULL);
  Expansion expansion = { properties, key, out, 0 };
  const char *value = ob_properties_get (properties, key);

  if (value == NULL || !expand_into (&expansion, value, 0, error))
    return NULL;
  return out->len > 0 ? g_strndup (out->str, out->len) : NULL;
}
