/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-schedule-options.h"

#include "ob-command.h"
#include "ob-dictionary.h"

#include <string.h>

/* internal methods */

static void
add_text (GVariantBuilder *builder, const char *key, const char *text)
{
  if (text != NULL)
    g_variant_builder_add (builder, "{sv}", key, g_variant_new_string (text));
}

static void
add_list (GVariantBuilder *builder, const char *key, const char *const *items)
{
  if (items != NULL)
    g_variant_builder_add (builder, "{sv}", key, g_variant_new_strv (items, -1));
}

static void
add_names (GVariantBuilder *builder, const char *key, const char *text)
{
  g_auto (GStrv) names = text != NULL ? ob_split_list (text) : NULL;

  add_list (builder, key, (const char *const *) names);
}

static void
add_flag (GVariantBuilder *builder, const char *key, gboolean set, gboolean unset)
{
  if (set || unset)
    g_variant_builder_add (builder, "{sv}", key, g_variant_new_boolean (set));
}

static void
add_rules (GVariantBuilder *builder, const ObScheduleOptions *options)
{
  const struct
  {
    const char *name;
    const char *value;
  } usual[] = {
    { "keep-last", options->keep_last },       { "keep-hourly", options->keep_hourly },
    { "keep-daily", options->keep_daily },     { "keep-weekly", options->keep_weekly },
    { "keep-monthly", options->keep_monthly }, { "keep-yearly", options->keep_yearly },
    { "keep-within", options->keep_within },
  };
  g_autoptr (GStrvBuilder) rules = g_strv_builder_new ();
  g_auto (GStrv) all = NULL;

  for (gsize i = 0; i < G_N_ELEMENTS (usual); i++)
    if (usual[i].value != NULL)
      {
        g_autofree char *rule = g_strconcat (usual[i].name, "=", usual[i].value, NULL);

        g_strv_builder_add (rules, rule);
      }
  if (options->rules != NULL)
    g_strv_builder_addv (rules, (const char **) options->rules);
  all = g_strv_builder_end (rules);
  if (*all != NULL)
    add_list (builder, "retention", (const char *const *) all);
}

/* The name of the only one there is. Transfer full. */
static char *
find_only (ObClient *client, const char *interface, const char *what, GError **error)
{
  g_autoptr (GVariant) properties = ob_client_find (client, interface, what, NULL, NULL, error);

  return properties != NULL ? g_strdup (ob_dict_text (properties, "Name")) : NULL;
}

static gboolean
add_names_of_all (GVariantBuilder *builder, const ObScheduleOptions *options, ObClient *client,
                  GError **error)
{
  g_autofree char *instance
    = options->instance != NULL
        ? g_strdup (options->instance)
        : find_only (client, OB_INSTANCE_INTERFACE, "instance", error);
  g_autofree char *to = NULL;

  if (instance == NULL)
    return FALSE;
  to = options->to != NULL ? g_strdup (options->to)
                           : find_only (client, OB_DESTINATION_INTERFACE, "destination", error);
  if (to == NULL)
    return FALSE;
  add_text (builder, "instance", instance);
  add_names (builder, "destinations", to);
  return TRUE;
}

/* public methods */

void
ob_schedule_options_clear (ObScheduleOptions *options)
{
  char **const texts[]
    = { &options->instance,   &options->to,          &options->parts,        &options->zone,
        &options->action,     &options->overlap,     &options->random_delay, &options->late_after,
        &options->verify,     &options->prune_limit, &options->keep_last,    &options->keep_hourly,
        &options->keep_daily, &options->keep_weekly, &options->keep_monthly, &options->keep_yearly,
        &options->keep_within };

  for (gsize i = 0; i < G_N_ELEMENTS (texts); i++)
    g_free (*texts[i]);
  g_strfreev (options->times);
  g_strfreev (options->rules);
  g_strfreev (options->clear);
}

