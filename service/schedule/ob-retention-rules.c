/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-retention-rules.h"

#include <string.h>

#include "ob-error.h"

#define MAX_LENGTH 64

static const char *const period_names[OB_RETENTION_N_PERIODS]
  = { "hourly", "daily", "weekly", "monthly", "yearly" };

/* The periods in their order, with counts first. */
static const char *const rule_names[] = {
  "keep-last",
  "keep-hourly",
  "keep-daily",
  "keep-weekly",
  "keep-monthly",
  "keep-yearly",
  "keep-within",
  "keep-within-hourly",
  "keep-within-daily",
  "keep-within-weekly",
  "keep-within-monthly",
  "keep-within-yearly",
  NULL,
};

const char *
ob_retention_period_get_name (ObRetentionPeriod period)
{
  return period_names[period];
}

const char *const *
ob_retention_rules_list_names (void)
{
  return rule_names;
}

static gboolean
parse_count (const char *text, guint *count, GError **error)
{
  guint number = 0;
  const char *at = text;

  for (; g_ascii_isdigit (*at) && number <= OB_RETENTION_MAX_COUNT; at++)
    number = number * 10 + (guint) (*at - '0');
  if (at == text || *at != '\0' || number > OB_RETENTION_MAX_COUNT)
    {
      g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                   "“%s” is not a whole number of 0 to %d. Write how many are to be kept, or 0 to "
                   "turn this rule off",
                   strlen (text) > MAX_LENGTH ? "…" : text, OB_RETENTION_MAX_COUNT);
      return FALSE;
    }
  *count = number;
  return TRUE;
}

gboolean
ob_retention_rules_set (ObRetentionRules *rules, const char *name, const char *text, GError **error)
{
  if (strcmp (name, "keep-last") == 0)
    return parse_count (text, &rules->last, error);
  if (strcmp (name, "keep-within") == 0)
    return ob_duration_parse (text, &rules->within, error);
  for (guint i = 0; i < OB_RETENTION_N_PERIODS; i++)
    {
      if (g_str_has_prefix (name, "keep-within-")
          && strcmp (name + strlen ("keep-within-"), period_names[i]) == 0)
        return ob_duration_parse (text, &rules->within_periods[i], error);
      if (g_str_has_prefix (name, "keep-")
          && strcmp (name + strlen ("keep-"), period_names[i]) == 0)
        return parse_count (text, &rules->counts[i], error);
    }
  g_return_val_if_reached (FALSE);
}

gboolean
ob_retention_rules_is_empty (const ObRetentionRules *rules)
{
  gboolean is_empty = rules->last == 0 && ob_duration_is_zero (&rules->within);

  for (guint i = 0; i < OB_RETENTION_N_PERIODS; i++)
    is_empty = is_empty && rules->counts[i] == 0 && ob_duration_is_zero (&rules->within_periods[i]);
  return is_empty;
}

/* "a, b and c". Transfer full. */
static char *
join (GPtrArray *parts)
{
  g_autoptr (GString) text = g_string_new (NULL);

  for (guint i = 0; i < parts->len; i++)
    {
      if (i > 0)
        g_string_append (text, i + 1 < parts->len ? ", " : " and ");
      g_string_append (text, g_ptr_array_index (parts, i));
    }
  return g_string_free (g_steal_pointer (&text), FALSE);
}

static void
add_within (GPtrArray *parts, const char *which, const ObDuration *duration)
{
  g_autofree char *length = ob_duration_to_string (duration);

  if (!ob_duration_is_zero (duration))
    g_ptr_array_add (parts, g_strdup_printf ("%s within %s", which, length));
}

char *
ob_retention_rules_to_string (const ObRetentionRules *rules)
{
  g_autoptr (GPtrArray) parts = g_ptr_array_new_with_free_func (g_free);

  if (rules->last == 1)
    g_ptr_array_add (parts, g_strdup ("the last one"));
  else if (rules->last > 1)
    g_ptr_array_add (parts, g_strdup_printf ("the last %u", rules->last));
  for (guint i = 0; i < OB_RETENTION_N_PERIODS; i++)
    if (rules->counts[i] > 0)
      g_ptr_array_add (parts, g_strdup_printf ("%u %s", rules->counts[i], period_names[i]));
  for (guint i = 0; i < OB_RETENTION_N_PERIODS; i++)
    add_within (parts, period_names[i], &rules->within_periods[i]);
  add_within (parts, "all", &rules->within);
  return parts->len == 0 ? g_strdup ("none") : join (parts);
}
