/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-checkup.h"

#include <string.h>

#include "ob-error.h"
#include "ob-wait.h"

/* The longest text of a step: a server's message, a path and a sentence of ours. */
#define MAX_TEXT 2048

struct _ObCheckup
{
  ObCheckupFunc func;
  gpointer user_data;
  GCancellable *cancellable;
  GHashTable *ended; /* name to whether others may go on */
  GPtrArray *steps;  /* of GVariant */
  const char *name;  /* of the step that was begun, or NULL */
  GPtrArray *figures; /* of GVariant, "{sv}" each */
  GError *first;
  gboolean thrifty;
};

/* internal methods */

/* One line of UTF-8 that steers no terminal. */
static char *
clean (const char *text)
{
  g_autofree char *valid = g_utf8_make_valid (text, -1);
  GString *cleaned = g_string_new (NULL);

  for (const char *c = valid; *c != '\0' && cleaned->len < MAX_TEXT; c = g_utf8_next_char (c))
    {
      gunichar letter = g_utf8_get_char (c);

      g_string_append_unichar (cleaned, g_unichar_isprint (letter) ? letter : ' ');
    }
  return g_string_free (cleaned, FALSE);
}

static GVariant *
make_entry (const char *name, GVariant *value)
{
  return g_variant_ref_sink (
    g_variant_new_dict_entry (g_variant_new_string (name), g_variant_new_variant (value)));
}

static void
add_text (GVariantBuilder *builder, const char *name, const char *text)
{
  g_variant_builder_add (builder, "{sv}", name, g_variant_new_string (text));
}

static void
end (ObCheckup *self, ObCheckupStatus status, gboolean others_may, const char *text,
     const char *error_name)
{
  g_autofree char *shown = clean (text);
  const char *name = self->name;
  GVariantBuilder builder;
  GVariant *step;

  g_return_if_fail (name != NULL);
  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  add_text (&builder, "name", name);
  add_text (&builder, "status", ob_checkup_status_get_name (status));
  add_text (&builder, "text", shown);
  if (error_name != NULL)
    add_text (&builder, "error-name", error_name);
  for (guint i = 0; i < self->figures->len; i++)
    g_variant_builder_add_value (&builder, g_ptr_array_index (self->figures, i));
  step = g_variant_ref_sink (g_variant_builder_end (&builder));
  g_ptr_array_set_size (self->figures, 0);
  g_ptr_array_add (self->steps, step);
  g_hash_table_insert (self->ended, (gpointer) name, GINT_TO_POINTER (others_may));
  self->name = NULL;
  if (self->func != NULL)
    self->func (name, step, self->user_data);
}

static gboolean
is_known (ObCheckup *self, const char *name)
{
  return g_hash_table_contains (self->ended, name);
}

/* public methods */

const char *
ob_checkup_status_get_name (ObCheckupStatus status)
{
  static const char *const names[] = { "ok", "warning", "failed", "not told", "skipped" };

  return names[status];
}

ObCheckup *
ob_checkup_new (ObCheckupFunc func, gpointer user_data, GCancellable *cancellable)
{
  ObCheckup *self = g_new0 (ObCheckup, 1);

  self->func = func;
  self->user_data = user_data;
  self->cancellable = cancellable != NULL ? g_object_ref (cancellable) : NULL;
  self->ended = g_hash_table_new (g_str_hash, g_str_equal);
  self->steps = g_ptr_array_new_with_free_func ((GDestroyNotify) g_variant_unref);
  self->figures = g_ptr_array_new_with_free_func ((GDestroyNotify) g_variant_unref);
  return self;
}

void
ob_checkup_free (ObCheckup *checkup)
{
  if (checkup == NULL)
    return;
  g_clear_object (&checkup->cancellable);
  g_hash_table_unref (checkup->ended);
  g_ptr_array_unref (checkup->steps);
  g_ptr_array_unref (checkup->figures);
  g_clear_error (&checkup->first);
  g_free (checkup);
}

GCancellable *
ob_checkup_get_cancellable (ObCheckup *checkup)
{
  return checkup->cancellable;
}

gboolean
ob_checkup_begin (ObCheckup *checkup, const char *name, const char *needs)
{
  g_return_val_if_fail (checkup->name == NULL, FALSE);

  if (g_cancellable_is_cancelled (checkup->cancellable))
    return FALSE;
  checkup->name = name;
  if (checkup->func != NULL)
    checkup->func (name, NULL, checkup->user_data);
  if (needs == NULL || !is_known (checkup, needs) || ob_checkup_has_passed (checkup, needs))
    return TRUE;
  ob_checkup_block (checkup, "it needs the step %s", needs);
  return FALSE;
}

void
ob_checkup_add_figure (ObCheckup *checkup, const char *name, GVariant *value)
{
  g_return_if_fail (checkup->name != NULL);
  g_ptr_array_add (checkup->figures, make_entry (name, value));
}

void
ob_checkup_end (ObCheckup *checkup, ObCheckupStatus status, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list arguments;

  va_start (arguments, format);
  text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  end (checkup, status, TRUE, text, NULL);
}

void
ob_checkup_fail (ObCheckup *checkup, GError *error)
{
  g_autoptr (GError) owned = error;
  gboolean ours = error->domain == OB_ERROR;

  if (g_cancellable_is_cancelled (checkup->cancellable))
    {
      checkup->name = NULL;
      g_ptr_array_set_size (checkup->figures, 0);
      return;
    }
  if (checkup->first == NULL)
    checkup->first = g_error_copy (error);
  end (checkup, OB_CHECKUP_FAILED, FALSE, error->message,
       ob_error_get_name (ours ? (ObError) error->code : OB_ERROR_FAILED));
}

void
ob_checkup_block (ObCheckup *checkup, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list arguments;

  va_start (arguments, format);
  text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  end (checkup, OB_CHECKUP_SKIPPED, FALSE, text, NULL);
}

void
ob_checkup_set_thrifty (ObCheckup *checkup)
{
  checkup->thrifty = TRUE;
}

gboolean
ob_checkup_is_thrifty (ObCheckup *checkup)
{
  return checkup->thrifty;
}

gboolean
ob_checkup_has_passed (ObCheckup *checkup, const char *name)
{
  return GPOINTER_TO_INT (g_hash_table_lookup (checkup->ended, name));
}

gboolean
ob_checkup_conclude (ObCheckup *checkup, GError **error)
{
  if (!ob_check_cancelled (checkup->cancellable, error))
    return FALSE;
  if (checkup->first == NULL)
    return TRUE;
  g_propagate_error (error, g_error_copy (checkup->first));
  return FALSE;
}

GVariant *
ob_checkup_dup_steps (ObCheckup *checkup)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("aa{sv}"));
  for (guint i = 0; i < checkup->steps->len; i++)
    g_variant_builder_add_value (&builder, g_ptr_array_index (checkup->steps, i));
  return g_variant_ref_sink (g_variant_builder_end (&builder));
}