GOptionEntry *
ob_schedule_options_new_entries (ObScheduleOptions *options, gboolean edit)
{
  GOptionEntry *all = NULL;
  const GOptionEntry entries[] = {
    { "at", 0, 0, G_OPTION_ARG_STRING_ARRAY, &options->times, "When it runs; may be repeated",
      "TIME" },
    { "instance", 0, 0, G_OPTION_ARG_STRING, &options->instance, "What is backed up", "INSTANCE" },
    { "to", 0, 0, G_OPTION_ARG_STRING, &options->to, "Where to", "DEST,…" },
    { "only", 0, 0, G_OPTION_ARG_STRING, &options->parts, "Only these parts", "PART,…" },
    { "action", 0, 0, G_OPTION_ARG_STRING, &options->action,
      "backup (default), verify, drill or prune", "ACTION" },
    { "time-zone", 0, 0, G_OPTION_ARG_STRING, &options->zone,
      "Of times that name none; the host's by default", "ZONE" },
    { "random-delay", 0, 0, G_OPTION_ARG_STRING, &options->random_delay,
      "Each run begins later by up to this", "30m" },
    { "overlap", 0, 0, G_OPTION_ARG_STRING, &options->overlap,
      "skip (default) or queue a run while one is at work", "HOW" },
    { "no-catch-up", 0, 0, G_OPTION_ARG_NONE, &options->no_catch_up,
      "What was missed while the host was off is not caught up", NULL },
    { "late-after", 0, 0, G_OPTION_ARG_STRING, &options->late_after,
      "Alarm where no backup succeeded for so long", "26h" },
    { "keep-last", 0, 0, G_OPTION_ARG_STRING, &options->keep_last, "Keep the last N", "N" },
    { "keep-hourly", 0, 0, G_OPTION_ARG_STRING, &options->keep_hourly,
      "Keep the last of each of N hours", "N" },
    { "keep-daily", 0, 0, G_OPTION_ARG_STRING, &options->keep_daily,
      "Keep the last of each of N days", "N" },
    { "keep-weekly", 0, 0, G_OPTION_ARG_STRING, &options->keep_weekly, "… of N weeks", "N" },
    { "keep-monthly", 0, 0, G_OPTION_ARG_STRING, &options->keep_monthly, "… of N months", "N" },
    { "keep-yearly", 0, 0, G_OPTION_ARG_STRING, &options->keep_yearly, "… of N years", "N" },
    { "keep-within", 0, 0, G_OPTION_ARG_STRING, &options->keep_within,
      "Keep all that are younger", "1y5m7d" },
    { "rule", 0, 0, G_OPTION_ARG_STRING_ARRAY, &options->rules,
      "Any rule, as automatic-keep-last=5; may be repeated", "NAME=VALUE" },
    { "verify", 0, 0, G_OPTION_ARG_STRING, &options->verify,
      "After each backup read this share of the stored data", "5%" },
    { "drill", 0, 0, G_OPTION_ARG_NONE, &options->drill,
      "After each backup restore it into a scratch database", NULL },
    { "no-prune", 0, 0, G_OPTION_ARG_NONE, &options->no_prune,
      "Do not free what removed backups took", NULL },
    { "prune-limit", 0, 0, G_OPTION_ARG_STRING, &options->prune_limit,
      "How long that may take; 30m by default", "TIME" },
    { "disable", 0, 0, G_OPTION_ARG_NONE, &options->disable, "It does not run by itself", NULL },
  };
  const GOptionEntry more[] = {
    { "enable", 0, 0, G_OPTION_ARG_NONE, &options->enable, "It runs by itself again", NULL },
    { "catch-up", 0, 0, G_OPTION_ARG_NONE, &options->catch_up,
      "What was missed is caught up again", NULL },
    { "no-drill", 0, 0, G_OPTION_ARG_NONE, &options->no_drill, "No drill after each backup", NULL },
    { "prune", 0, 0, G_OPTION_ARG_NONE, &options->prune, "Free what removed backups took", NULL },
    { "clear", 0, 0, G_OPTION_ARG_STRING_ARRAY, &options->clear,
      "Take a setting away (late-after, parts, retention…); may be repeated", "SETTING" },
    G_OPTION_ENTRY_NULL,
  };

  all = g_new0 (GOptionEntry, G_N_ELEMENTS (entries) + G_N_ELEMENTS (more));
  memcpy (all, entries, sizeof entries);
  if (edit)
    memcpy (all + G_N_ELEMENTS (entries), more, sizeof more);
  return all;
}

GVariant *
ob_schedule_options_build (const ObScheduleOptions *options, ObClient *client, gboolean whole,
                           GError **error)
{
  g_auto (GVariantBuilder) builder = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE_VARDICT);

  if (whole && !add_names_of_all (&builder, options, client, error))
    return NULL;
  if (whole && options->times == NULL)
    {
      g_set_error_literal (error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED,
                           "Say when it runs: --at daily, --at \"Mon..Fri 22:30\"");
      return NULL;
    }
  if (!whole)
    {
      add_text (&builder, "instance", options->instance);
      add_names (&builder, "destinations", options->to);
    }
  add_list (&builder, "times", (const char *const *) options->times);
  add_names (&builder, "parts", options->parts);
  add_text (&builder, "action", options->action);
  add_text (&builder, "time-zone", options->zone);
  add_text (&builder, "random-delay", options->random_delay);
  add_text (&builder, "overlap", options->overlap);
  add_text (&builder, "late-after", options->late_after);
  add_text (&builder, "verify-after", options->verify);
  add_text (&builder, "prune-limit", options->prune_limit);
  add_flag (&builder, "persistent", options->catch_up, options->no_catch_up);
  add_flag (&builder, "drill-after", options->drill, options->no_drill);
  add_flag (&builder, "prune-after", options->prune, options->no_prune);
  add_flag (&builder, "enabled", options->enable, options->disable);
  add_rules (&builder, options);
  add_list (&builder, "clear", (const char *const *) options->clear);
  return g_variant_builder_end (&builder);
}
