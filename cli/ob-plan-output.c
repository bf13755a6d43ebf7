/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-plan-output.h"

#include "ob-dictionary.h"
#include "ob-format.h"
#include "ob-output.h"

#include <string.h>

#define MAX_MODULES 20

/* internal methods */

/* Not on a host that has nothing yet. */
static gboolean
replaces_anything (GVariant *plan)
{
  g_autoptr (GVariant) replaces
    = g_variant_lookup_value (plan, "replaces", G_VARIANT_TYPE ("aa{sv}"));
  gboolean exists = FALSE;

  for (gsize i = 0; !exists && replaces != NULL && i < g_variant_n_children (replaces); i++)
    {
      g_autoptr (GVariant) entry = g_variant_get_child_value (replaces, i);

      g_variant_lookup (entry, "exists", "b", &exists);
    }
  return exists;
}

static void
add_heading (GString *text, GVariant *plan)
{
  guint64 time = ob_dict_number (plan, "time");
  g_autofree char *when = ob_format_time (time);
  g_autofree char *age = ob_format_age (time);

  g_string_append_printf (text, "Backup %.8s of %s (%s) %s:\n", ob_dict_text (plan, "id"), when,
                          age, replaces_anything (plan) ? "takes the place of" : "is brought to");
}

static void
add_replaced (GString *text, GVariant *plan)
{
  g_autoptr (GVariant) replaces
    = g_variant_lookup_value (plan, "replaces", G_VARIANT_TYPE ("aa{sv}"));

  for (gsize i = 0; replaces != NULL && i < g_variant_n_children (replaces); i++)
    {
      g_autoptr (GVariant) entry = g_variant_get_child_value (replaces, i);
      g_autofree char *where = ob_output_escape (ob_dict_text (entry, "where"));
      g_autofree char *size = ob_format_size (ob_dict_number (entry, "size"));
      g_autofree char *backup_size = ob_format_size (ob_dict_number (entry, "backup-size"));
      gboolean exists = FALSE;

      g_variant_lookup (entry, "exists", "b", &exists);
      g_string_append_printf (text, "  %-12s %s (%s%s%s)\n", ob_dict_text (entry, "part"), where,
                              exists ? size : "not there now", exists ? ", by " : "; ",
                              backup_size);
    }
}

static void
add_module (GString *text, GVariant *entry)
{
  const char *from = "", *to = "", *package = "", *change = "";
  g_autofree char *line = NULL;
  g_autofree char *safe = NULL;

  g_variant_lookup (entry, "package", "&s", &package);
  g_variant_lookup (entry, "change", "&s", &change);
  g_variant_lookup (entry, "from", "&s", &from);
  g_variant_lookup (entry, "to", "&s", &to);
  if (strcmp (change, "added") == 0)
    line = g_strdup_printf ("%s %s comes back", package, to);
  else if (strcmp (change, "removed") == 0)
    line = g_strdup_printf ("%s %s goes", package, from);
  else
    line = g_strdup_printf ("%s %s becomes %s", package, from, to);
  safe = ob_output_escape (line);
  g_string_append_printf (text, "  %s\n", safe);
}

static void
add_modules (GString *text, GVariant *plan)
{
  g_autoptr (GVariant) modules
    = g_variant_lookup_value (plan, "modules", G_VARIANT_TYPE ("aa{ss}"));
  gsize n = modules != NULL ? g_variant_n_children (modules) : 0;

  if (n > 0 && !replaces_anything (plan))
    {
      g_string_append_printf (text, "It brings %" G_GSIZE_FORMAT " modules back.\n", n);
      return;
    }
  if (n > 0)
    g_string_append (text, "Modules:\n");
  for (gsize i = 0; i < n && i < MAX_MODULES; i++)
    {
      g_autoptr (GVariant) entry = g_variant_get_child_value (modules, i);

      add_module (text, entry);
    }
  if (n > MAX_MODULES)
    g_string_append_printf (text, "  and %" G_GSIZE_FORMAT " more\n", n - MAX_MODULES);
}

static double
read_seconds (GVariant *plan, const char *key)
{
  double seconds = 0;

  g_variant_lookup (plan, key, "d", &seconds);
  return seconds;
}

static void
add_times (GString *text, GVariant *plan)
{
  g_autofree char *all = ob_format_duration (read_seconds (plan, "seconds"));
  g_autofree char *downtime = ob_format_duration (read_seconds (plan, "downtime"));
  g_autofree char *quick = ob_format_duration (read_seconds (plan, "quick-downtime"));
  g_autofree char *stops = ob_output_escape (ob_dict_text (plan, "stops"));
  gboolean measured = FALSE, keeps = FALSE;

  g_variant_lookup (plan, "measured", "b", &measured);
  g_variant_lookup (plan, "keep-oid", "b", &keeps);
  g_string_append_printf (text, "It takes about %s%s", all,
                          measured ? "" : ", on an ordinary machine");
  if (*stops != '\0')
    g_string_append_printf (text, "; for about %s of it the application is stopped (%s)", downtime,
                            stops);
  g_string_append (text, ".\n");
  if (keeps)
    g_string_append_printf (text,
                            "The database keeps its number, to which an activation key is bound. "
                            "With --quick it does not, and\nthe application is stopped for about "
                            "%s only.\n",
                            quick);
}

static void
add_space (GString *text, GVariant *plan)
{
  g_autoptr (GVariant) space = g_variant_lookup_value (plan, "space", G_VARIANT_TYPE ("aa{sv}"));

  for (gsize i = 0; space != NULL && i < g_variant_n_children (space); i++)
    {
      g_autoptr (GVariant) entry = g_variant_get_child_value (space, i);
      g_autofree char *where = ob_output_escape (ob_dict_text (entry, "where"));
      g_autofree char *needed = ob_format_size (ob_dict_number (entry, "needed"));
      g_autofree char *free_text = ob_format_size (ob_dict_number (entry, "free"));

      g_string_append_printf (text, "Space: %s needed on the file system of %s, %s free.\n", needed,
                              where, free_text);
    }
}

static void
add_sentences (GString *text, GVariant *plan, const char *key, const char *mark)
{
  g_autofree const char **sentences = NULL;

  if (!g_variant_lookup (plan, key, "^a&s", &sentences))
    return;
  for (gsize i = 0; sentences[i] != NULL; i++)
    {
      g_autofree char *safe = ob_output_escape (sentences[i]);

      g_string_append_printf (text, "%s%s\n", mark, safe);
    }
}

/* public methods */

char *
ob_plan_describe (GVariant *plan)
{
  g_autoptr (GString) text = g_string_new (NULL);

  add_heading (text, plan);
  add_replaced (text, plan);
  add_modules (text, plan);
  add_times (text, plan);
  add_space (text, plan);
  add_sentences (text, plan, "notes", "");
  if (replaces_anything (plan))
    g_string_append (text,
                     "What is replaced is kept; \"obbackupctl undo-restore\" brings it back.\n");
  add_sentences (text, plan, "obstacles", "! ");
  return g_string_free (g_steal_pointer (&text), FALSE);
}

gboolean
ob_plan_has_obstacles (GVariant *plan)
{
  g_autofree const char **obstacles = NULL;

  return g_variant_lookup (plan, "obstacles", "^a&s", &obstacles) && *obstacles != NULL;
}
