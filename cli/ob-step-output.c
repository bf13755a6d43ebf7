/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-step-output.h"

#include "ob-command.h"
#include "ob-dictionary.h"
#include "ob-output.h"

#include <stdio.h>
#include <string.h>

/* What a line of the log has behind its time. */
#define MARK " Step "

/* internal methods */

static gboolean
is_silent (ObStepOutput *self)
{
  return self->client->json || self->client->quiet;
}

static void
print (ObStepOutput *self, const char *name, const char *status, const char *text)
{
  g_autofree char *shown_name = ob_output_escape (name);
  g_autofree char *shown_status = ob_output_escape (status);
  g_autofree char *shown = ob_output_escape (text);

  g_print ("%-14s %-9s %s\n", shown_name, shown_status, shown);
  fflush (stdout);
  self->n_printed++;
}

/* "TIME Step NAME: STATUS: TEXT". */
static void
print_line (ObStepOutput *self, const char *line)
{
  const char *name = strchr (line, ' ') + strlen (MARK);
  g_auto (GStrv) words = g_strsplit (name, ": ", 3);

  if (g_strv_length (words) == 3)
    print (self, words[0], words[1], words[2]);
}

static gboolean
is_step (const char *line)
{
  const char *blank = strchr (line, ' ');

  return blank != NULL && g_str_has_prefix (blank, MARK);
}

/* public methods */

void
ob_step_output_init (ObStepOutput *output, ObClient *client, const char *path)
{
  *output = (ObStepOutput){ client, g_strdup (path), 0, FALSE };
}

void
ob_step_output_clear (ObStepOutput *output)
{
  g_free (output->path);
}

void
ob_step_output_update (gpointer data)
{
  ObStepOutput *self = data;
  g_autoptr (GVariant) reply = NULL;
  g_autofree const char **lines = NULL;
  guint n = 0;

  if (is_silent (self) || self->refused)
    return;
  reply = ob_client_call (self->client, self->path, OB_JOB_INTERFACE, "GetLog", ob_no_options (),
                          NULL, NULL);
  self->refused = reply == NULL;
  if (reply == NULL)
    return;
  g_variant_get (reply, "(^a&s)", &lines);
  for (const char **line = lines; *line != NULL; line++)
    if (is_step (*line) && ++n > self->n_printed)
      print_line (self, *line);
}

void
ob_step_output_finish (ObStepOutput *output, GVariant *result)
{
  g_autoptr (GVariant) steps
    = g_variant_lookup_value (result, "steps", G_VARIANT_TYPE ("aa{sv}"));

  for (guint i = output->n_printed;
       steps != NULL && !is_silent (output) && i < g_variant_n_children (steps); i++)
    {
      g_autoptr (GVariant) step = g_variant_get_child_value (steps, i);

      print (output, ob_dict_text (step, "name"), ob_dict_text (step, "status"),
             ob_dict_text (step, "text"));
    }
}
