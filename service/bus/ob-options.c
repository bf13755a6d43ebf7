/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-options.h"

#include <string.h>

#include "ob-error.h"

/* How much of a key that somebody sent is repeated in an error. */
#define MAX_KEY_SHOWN 64

typedef struct
{
  GVariant *value;
  const char **strings; /* of an "as", into the value */
} Value;

struct _ObOptions
{
  GHashTable *values; /* name of the spec → Value */
  GUnixFDList *fds;
};

static void
value_free (gpointer data)
{
  Value *value = data;

  g_free (value->strings);
  g_variant_unref (value->value);
  g_free (value);
}

static char *
list_known (const ObOptionSpec *specs)
{
  GString *text = g_string_new (NULL);

  for (const ObOptionSpec *spec = specs; spec->name != NULL; spec++)
    g_string_append_printf (text, "%s\"%s\"", text->len > 0 ? ", " : "", spec->name);
  return g_string_free (text, FALSE);
}

static const ObOptionSpec *
find_spec (const ObOptionSpec *specs, const char *name, GError **error)
{
  g_autofree char *known = NULL;
  g_autofree char *escaped = NULL;
  g_autofree char *shown = NULL;

  for (const ObOptionSpec *spec = specs; spec->name != NULL; spec++)
    if (strcmp (spec->name, name) == 0)
      return spec;
  known = list_known (specs);
  escaped = g_strescape (name, NULL);
  shown = g_strndup (escaped, MAX_KEY_SHOWN);
  if (*known == '\0')
    g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                 "There is no option \"%s\" here: this method takes none", shown);
  else
    g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                 "There is no option \"%s\" here; it takes %s", shown, known);
  return NULL;
}

static gboolean
check_string (const ObOptionSpec *spec, GVariant *string, GError **error)
{
  gsize length = 0;

  g_variant_get_string (string, &length);
  if ((length > 0 || spec->may_be_empty) && length <= OB_OPTIONS_MAX_STRING)
    return TRUE;
  g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
               length == 0 ? "Option \"%s\" must not be empty; leave it out instead"
                           : "Option \"%s\" is longer than the 4096 bytes that it may have",
               spec->name);
  return FALSE;
}

static gboolean
check_strings (const ObOptionSpec *spec, GVariant *strings, GError **error)
{
  gsize n = g_variant_n_children (strings);

  if (n == 0 || n > OB_OPTIONS_MAX_STRINGS)
    {
      g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                   "Option \"%s\" has %" G_GSIZE_FORMAT " words; give 1 to %d of them", spec->name,
                   n, OB_OPTIONS_MAX_STRINGS);
      return FALSE;
    }
  for (gsize i = 0; i < n; i++)
    {
      g_autoptr (GVariant) string = g_variant_get_child_value (strings, i);

      if (!check_string (spec, string, error))
        return FALSE;
    }
  return TRUE;
}

int
ob_options_peek_handle (gint32 handle, GUnixFDList *fds, const char *name, GError **error)
{
  int n = 0;
  const int *list = fds != NULL ? g_unix_fd_list_peek_fds (fds, &n) : NULL;

  if (handle >= 0 && handle < n)
    return list[handle];
  g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
               "\"%s\" refers to file descriptor %d of the message, which carries %d", name, handle,
               n);
  return -1;
}

static gboolean
check_value (const ObOptionSpec *spec, GVariant *value, GUnixFDList *fds, GError **error)
{
  if (!g_variant_is_of_type (value, G_VARIANT_TYPE (spec->type)))
    {
      g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                   "Option \"%s\" has the D-Bus type \"%.32s\"; it has to be \"%s\"", spec->name,
                   g_variant_get_type_string (value), spec->type);
      return FALSE;
    }
  switch (spec->type[0])
    {
    case 's':
      return check_string (spec, value, error);
    case 'a':
      return check_strings (spec, value, error);
    case 'h':
      return ob_options_peek_handle (g_variant_get_handle (value), fds, spec->name, error) >= 0;
    default:
      return TRUE;
    }
}

/* @entry: {sv} or {sh} */
static gboolean
read_entry (ObOptions *self, GVariant *entry, const ObOptionSpec *specs, GError **error)
{
  g_autoptr (GVariant) key = g_variant_get_child_value (entry, 0);
  g_autoptr (GVariant) value = g_variant_get_child_value (entry, 1);
  const ObOptionSpec *spec = find_spec (specs, g_variant_get_string (key, NULL), error);
  Value *kept = NULL;

  if (spec == NULL)
    return FALSE;
  if (g_hash_table_contains (self->values, spec->name))
    {
      g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                   "Option \"%s\" is there twice; give it once", spec->name);
      return FALSE;
    }
  if (g_variant_is_of_type (value, G_VARIANT_TYPE_VARIANT))
    {
      g_autoptr (GVariant) boxed = g_steal_pointer (&value);

      value = g_variant_get_variant (boxed);
    }
  if (!check_value (spec, value, self->fds, error))
    return FALSE;
  kept = g_new0 (Value, 1);
  kept->value = g_steal_pointer (&value);
  if (strcmp (spec->type, "as") == 0)
    kept->strings = g_variant_get_strv (kept->value, NULL);
  g_hash_table_insert (self->values, (gpointer) spec->name, kept);
  return TRUE;
}

