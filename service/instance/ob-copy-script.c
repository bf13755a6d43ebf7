/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-copy-script.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "ob-error.h"
#include "ob-io.h"

/* The longest statement, and the most rows in an item. */
#define ROOM (1024 * 1024)

#define LAST_LINE "\\.\n"

struct _ObCopyScript
{
  int fd;
  guint8 *buffer;
  gsize begin; /* of what is not given out yet */
  gsize end;
  gboolean eof;
  gboolean in_copy;
  gboolean in_row;
  char *text;
};

ObCopyScript *
ob_copy_script_new (int fd)
{
  ObCopyScript *self = g_new0 (ObCopyScript, 1);

  self->fd = fd;
  self->buffer = g_malloc (ROOM);
  return self;
}

void
ob_copy_script_free (ObCopyScript *self)
{
  if (self == NULL)
    return;
  g_free (self->buffer);
  g_free (self->text);
  g_free (self);
}

static gboolean
fail (GError **error, const char *what)
{
  g_set_error (error, OB_ERROR, OB_ERROR_CORRUPT, "What pg_restore made of the archive %s", what);
  return FALSE;
}

/* Reads more behind what is there, which has to leave room. */
static gboolean
fill (ObCopyScript *self, GError **error)
{
  gssize n;

  memmove (self->buffer, self->buffer + self->begin, self->end - self->begin);
  self->end -= self->begin;
  self->begin = 0;
  do
    n = read (self->fd, self->buffer + self->end, ROOM - self->end);
  while (n < 0 && errno == EINTR);
  if (n < 0)
    return ob_set_error_errno (error, errno, "The rows cannot be read from pg_restore");
  self->eof = n == 0;
  self->end += (gsize) n;
  return TRUE;
}

static gboolean
is_full (const ObCopyScript *self)
{
  return self->end - self->begin == ROOM;
}

/* --- statements --- */

/* The length of the line at the beginning, with its newline; 0: it is not all there. */
static gsize
measure_line (const ObCopyScript *self)
{
  const guint8 *line = self->buffer + self->begin;
  const guint8 *newline = memchr (line, '\n', self->end - self->begin);

  return newline != NULL ? (gsize) (newline - line) + 1 : 0;
}

/* Empty lines, comments, and the two commands to psql that enclose scripts since the minor versions
 * of August 2025. */
static gboolean
is_noise (const char *line, gsize size)
{
  static const char *const noise[] = { "\n", "--", "\\restrict ", "\\unrestrict " };

  for (guint i = 0; i < G_N_ELEMENTS (noise); i++)
    if (size >= strlen (noise[i]) && memcmp (line, noise[i], strlen (noise[i])) == 0)
      return TRUE;
  return FALSE;
}

/* The length of the statement at the beginning, without the newline; 0: it is not all there. It
 * ends with a semicolon at the end of a line, but not within quotes, which are doubled in a text
 * or a name. */
static gsize
measure_statement (const ObCopyScript *self)
{
  const char *text = (const char *) self->buffer + self->begin;
  gsize size = self->end - self->begin;
  char quote = '\0';

  for (gsize i = 0; i + 1 < size; i++)
    {
      if (quote != '\0')
        quote = text[i] == quote ? '\0' : quote;
      else if (text[i] == '\'' || text[i] == '"')
        quote = text[i];
      else if (text[i] == ';' && text[i + 1] == '\n')
        return i + 1;
    }
  return 0;
}

static void
take_statement (ObCopyScript *self, gsize size, ObScriptItem *item)
{
  g_free (self->text);
  self->text = g_strndup ((const char *) self->buffer + self->begin, size);
  self->begin += size + 1;
  self->in_copy = g_str_has_prefix (self->text, "COPY ")
                  && g_str_has_suffix (self->text, " FROM stdin;");
  self->in_row = FALSE;
  item->kind = self->in_copy ? OB_SCRIPT_COPY : OB_SCRIPT_STATEMENT;
  item->text = self->text;
}

