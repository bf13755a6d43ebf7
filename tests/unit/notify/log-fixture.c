/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "log-fixture.h"

#include <pthread.h>
#include <string.h>

#define PATIENCE_SECONDS 60

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static GString *captured;

static GLogWriterOutput
write_log (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer data)
{
  if ((level & (G_LOG_LEVEL_INFO | G_LOG_LEVEL_DEBUG)) != 0)
    return G_LOG_WRITER_HANDLED;
  pthread_mutex_lock (&lock);
  for (gsize i = 0; i < n_fields; i++)
    if (g_strcmp0 (fields[i].key, "MESSAGE") == 0)
      g_string_append_printf (captured, "%s\n", (const char *) fields[i].value);
  pthread_mutex_unlock (&lock);
  return G_LOG_WRITER_HANDLED;
}

void
log_fixture_begin (void)
{
  captured = g_string_new (NULL);
  g_log_set_writer_func (write_log, NULL, NULL);
}

char *
log_fixture_take (void)
{
  char *text;

  pthread_mutex_lock (&lock);
  text = g_string_free (captured, FALSE);
  captured = g_string_new (NULL);
  pthread_mutex_unlock (&lock);
  return text;
}

static gboolean
has_line (const char *part)
{
  gboolean has;

  pthread_mutex_lock (&lock);
  has = strstr (captured->str, part) != NULL;
  pthread_mutex_unlock (&lock);
  return has;
}

void
log_fixture_wait_for (const char *part)
{
  gint64 deadline = g_get_monotonic_time () + PATIENCE_SECONDS * G_USEC_PER_SEC;

  while (!has_line (part))
    {
      g_assert_cmpint (g_get_monotonic_time (), <, deadline);
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
