/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-output.h"

#include <json-glib/json-glib.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void
ob_output_json (GVariant *value)
{
  g_autoptr (GVariant) sunk = g_variant_ref_sink (value);
  g_autofree char *text = json_gvariant_serialize_data (sunk, NULL);

  g_print ("%s\n", text);
  fflush (stdout);
}

void
ob_output_json_typed (const char *type, GVariant *dictionary)
{
  g_autoptr (GVariant) sunk = g_variant_ref_sink (dictionary);
  GVariantBuilder builder;
  GVariantIter iter;
  GVariant *entry;

  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (&builder, "{sv}", "type", g_variant_new_string (type));
  g_variant_iter_init (&iter, sunk);
  while ((entry = g_variant_iter_next_value (&iter)) != NULL)
    {
      g_variant_builder_add_value (&builder, entry);
      g_variant_unref (entry);
    }
  ob_output_json (g_variant_builder_end (&builder));
}

gboolean
ob_output_is_terminal (int fd)
{
  return isatty (fd) && g_strcmp0 (g_getenv ("TERM"), "dumb") != 0;
}

char *
ob_output_escape (const char *text)
{
  GString *escaped = g_string_new (NULL);

  while (*text != '\0')
    {
      gunichar c = g_utf8_get_char_validated (text, -1);

      if (c == (gunichar) -1 || c == (gunichar) -2)
        {
          g_string_append_printf (escaped, "\\x%02x", (guint8) *text);
          text++;
          continue;
        }
      if (g_unichar_iscntrl (c) || g_unichar_type (c) == G_UNICODE_FORMAT)
        g_string_append_printf (escaped, c < 0x100 ? "\\x%02x" : "\\u%04x", c);
      else
        g_string_append_unichar (escaped, c);
      text = g_utf8_next_char (text);
    }
  return g_string_free (escaped, FALSE);
}

void
ob_output_warning (const char *message)
{
  g_autofree char *escaped = ob_output_escape (message);

  g_printerr ("warning: %s\n", escaped);
}
