/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-progress-line.h"

#include "ob-format.h"
#include "ob-output.h"

#include <sys/ioctl.h>
#include <unistd.h>

/* internal methods */

static int
terminal_width (void)
{
  struct winsize size;

  if (ioctl (STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
    return size.ws_col;
  return 80;
}

/* A bar of @width cells. */
static void
append_bar (GString *text, double share, int width)
{
  int filled = (int) (share * width);

  g_string_append_c (text, '[');
  for (int i = 0; i < width; i++)
    g_string_append_c (text, i < filled ? '=' : i == filled ? '>' : ' ');
  g_string_append_c (text, ']');
}

/* Cut where the terminal ends, never within a character. */
static void
show (ObProgressLine *self, GString *text)
{
  int width = terminal_width () - 1;

  if (width > 0 && g_utf8_strlen (text->str, -1) > width)
    g_string_truncate (text,
                       (gsize) (g_utf8_offset_to_pointer (text->str, width) - text->str));
  g_printerr ("\r\033[K%s", text->str);
  self->drawn = TRUE;
}

/* public methods */

void
ob_progress_line_init (ObProgressLine *self, gboolean enabled)
{
  self->enabled = enabled && ob_output_is_terminal (STDERR_FILENO);
  self->drawn = FALSE;
}

void
ob_progress_line_draw (ObProgressLine *self, const char *phase, guint64 done, guint64 total,
                       guint64 rate)
{
  g_autoptr (GString) text = g_string_new (NULL);
  g_autofree char *done_text = ob_format_size (done);
  g_autofree char *total_text = ob_format_size (total);
  g_autofree char *rate_text = ob_format_size (rate);

  if (!self->enabled)
    return;

  g_string_append_printf (text, "%-10s ", phase);
  if (total > 0)
    {
      double share = CLAMP ((double) done / (double) total, 0.0, 1.0);

      append_bar (text, share, 20);
      g_string_append_printf (text, " %3.0f %%  %s of %s", share * 100, done_text, total_text);
    }
  else if (done > 0)
    g_string_append (text, done_text);

  if (rate > 0)
    g_string_append_printf (text, "  %s/s", rate_text);
  if (rate > 0 && total > done)
    {
      g_autofree char *left = ob_format_duration ((double) (total - done) / (double) rate);

      g_string_append_printf (text, "  %s left", left);
    }

  show (self, text);
}

void
ob_progress_line_draw_waiting (ObProgressLine *self, const char *reason, guint64 seconds)
{
  g_autoptr (GString) text = g_string_new (NULL);
  g_autofree char *shown = ob_output_escape (reason);
  g_autofree char *time = ob_format_duration ((double) seconds);

  if (!self->enabled)
    return;

  g_string_append_printf (text, "waiting %s for %s", time, shown);
  show (self, text);
}

void
ob_progress_line_hide (ObProgressLine *self)
{
  if (self->drawn)
    g_printerr ("\r\033[K");
  self->drawn = FALSE;
}
