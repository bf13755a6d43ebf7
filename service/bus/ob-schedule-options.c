/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-schedule-options.h"

#include <string.h>

#include "ob-error.h"
#include "ob-schedule.h"

#define GROUP OB_SCHEDULE_GROUP

#define SETTINGS                                                                                   \
  { "time-zone", "s", FALSE }, { "action", "s", FALSE }, { "parts", "as", FALSE },                 \
    { "enabled", "b", FALSE }, { "persistent", "b", FALSE }, { "overlap", "s", FALSE },            \
    { "random-delay", "s", FALSE }, { "late-after", "s", FALSE }, { "retention", "as", FALSE },    \
    { "verify-after", "s", FALSE }, { "drill-after", "b", FALSE },                                 \
    { "prune-after", "b", FALSE }, { "prune-limit", "s", FALSE }

const ObOptionSpec ob_schedule_add_options[] = { { "instance", "s", TRUE },
                                                 { "destinations", "as", TRUE },
                                                 { "times", "as", TRUE },
                                                 SETTINGS,
                                                 { NULL, NULL, FALSE } };

const ObOptionSpec ob_schedule_update_options[] = { { "instance", "s", FALSE },
                                                    { "destinations", "as", FALSE },
                                                    { "times", "as", FALSE },
                                                    SETTINGS,
                                                    { "clear", "as", FALSE },
                                                    { NULL, NULL, FALSE } };

/* internal methods */

static void
remove_rules (GKeyFile *file)
{
  g_auto (GStrv) keys = g_key_file_get_keys (file, GROUP, NULL, NULL);

  for (gsize i = 0; keys != NULL && keys[i] != NULL; i++)
    if (ob_schedule_is_rule (keys[i]))
      g_key_file_remove_key (file, GROUP, keys[i], NULL);
}

static gboolean
check_rule (const char *rule, const char *equals, GError **error)
{
  if (equals != NULL && equals > rule)
    {
      g_autofree char *key = g_strndup (rule, equals - rule);

      if (ob_schedule_is_rule (key) && strspn (key, "abcdefghijklmnopqrstuvwxyz-") == strlen (key))
        return TRUE;
    }
  g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
               "\"%.64s\" is no rule of a retention; they are like keep-daily=7.", rule);
  return FALSE;
}

static gboolean
apply_rules (const char *const *rules, GKeyFile *file, GError **error)
{
  remove_rules (file);
  for (const char *const *rule = rules; *rule != NULL; rule++)
    {
      const char *equals = strchr (*rule, '=');
      g_autofree char *key = NULL;

      if (!check_rule (*rule, equals, error))
        return FALSE;
      key = g_strndup (*rule, equals - *rule);
      if (g_key_file_has_key (file, GROUP, key, NULL))
        {
          g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT, "The rule %s is given twice.",
                       key);
          return FALSE;
        }
      g_key_file_set_string (file, GROUP, key, equals + 1);
    }
  return TRUE;
}

static gboolean
clear (const char *const *names, GKeyFile *file, GError **error)
{
  for (const char *const *name = names; name != NULL && *name != NULL; name++)
    {
      gboolean known = FALSE;

      for (const ObOptionSpec *spec = ob_schedule_update_options; spec->name != NULL; spec++)
        known = known || (strcmp (spec->name, *name) == 0 && strcmp (*name, "clear") != 0);
      if (!known)
        {
          g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                       "\"%.64s\" is no setting of a schedule.", *name);
          return FALSE;
        }
      if (strcmp (*name, "retention") == 0)
        remove_rules (file);
      else
        g_key_file_remove_key (file, GROUP, *name, NULL);
    }
  return TRUE;
}

static void
apply_one (ObOptions *options, const ObOptionSpec *spec, GKeyFile *file)
{
  const char *const *strings = NULL;

  switch (*spec->type)
    {
    case 's':
      g_key_file_set_string (file, GROUP, spec->name, ob_options_get_string (options, spec->name));
      break;
    case 'b':
      g_key_file_set_boolean (file, GROUP, spec->name,
                              ob_options_get_boolean (options, spec->name));
      break;
    default:
      strings = ob_options_get_strings (options, spec->name);
      g_key_file_set_string_list (file, GROUP, spec->name, strings,
                                  g_strv_length ((char **) strings));
    }
}

/* public methods */

gboolean
ob_schedule_options_apply (ObOptions *options, GKeyFile *file, GError **error)
{
  for (const ObOptionSpec *spec = ob_schedule_add_options; spec->name != NULL; spec++)
    {
      if (!ob_options_has (options, spec->name))
        continue;
      if (strcmp (spec->name, "retention") != 0)
        apply_one (options, spec, file);
      else if (!apply_rules (ob_options_get_strings (options, "retention"), file, error))
        return FALSE;
    }
  return !ob_options_has (options, "clear")
         || clear (ob_options_get_strings (options, "clear"), file, error);
}

void
ob_schedule_options_describe (GKeyFile *file, GVariantDict *dict)
{
  g_auto (GStrv) keys = g_key_file_get_keys (file, GROUP, NULL, NULL);
  g_autoptr (GStrvBuilder) rules = g_strv_builder_new ();
  g_auto (GStrv) all = NULL;

  for (gsize i = 0; keys != NULL && keys[i] != NULL; i++)
    if (ob_schedule_is_rule (keys[i]))
      {
        g_autofree char *value = g_key_file_get_string (file, GROUP, keys[i], NULL);
        g_autofree char *rule = g_strconcat (keys[i], "=", value, NULL);

        g_strv_builder_add (rules, rule);
      }
  for (const ObOptionSpec *spec = ob_schedule_add_options; spec->name != NULL; spec++)
    {
      g_autofree char *text = g_key_file_get_string (file, GROUP, spec->name, NULL);

      if (text == NULL)
        continue;
      if (*spec->type == 's')
        g_variant_dict_insert (dict, spec->name, "s", text);
      else if (*spec->type == 'b')
        g_variant_dict_insert (dict, spec->name, "b", strcmp (text, "true") == 0);
      else
        {
          g_auto (GStrv) list = g_key_file_get_string_list (file, GROUP, spec->name, NULL, NULL);

          g_variant_dict_insert (dict, spec->name, "^as", list);
        }
    }
  all = g_strv_builder_end (rules);
  if (*all != NULL)
    g_variant_dict_insert (dict, "retention", "^as", all);
}
