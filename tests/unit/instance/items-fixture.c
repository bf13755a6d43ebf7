/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "items-fixture.h"

#include <unistd.h>

typedef struct
{
  int fd;
  const guint8 *data;
  gsize size;
  gsize step;
} Writer;

static gpointer
write_thread (gpointer data)
{
  Writer *writer = data;

  for (gsize at = 0; at < writer->size; at += writer->step)
    {
      gsize n = MIN (writer->step, writer->size - at);

      if (write (writer->fd, writer->data + at, n) != (gssize) n)
        break;
    }
  close (writer->fd);
  return NULL;
}

static void
append_item (GString *found, const ObScriptItem *item)
{
  if (item->kind == OB_SCRIPT_STATEMENT)
    g_string_append_printf (found, "S<%s>", item->text);
  else if (item->kind == OB_SCRIPT_COPY)
    g_string_append_printf (found, "C<%s>", item->text);
  else if (item->kind == OB_SCRIPT_COPY_END)
    g_string_append (found, "E<>");
  else if (item->kind == OB_SCRIPT_ROWS)
    {
      /* Only the first piece of a row begins one. */
      g_assert_cmpint (item->continues, ==,
                       found->len > 0 && found->str[found->len - 1] != '\n'
                         && found->str[found->len - 1] != '>');
      g_string_append_len (found, (const char *) item->data, (gssize) item->size);
    }
}

GString *
describe_items (const ItemParser *parser, const void *data, gsize size, gsize step, GError **error)
{
  GString *found = g_string_new (NULL);
  ObScriptItem item = { 0 };
  Writer writer = { .data = data, .size = size, .step = step };
  gpointer source;
  GThread *thread;
  gboolean ok;
  int fds[2];

  g_assert_cmpint (pipe (fds), ==, 0);
  writer.fd = fds[1];
  thread = g_thread_new ("write", write_thread, &writer);
  source = parser->open (fds[0]);
  do
    {
      ok = parser->next (source, &item, error);
      if (ok)
        append_item (found, &item);
    }
  while (ok && item.kind != OB_SCRIPT_END);
  parser->free (source);
  close (fds[0]);
  g_thread_join (thread);
  if (ok)
    return found;
  g_string_free (found, TRUE);
  return NULL;
}
