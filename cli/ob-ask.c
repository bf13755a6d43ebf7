/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-ask.h"

#include <errno.h>
#include <glib-unix.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "ob-error.h"
#include "ob-output.h"

/* What a terminal takes as one line is no longer than that. */
#define LINE_MAX_SIZE 4096

typedef struct
{
  GMainLoop *loop;
  GString *line;
  gboolean interrupted;
  int error; /* errno of read() */
} Reading;

/* internal methods */

static gboolean
on_interrupt (gpointer user_data)
{
  Reading *reading = user_data;

  reading->interrupted = TRUE;
  g_main_loop_quit (reading->loop);
  return G_SOURCE_CONTINUE;
}

static gboolean
on_input (gint fd, GIOCondition condition, gpointer user_data)
{
  Reading *reading = user_data;
  char buffer[LINE_MAX_SIZE];
  gssize n = read (fd, buffer, sizeof buffer);

  if (n < 0 && (errno == EINTR || errno == EAGAIN))
    return G_SOURCE_CONTINUE;
  if (n < 0)
    reading->error = errno;
  if (n == 0)
    reading->interrupted = TRUE;
  if (n > 0)
    g_string_append_len (reading->line, buffer, n);
  if (n <= 0 || reading->line->str[reading->line->len - 1] == '\n'
      || reading->line->len >= LINE_MAX_SIZE)
    g_main_loop_quit (reading->loop);
  return G_SOURCE_CONTINUE;
}

/* A line without blanks around it. */
static char *
read_line (GError **error)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr (GString) line = g_string_new (NULL);
  Reading reading = { .loop = loop, .line = line };
  guint input = g_unix_fd_add (STDIN_FILENO, G_IO_IN | G_IO_HUP | G_IO_ERR, on_input, &reading);
  guint interrupt = g_unix_signal_add (SIGINT, on_interrupt, &reading);

  g_main_loop_run (loop);
  g_source_remove (interrupt);
  g_source_remove (input);
  if (reading.interrupted)
    {
      g_printerr ("\n");
      g_set_error_literal (error, OB_ERROR, OB_ERROR_CANCELLED, "It was cancelled");
      return NULL;
    }
  if (reading.error != 0)
    {
      g_set_error (error, OB_ERROR, OB_ERROR_FAILED, "The answer cannot be read: %s",
                   g_strerror (reading.error));
      return NULL;
    }
  return g_strstrip (g_strndup (line->str, line->len));
}

/* Whether it has no key's sequence in it, and nothing that could not be sent. */
static gboolean
is_plain (const char *text)
{
  g_autofree char *shown = ob_output_escape (text);

  return strcmp (shown, text) == 0;
}

/* public methods */

gboolean
ob_ask_is_possible (void)
{
  return isatty (STDIN_FILENO) && isatty (STDERR_FILENO);
}

char *
ob_ask (const char *question, const char *proposal, GError **error)
{
  g_autofree char *question_text = ob_output_escape (question);
  g_autofree char *proposal_text = proposal != NULL ? ob_output_escape (proposal) : NULL;

  for (;;)
    {
      g_autofree char *answer = NULL;

      if (proposal_text != NULL)
        g_printerr ("%s [%s]: ", question_text, proposal_text);
      else
        g_printerr ("%s: ", question_text);
      answer = read_line (error);
      if (answer == NULL)
        return NULL;
      if (*answer == '\0' && proposal != NULL)
        return g_strdup (proposal);
      if (is_plain (answer))
        return g_steal_pointer (&answer);
      g_printerr ("There are characters in it that cannot be used; type it again.\n");
    }
}

gboolean
ob_ask_yes (const char *question, gboolean proposal, gboolean *yes, GError **error)
{
  for (;;)
    {
      g_autofree char *answer = ob_ask (question, proposal ? "yes" : "no", error);

      if (answer == NULL)
        return FALSE;
      *yes = g_ascii_strcasecmp (answer, "y") == 0 || g_ascii_strcasecmp (answer, "yes") == 0;
      if (*yes || g_ascii_strcasecmp (answer, "n") == 0 || g_ascii_strcasecmp (answer, "no") == 0)
        return TRUE;
      g_printerr ("Say yes or no.\n");
    }
}
