/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "log-fixture.h"

#include <string.h>

#define PATIENCE_SECONDS 60

typedef struct
{
  GMutex lock;
  GString *lines;
} Log;

static Log captured;

static GLogWriterOutput
write_log (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer data)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&captured.lock);

  if ((level & (G_LOG_LEVEL_INFO | G_LOG_LEVEL_DEBUG)) != 0)
    return G_LOG_WRITER_HANDLED;
  for (gsize i = 0; i < n_fields; i++)
    if (g_strcmp0 (fields[i].key, "MESSAGE") == 0)
      g_string_append_printf (captured.lines, "%s\n", (const char *) fields[i].value);
  return G_LOG_WRITER_HANDLED;
}

void
log_fixture_begin (void)
{
  captured.lines = g_string_new (NULL);
  g_log_set_writer_func (write_log, NULL, NULL);
}

char *
log_fixture_take (void)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&captured.lock);
  char *text = g_string_free (captured.lines, FALSE);

  captured.lines = g_string_new (NULL);
  return text;
}

static gboolean
has_line (const char *part)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&captured.lock);

  return strstr (captured.lines->str, part) != NULL;
}

void
log_fixture_wait_for (const char *part)
{
  gint64 deadline = g_get_monotonic_time () + PATIENCE_SECONDS * G_USEC_PER_SEC;

  while (!has_line (part))
    {
      if (g_get_monotonic_time () > deadline)
        g_error ("Nobody said \"%s\"; the log is: %s", part, captured.lines->str);
      g_usleep (5000);
    }
}

guint
log_fixture_count (const char *text, const char *part)
{
  guint count = 0;

  for (const char *found = strstr (text, part); found != NULL; found = strstr (found + 1, part))
    count++;
  return count;
}
