/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-instance.h"

#include <string.h>

#include "ob-error.h"

static const struct
{
  ObParts part;
  const char *name;
} names[] = {
  { OB_PART_DATABASE, "database" },       { OB_PART_SOURCES, "sources" },
  { OB_PART_WEBAPP, "webapp" },           { OB_PART_ATTACHMENTS, "attachments" },
  { OB_PART_REPRINTABLES, "reprintables" },
};

const char *
ob_part_get_name (ObParts part)
{
  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    if (names[i].part == part)
      return names[i].name;
  g_return_val_if_reached (NULL);
}

ObParts
ob_part_from_name (const char *name)
{
  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    if (g_strcmp0 (names[i].name, name) == 0)
      return names[i].part;
  return 0;
}

gboolean
ob_parts_from_names (const char *const *words, ObParts *parts, GError **error)
{
  ObParts found = 0;

  for (gsize i = 0; words != NULL && words[i] != NULL; i++)
    {
      ObParts part = ob_part_from_name (words[i]);

      if (part == 0)
        {
          g_autofree char *choice = ob_parts_to_text (OB_PART_ALL);

          g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                       "\"%s\" is not a part of an installation; the parts are %s.", words[i],
                       choice);
          return FALSE;
        }
      found |= part;
    }

  *parts = found;
  return TRUE;
}

char *
ob_parts_to_text (ObParts parts)
{
  GString *text = g_string_new (NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    {
      if ((parts & names[i].part) == 0)
        continue;
      if (text->len > 0)
        g_string_append (text, ", ");
      g_string_append (text, names[i].name);
    }

  return g_string_free (text, FALSE);
}