ObOptions *
ob_options_read (GVariant *dictionary, const ObOptionSpec *specs, GUnixFDList *fds, GError **error)
{
  g_autoptr (ObOptions) self = g_new0 (ObOptions, 1);
  gsize n = g_variant_n_children (dictionary);

  self->values = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, value_free);
  g_set_object (&self->fds, fds);
  if (n > OB_OPTIONS_MAX_ENTRIES)
    {
      g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                   "There are %" G_GSIZE_FORMAT " options; no method takes so many", n);
      return NULL;
    }
  for (gsize i = 0; i < n; i++)
    {
      g_autoptr (GVariant) entry = g_variant_get_child_value (dictionary, i);

      if (!read_entry (self, entry, specs, error))
        return NULL;
    }
  for (const ObOptionSpec *spec = specs; spec->name != NULL; spec++)
    if (spec->required && !g_hash_table_contains (self->values, spec->name))
      {
        g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                     "Option \"%s\" is missing; it has to be given", spec->name);
        return NULL;
      }
  return g_steal_pointer (&self);
}

gboolean
ob_options_read_none (GVariant *dictionary, GError **error)
{
  static const ObOptionSpec none[] = { { NULL, NULL, FALSE } };
  g_autoptr (ObOptions) options = ob_options_read (dictionary, none, NULL, error);

  return options != NULL;
}

void
ob_options_free (ObOptions *self)
{
  g_clear_pointer (&self->values, g_hash_table_unref);
  g_clear_object (&self->fds);
  g_free (self);
}

static const Value *
find (ObOptions *self, const char *name)
{
  return g_hash_table_lookup (self->values, name);
}

const char *
ob_options_get_string (ObOptions *self, const char *name)
{
  const Value *value = find (self, name);

  return value != NULL ? g_variant_get_string (value->value, NULL) : NULL;
}

const char *const *
ob_options_get_strings (ObOptions *self, const char *name)
{
  const Value *value = find (self, name);

  return value != NULL ? value->strings : NULL;
}

gboolean
ob_options_get_parts (ObOptions *options, ObParts *parts, GError **error)
{
  const char *const *names = ob_options_get_strings (options, "parts");

  *parts = 0;
  return names == NULL || ob_parts_from_names (names, parts, error);
}

gboolean
ob_options_get_boolean (ObOptions *self, const char *name)
{
  const Value *value = find (self, name);

  return value != NULL && g_variant_get_boolean (value->value);
}

gboolean
ob_options_has (ObOptions *self, const char *name)
{
  return find (self, name) != NULL;
}

gdouble
ob_options_get_double (ObOptions *self, const char *name)
{
  const Value *value = find (self, name);

  return value != NULL ? g_variant_get_double (value->value) : 0;
}

guint64
ob_options_get_uint64 (ObOptions *self, const char *name)
{
  const Value *value = find (self, name);

  return value != NULL ? g_variant_get_uint64 (value->value) : 0;
}

guint
ob_options_get_uint (ObOptions *self, const char *name)
{
  const Value *value = find (self, name);

  return value != NULL ? g_variant_get_uint32 (value->value) : 0;
}

int
ob_options_get_fd (ObOptions *self, const char *name)
{
  const Value *value = find (self, name);

  if (value == NULL)
    return -1;
  return ob_options_peek_handle (g_variant_get_handle (value->value), self->fds, name, NULL);
}

/* What a client says an id is goes into messages and no further than the catalogue's own check. */
static gboolean
is_short (const char *id)
{
  return *id != '\0' && strlen (id) <= OB_OPTIONS_MAX_STRING;
}

gboolean
ob_options_check_id (const char *id, GError **error)
{
  if (is_short (id))
    return TRUE;
  g_set_error_literal (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                       "That is no id of a backup; give its first digits, at least four, or "
                       "\"latest\"");
  return FALSE;
}

gboolean
ob_options_check_ids (const char *const *ids, GError **error)
{
  guint n = g_strv_length ((char **) ids);
  gboolean good = n <= OB_OPTIONS_MAX_STRINGS;

  for (guint i = 0; good && i < n; i++)
    good = is_short (ids[i]);
  if (good)
    return TRUE;
  g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
               "Give at most %d ids of backups, of each the first digits, at least four, or "
               "\"latest\"",
               OB_OPTIONS_MAX_STRINGS);
  return FALSE;
}
