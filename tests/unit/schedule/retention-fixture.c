/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "retention-fixture.h"

#include <string.h>

GVariant *
retention_make_texts (const char *rules)
{
  g_auto (GStrv) words = g_strsplit (rules, " ", -1);
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("a{ss}"));
  for (char **word = words; *word != NULL; word++)
    {
      char *equals = strchr (*word, '=');

      if (equals == NULL)
        continue;
      *equals = '\0';
      g_variant_builder_add (&builder, "{ss}", *word, equals + 1);
    }
  return g_variant_builder_end (&builder);
}

ObRetention *
retention_make (const char *rules)
{
  g_autoptr (GError) error = NULL;
  ObRetention *retention = ob_retention_new (retention_make_texts (rules), &error);

  g_assert_no_error (error);
  g_assert_nonnull (retention);
  return retention;
}

GPtrArray *
retention_apply (const char *rules, const ObRetentionItem *items, gsize n_items)
{
  g_autoptr (ObRetention) retention = retention_make (rules);
  g_autoptr (GTimeZone) zone = g_time_zone_new_utc ();
  GPtrArray *verdicts = ob_retention_apply (retention, items, n_items, zone, RETENTION_NOW);

  g_assert_cmpuint (verdicts->len, ==, n_items);
  return verdicts;
}

gboolean
retention_is_kept (GPtrArray *verdicts, gsize index)
{
  const ObRetentionVerdict *verdict = g_ptr_array_index (verdicts, index);

  g_assert_cmpuint (g_strv_length (verdict->reasons), >, 0);
  return verdict->keep;
}
