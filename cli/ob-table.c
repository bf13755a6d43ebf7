/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-table.h"

#include "ob-output.h"

#include <stdarg.h>
#include <string.h>
#include <unistd.h>

struct _ObTable
{
  GStrv headings;
  guint n_columns;
  GPtrArray *rows; /* of GStrv */
};

/* internal methods */

static const char *
heading (ObTable *self, guint column)
{
  const char *text = self->headings[column];

  return *text == '>' ? text + 1 : text;
}

static int
width_of (const char *text)
{
  int width = 0;

  for (; *text != '\0'; text = g_utf8_next_char (text))
    {
      gunichar c = g_utf8_get_char (text);

      if (!g_unichar_iszerowidth (c))
        width += g_unichar_iswide (c) ? 2 : 1;
    }
  return width;
}

static void
print_row (ObTable *self, const char *const *cells, const int *widths)
{
  g_autoptr (GString) line = g_string_new (NULL);

  for (guint i = 0; i < self->n_columns; i++)
    {
      int padding = widths[i] - width_of (cells[i]);
      gboolean right = *self->headings[i] == '>';

      if (i > 0)
        g_string_append (line, "  ");
      if (right)
        g_string_append_printf (line, "%*s", padding, "");
      g_string_append (line, cells[i]);
      if (!right && i + 1 < self->n_columns)
        g_string_append_printf (line, "%*s", padding, "");
    }
  g_print ("%s\n", line->str);
}

/* public methods */

ObTable *
ob_table_new (const char *headings)
{
  ObTable *self = g_new0 (ObTable, 1);

  self->headings = g_strsplit (headings, "|", -1);
  self->n_columns = g_strv_length (self->headings);
  self->rows = g_ptr_array_new_with_free_func ((GDestroyNotify) g_strfreev);
  return self;
}

void
ob_table_add (ObTable *self, ...)
{
  GStrv row = g_new0 (char *, self->n_columns + 1);
  va_list args;

  va_start (args, self);
  for (guint i = 0; i < self->n_columns; i++)
    {
      const char *cell = va_arg (args, const char *);

      g_assert (cell != NULL);
      row[i] = ob_output_escape (cell);
    }
  va_end (args);
  g_ptr_array_add (self->rows, row);
}

void
ob_table_print (ObTable *self)
{
  g_autofree int *widths = g_new0 (int, self->n_columns);
  g_autofree const char **titles = g_new0 (const char *, self->n_columns + 1);

  if (self->rows->len == 0)
    return;
  for (guint i = 0; i < self->n_columns; i++)
    {
      titles[i] = heading (self, i);
      widths[i] = width_of (titles[i]);
      for (guint j = 0; j < self->rows->len; j++)
        widths[i] = MAX (widths[i], width_of (((GStrv) self->rows->pdata[j])[i]));
    }

  if (ob_output_is_terminal (STDOUT_FILENO))
    g_print ("\033[1m");
  print_row (self, titles, widths);
  if (ob_output_is_terminal (STDOUT_FILENO))
    g_print ("\033[0m");
  for (guint j = 0; j < self->rows->len; j++)
    print_row (self, (const char *const *) self->rows->pdata[j], widths);
}

void
ob_table_free (ObTable *self)
{
  g_strfreev (self->headings);
  g_ptr_array_unref (self->rows);
  g_free (self);
}