static gboolean
next_statement (ObCopyScript *self, ObScriptItem *item, GError **error)
{
  for (;;)
    {
      const char *text = (const char *) self->buffer + self->begin;
      gsize line = measure_line (self);
      gsize statement;

      if (line > 0 && is_noise (text, line))
        {
          self->begin += line;
          continue;
        }
      statement = line > 0 ? measure_statement (self) : 0;
      if (statement > 0)
        {
          if (*text == '\\' || memchr (text, '\0', statement) != NULL)
            return fail (error, "has a statement that makes no sense");
          take_statement (self, statement, item);
          return TRUE;
        }
      if (self->eof && self->begin == self->end)
        {
          item->kind = OB_SCRIPT_END;
          return TRUE;
        }
      if (self->eof)
        return fail (error, "ends within a statement");
      if (is_full (self))
        return fail (error, "has a statement without an end");
      if (!fill (self, error))
        return FALSE;
    }
}

/* --- rows --- */

/* The length of the rows at the beginning that can be given out; 0: none yet. */
static gsize
measure_rows (const ObCopyScript *self)
{
  const guint8 *rows = self->buffer + self->begin;
  gsize size = self->end - self->begin;
  const guint8 *end = memmem (rows, size, "\n" LAST_LINE, strlen ("\n" LAST_LINE));

  if (end == NULL)
    end = memrchr (rows, '\n', size);
  if (end != NULL)
    return (gsize) (end - rows) + 1;
  return is_full (self) ? size : 0;
}

static gboolean
next_rows (ObCopyScript *self, ObScriptItem *item, GError **error)
{
  for (;;)
    {
      const guint8 *rows = self->buffer + self->begin;
      gsize size = self->end - self->begin;
      gboolean is_known = self->in_row || size >= strlen (LAST_LINE);
      gsize n;

      if (is_known && !self->in_row && memcmp (rows, LAST_LINE, strlen (LAST_LINE)) == 0)
        {
          self->begin += strlen (LAST_LINE);
          self->in_copy = FALSE;
          item->kind = OB_SCRIPT_COPY_END;
          return TRUE;
        }
      n = is_known ? measure_rows (self) : 0;
      if (n > 0)
        {
          *item = (ObScriptItem){
            .kind = OB_SCRIPT_ROWS, .data = rows, .size = n, .continues = self->in_row
          };
          self->in_row = rows[n - 1] != '\n';
          self->begin += n;
          return TRUE;
        }
      if (self->eof)
        return fail (error, "ends within the rows of a table");
      if (!fill (self, error))
        return FALSE;
    }
}

gboolean
ob_copy_script_next (ObCopyScript *self, ObScriptItem *item, GError **error)
{
  *item = (ObScriptItem){ 0 };
  return self->in_copy ? next_rows (self, item, error) : next_statement (self, item, error);
}

/* --- names --- */

/* An identifier, and what is behind it. NULL where there is none. */
static char *
parse_identifier (const char **text)
{
  g_autoptr (GString) name = g_string_new (NULL);
  const char *at = *text;

  if (*at != '"')
    {
      gsize n = strcspn (at, ".\" (;");

      *text = at + n;
      return n > 0 ? g_strndup (at, n) : NULL;
    }
  for (at++; *at != '"' || at[1] == '"'; at++)
    {
      if (*at == '\0')
        return NULL;
      if (*at == '"')
        at++;
      g_string_append_c (name, *at);
    }
  *text = at + 1;
  return g_string_free (g_steal_pointer (&name), FALSE);
}

gboolean
ob_copy_script_parse_table (const char *text, char **schema, char **name)
{
  g_autofree char *first = NULL;
  g_autofree char *second = NULL;

  if (!g_str_has_prefix (text, "COPY "))
    return FALSE;
  text += strlen ("COPY ");
  first = parse_identifier (&text);
  if (first == NULL || *text != '.')
    return FALSE;
  text++;
  second = parse_identifier (&text);
  if (second == NULL || *text != ' ')
    return FALSE;
  *schema = g_steal_pointer (&first);
  *name = g_steal_pointer (&second);
  return TRUE;
}
