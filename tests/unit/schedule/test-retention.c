/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fixture.h"
#include "ob-error.h"
#include "retention-fixture.h"

/* @expected: a line an item, "+" or "-" and its reasons. */
static void
assert_verdicts (const char *rules, const ObRetentionItem *items, gsize n_items,
                 const char *expected)
{
  g_autoptr (GPtrArray) verdicts = retention_apply (rules, items, n_items);
  g_autoptr (GString) told = g_string_new (NULL);

  for (gsize i = 0; i < n_items; i++)
    {
      const ObRetentionVerdict *verdict = g_ptr_array_index (verdicts, i);
      g_autofree char *reasons = g_strjoinv (" | ", verdict->reasons);

      g_string_append_printf (told, "%s %c %s\n", items[i].id, verdict->keep ? '+' : '-', reasons);
    }
  g_assert_cmpstr (told->str, ==, expected);
}

static void
test_empty_history (void)
{
  g_autoptr (GPtrArray) verdicts = retention_apply ("keep-daily=7", NULL, 0);

  g_assert_cmpuint (verdicts->len, ==, 0);
}

static void
test_rules (void)
{
  static const ObRetentionItem items[] = {
    { .id = "a", .time = RETENTION_NOW - HOUR, .kind = "scheduled" },
    { .id = "b", .time = RETENTION_NOW - 2 * HOUR, .kind = "copy" },
    { .id = "c", .time = RETENTION_NOW - 1 * DAY, .kind = "scheduled" },
    { .id = "d", .time = RETENTION_NOW - 2 * DAY, .kind = "scheduled" },
    { .id = "e", .time = RETENTION_NOW - 100 * DAY, .kind = "scheduled" },
    { .id = "f", .time = RETENTION_NOW - 500 * DAY, .kind = "scheduled" },
    { .id = "g", .time = RETENTION_NOW - 500 * DAY - HOUR, .kind = "scheduled" },
  };

  assert_verdicts ("keep-last=1 keep-daily=2 keep-yearly=3", items, G_N_ELEMENTS (items),
                   "a + last good backup | last 1 of 1 | daily 1 of 2 | yearly 1 of 3\n"
                   "b - no rule keeps it\n"
                   "c + daily 2 of 2\n"
                   "d - no rule keeps it\n"
                   "e - no rule keeps it\n"
                   "f + yearly 2 of 3\n"
                   "g - no rule keeps it\n");
  assert_verdicts ("keep-within=1d2h keep-within-weekly=4m", items, G_N_ELEMENTS (items),
                   "a + last good backup | weekly within 4 months | within 1 day 2 hours\n"
                   "b + within 1 day 2 hours\n"
                   "c + weekly within 4 months | within 1 day 2 hours\n"
                   "d - no rule keeps it\n"
                   "e + weekly within 4 months\n"
                   "f - no rule keeps it\n"
                   "g - no rule keeps it\n");
}

static void
test_kinds (void)
{
  static const ObRetentionItem items[] = {
    { .id = "a1", .time = RETENTION_NOW - HOUR, .kind = "automatic" },
    { .id = "a2", .time = RETENTION_NOW - 8 * DAY, .kind = "automatic" },
    { .id = "a3", .time = RETENTION_NOW - 9 * DAY, .kind = "automatic" },
    { .id = "a4", .time = RETENTION_NOW - 10 * DAY, .kind = "automatic" },
    { .id = "f1", .time = RETENTION_NOW - 10 * DAY, .kind = "foreign" },
    { .id = "m1", .time = RETENTION_NOW - 2 * DAY, .kind = "manual" },
    { .id = "m2", .time = RETENTION_NOW - 3 * DAY, .kind = "manual" },
    { .id = "n1", .time = RETENTION_NOW - 3 * DAY, .kind = NULL },
    { .id = "s1", .time = RETENTION_NOW - 3 * DAY, .kind = "scheduled" },
    { .id = "s2", .time = RETENTION_NOW - 4 * DAY, .kind = "scheduled" },
  };

  assert_verdicts ("keep-last=1", items, G_N_ELEMENTS (items),
                   "a1 + last good backup | automatic: last 1 of 3 | automatic: within 7 days\n"
                   "a2 + automatic: last 2 of 3\n"
                   "a3 + automatic: last 3 of 3\n"
                   "a4 - no rule keeps it\n"
                   "f1 + no rules are for backups of its kind\n"
                   "m1 + manual: kept until somebody deletes it\n"
                   "m2 + manual: kept until somebody deletes it\n"
                   "n1 + no rules are for backups of its kind\n"
                   "s1 + last 1 of 1\n"
                   "s2 - no rule keeps it\n");
  assert_verdicts ("keep-last=2 automatic-keep-last=1 manual-keep-last=1 automatic-keep-within=0d",
                   items, G_N_ELEMENTS (items),
                   "a1 + last good backup | automatic: last 1 of 1\n"
                   "a2 - no rule keeps it\n"
                   "a3 - no rule keeps it\n"
                   "a4 - no rule keeps it\n"
                   "f1 + no rules are for backups of its kind\n"
                   "m1 + manual: last 1 of 1\n"
                   "m2 - no rule keeps it\n"
                   "n1 + no rules are for backups of its kind\n"
                   "s1 + last 1 of 2\n"
                   "s2 + last 2 of 2\n");
}

static void
test_failed (void)
{
  static const ObRetentionItem items[] = {
    { .id = "f1",
      .time = RETENTION_NOW - 1 * HOUR,
      .kind = "scheduled",
      .result = OB_RETENTION_FAILED },
    { .id = "f2",
      .time = RETENTION_NOW - 2 * HOUR,
      .kind = "scheduled",
      .result = OB_RETENTION_FAILED },
    { .id = "f3",
      .time = RETENTION_NOW - 3 * HOUR,
      .kind = "scheduled",
      .result = OB_RETENTION_FAILED },
    { .id = "g1", .time = RETENTION_NOW - 4 * HOUR, .kind = "scheduled" },
    { .id = "f4",
      .time = RETENTION_NOW - 5 * HOUR,
      .kind = "scheduled",
      .result = OB_RETENTION_FAILED },
    { .id = "f5",
      .time = RETENTION_NOW - 5 * HOUR,
      .kind = "manual",
      .result = OB_RETENTION_FAILED },
    { .id = "f6",
      .time = RETENTION_NOW - 5 * HOUR,
      .kind = "foreign",
      .result = OB_RETENTION_FAILED },
    { .id = "g2", .time = RETENTION_NOW - 6 * HOUR, .kind = "scheduled" },
    { .id = "g3", .time = RETENTION_NOW - 7 * HOUR, .kind = "scheduled" },
  };

  assert_verdicts ("keep-last=2", items, G_N_ELEMENTS (items),
                   "f1 + last 1 of 2\n"
                   "f2 + last 2 of 2\n"
                   "f3 - no rule keeps it\n"
                   "g1 + last good backup | last 1 of 2\n"
                   "f4 - failed, and there is a newer good backup\n"
                   "f5 - failed, and there is a newer good backup\n"
                   "f6 + no rules are for backups of its kind\n"
                   "g2 + last 2 of 2\n"
                   "g3 - no rule keeps it\n");
  /* However many may stay. */
  assert_verdicts ("keep-last=9", items + 3, 4,
                   "g1 + last good backup | last 1 of 9\n"
                   "f4 - failed, and there is a newer good backup\n"
                   "f5 - failed, and there is a newer good backup\n"
                   "f6 + no rules are for backups of its kind\n");
}

/* What is as old as a span is long lies outside of it. */
static void
test_end_of_span (void)
{
  static const ObRetentionItem items[] = {
    { .id = "a", .time = RETENTION_NOW, .kind = "scheduled" },
    { .id = "b", .time = RETENTION_NOW - DAY + 1, .kind = "scheduled" },
    { .id = "c", .time = RETENTION_NOW - DAY, .kind = "scheduled" },
  };

  assert_verdicts ("keep-within=1d", items, G_N_ELEMENTS (items),
                   "a + last good backup | within 1 day\n"
                   "b + within 1 day\n"
                   "c - no rule keeps it\n");
}

static void
test_partial (void)
{
  static const ObRetentionItem items[] = {
    { .id = "p1",
      .time = RETENTION_NOW - 1 * HOUR,
      .kind = "scheduled",
      .result = OB_RETENTION_PARTIAL },
    { .id = "g1", .time = RETENTION_NOW - 2 * HOUR, .kind = "scheduled" },
    { .id = "f1",
      .time = RETENTION_NOW - 3 * HOUR,
      .kind = "scheduled",
      .result = OB_RETENTION_FAILED },
    { .id = "p2",
      .time = RETENTION_NOW - 4 * HOUR,
      .kind = "scheduled",
      .result = OB_RETENTION_PARTIAL },
    { .id = "p3",
      .time = RETENTION_NOW - DAY,
      .kind = "scheduled",
      .result = OB_RETENTION_PARTIAL },
    { .id = "p4",
      .time = RETENTION_NOW - 2 * DAY,
      .kind = "scheduled",
      .result = OB_RETENTION_PARTIAL },
    { .id = "g2", .time = RETENTION_NOW - 3 * DAY, .kind = "scheduled" },
  };

  assert_verdicts ("keep-daily=2", items, G_N_ELEMENTS (items),
                   "p1 + daily 1 of 2\n"
                   "g1 + last good backup | daily 1 of 2\n"
                   "f1 - failed, and there is a newer good backup\n"
                   "p2 - no rule keeps it\n"
                   "p3 + daily 2 of 2\n"
                   "p4 - no rule keeps it\n"
                   "g2 + daily 2 of 2\n");
}

static void
test_without_good (void)
{
  static const ObRetentionItem items[] = {
    { .id = "f1",
      .time = RETENTION_NOW - 1 * HOUR,
      .kind = "scheduled",
      .result = OB_RETENTION_FAILED },
    { .id = "p1",
      .time = RETENTION_NOW - 20 * DAY,
      .kind = "automatic",
      .result = OB_RETENTION_PARTIAL },
    { .id = "p2",
      .time = RETENTION_NOW - 30 * DAY,
      .kind = "automatic",
      .result = OB_RETENTION_PARTIAL },
    { .id = "f2",
      .time = RETENTION_NOW - 40 * DAY,
      .kind = "manual",
      .result = OB_RETENTION_FAILED },
  };

  assert_verdicts ("keep-last=1 automatic-keep-last=1", items, G_N_ELEMENTS (items),
                   "f1 + last 1 of 1\n"
                   "p1 + last backup: there is no good one | automatic: last 1 of 1\n"
                   "p2 - no rule keeps it\n"
                   "f2 + manual: kept until somebody deletes it\n");
  assert_verdicts ("keep-last=1", items, 1,
                   "f1 + last backup: there is none that is better | last 1 of 1\n");
}

static void
test_pinned_and_needed (void)
{
  static const ObRetentionItem items[] = {
    { .id = "a", .time = RETENTION_NOW - 1 * HOUR, .kind = "scheduled", .pinned = TRUE },
    { .id = "b",
      .time = RETENTION_NOW - 2 * HOUR,
      .kind = "scheduled",
      .pinned = TRUE,
      .needed_by = "the open change Module X" },
    { .id = "c", .time = RETENTION_NOW - 3 * HOUR, .kind = "scheduled" },
    { .id = "d",
      .time = RETENTION_NOW - 4 * HOUR,
      .kind = "manual",
      .result = OB_RETENTION_FAILED,
      .needed_by = "the open change Module X" },
    { .id = "e",
      .time = RETENTION_NOW - 5 * HOUR,
      .kind = "scheduled",
      .result = OB_RETENTION_FAILED,
      .pinned = TRUE },
  };

  assert_verdicts ("keep-last=1", items, G_N_ELEMENTS (items),
                   "a + pinned | last good backup | last 1 of 1\n"
                   "b + pinned | needed by the open change Module X\n"
                   "c - no rule keeps it\n"
                   "d + needed by the open change Module X\n"
                   "e + pinned\n");
}

/* The clock had been wrong. */
static void
test_future (void)
{
  static const ObRetentionItem items[] = {
    { .id = "x", .time = G_MAXINT64, .kind = "scheduled" },
    { .id = "y", .time = RETENTION_NOW + 1, .kind = "scheduled", .result = OB_RETENTION_FAILED },
    { .id = "a", .time = RETENTION_NOW, .kind = "scheduled" },
    { .id = "b", .time = RETENTION_NOW - DAY, .kind = "scheduled" },
    { .id = "c", .time = G_MININT64, .kind = "scheduled" },
  };

  assert_verdicts ("keep-last=1 keep-within=2d", items, G_N_ELEMENTS (items),
                   "x + its time lies in the future\n"
                   "y + its time lies in the future\n"
                   "a + last good backup | last 1 of 1 | within 2 days\n"
                   "b + within 2 days\n"
                   "c - no rule keeps it\n");
}

static void
test_parts (void)
{
  static const ObRetentionItem items[] = {
    { .id = "a", .time = RETENTION_NOW - 1 * HOUR, .kind = "scheduled", .parts = 1 },
    { .id = "b", .time = RETENTION_NOW - 2 * HOUR, .kind = "scheduled", .parts = 1 },
    { .id = "c",
      .time = RETENTION_NOW - 3 * HOUR,
      .kind = "scheduled",
      .parts = 3,
      .result = OB_RETENTION_FAILED },
    { .id = "d", .time = RETENTION_NOW - 4 * HOUR, .kind = "scheduled", .parts = 3 },
    { .id = "e", .time = RETENTION_NOW - 5 * HOUR, .kind = "scheduled", .parts = 3 },
    { .id = "f",
      .time = RETENTION_NOW - 6 * HOUR,
      .kind = "scheduled",
      .parts = 3,
      .result = OB_RETENTION_FAILED },
  };

  assert_verdicts ("keep-last=1 keep-hourly=3", items, G_N_ELEMENTS (items),
                   "a + last good backup | last 1 of 1 | hourly 1 of 3\n"
                   "b + hourly 2 of 3\n"
                   "c + hourly 3 of 3\n"
                   "d + last good backup of a part | hourly 3 of 3\n"
                   "e - no rule keeps it\n"
                   "f - failed, and there is a newer good backup\n");
}

/* Days are those of the zone: both lie in one day of Madrid, and in two of Greenwich. */
static void
test_zone (void)
{
  static const ObRetentionItem items[] = {
    { .id = "a", .time = 1782864000 + HOUR, .kind = "scheduled" }, /* 2026-07-01 03:00 there */
    { .id = "b", .time = 1782864000 - HOUR, .kind = "scheduled" }, /* 2026-07-01 01:00 there */
    { .id = "c", .time = 1782864000 - 9 * DAY, .kind = "scheduled" },
    { .id = "d", .time = 1782864000 - 19 * DAY, .kind = "scheduled" },
  };
  g_autoptr (ObRetention) retention = retention_make ("keep-daily=2");
  g_autoptr (GTimeZone) madrid = g_time_zone_new_identifier ("Europe/Madrid");
  g_autoptr (GTimeZone) utc = g_time_zone_new_utc ();
  g_autoptr (GPtrArray) there
    = ob_retention_apply (retention, items, G_N_ELEMENTS (items), madrid, RETENTION_NOW);
  g_autoptr (GPtrArray) here
    = ob_retention_apply (retention, items, G_N_ELEMENTS (items), utc, RETENTION_NOW);

  g_assert_false (retention_is_kept (there, 1));
  g_assert_true (retention_is_kept (there, 2));
  g_assert_true (retention_is_kept (here, 1));
  g_assert_false (retention_is_kept (here, 2));
}

static void
test_to_string (void)
{
  static const struct
  {
    const char *rules, *told;
  } policies[] = {
    { "keep-last=3 keep-daily=7 keep-weekly=4",
      "the last 3, 7 daily and 4 weekly; automatic: the last 3 and all within 7 days; "
      "manual: all" },
    { "keep-last=1 manual-keep-within=1y automatic-keep-hourly=24 keep-weekly=0",
      "the last one; automatic: 24 hourly; manual: all within 1 year" },
    { "keep-within-hourly=2d keep-within-daily=7d keep-within-weekly=1m keep-within-monthly=1y "
      "keep-within-yearly=10y keep-within=5h keep-hourly=1 keep-monthly=2 keep-yearly=10000",
      "1 hourly, 2 monthly, 10000 yearly, hourly within 2 days, daily within 7 days, weekly within "
      "1 month, monthly within 1 year, yearly within 10 years and all within 5 hours; automatic: "
      "the last 3 and all within 7 days; manual: all" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (policies); i++)
    {
      g_autoptr (ObRetention) retention = retention_make (policies[i].rules);
      g_autofree char *told = ob_retention_to_string (retention);

      g_assert_cmpstr (told, ==, policies[i].told);
    }
}

static void
test_refuses (void)
{
  static const struct
  {
    const char *rules, *told;
  } policies[] = {
    { "", "for scheduled backups would keep none of them" },
    { "keep-last=0 keep-within=0d", "for scheduled backups would keep none of them" },
    { "automatic-keep-last=3", "for scheduled backups would keep none of them" },
    { "keep-last=1 automatic-keep-last=0", "automatic-keep-daily=7" },
    { "keep-last=1 manual-keep-within-daily=0y", "for manual backups would keep none of them" },
    { "keep-last=-1", "The retention rule keep-last cannot be understood: “-1” is not a whole" },
    { "keep-last=", "“” is not a whole number of 0 to 10000" },
    { "keep-last=1.5", "“1.5” is not a whole number of 0 to 10000" },
    { "keep-last=10001", "“10001” is not a whole number of 0 to 10000" },
    { "keep-daily=4294967297", "rule keep-daily cannot" },
    { "keep-yearly=18446744073709551617", "rule keep-yearly cannot" },
    { "keep-weekly=7d", "“7d” is not a whole number" },
    { "keep-within=7", "behind a number there has to be y, m, d or h" },
    { "manual-keep-within-daily=-7d", "The retention rule manual-keep-within-daily cannot" },
    { "keep-last=1 keep-last=1", "keep-last is there twice" },
    { "keep-dayly=7", "There is no retention rule “keep-dayly”. Did you mean keep-daily?" },
    { "manual_keep_daily=7", "Did you mean manual-keep-daily?" },
    { "manual-manual-keep-daily=7", "There is no retention rule “manual-manual-keep-daily”" },
    { "scheduled-keep-daily=7", "There is no retention rule “scheduled-keep-daily”" },
    { "calendar=daily", "Rules are keep-last, keep-hourly" },
    { "a-name-of-more-than-sixty-four-bytes-which-has-to-be-left-out-of-the-message=1", "“…”" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (policies); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (ob_retention_new (retention_make_texts (policies[i].rules), &error));
      g_assert_ob_error (error, OB_ERROR_INVALID_ARGUMENT);
      g_assert_message (error, policies[i].told);
    }
}

static void
test_types (void)
{
  g_autoptr (ObRetention) retention = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *told = NULL;

  retention = ob_retention_new (g_variant_new_parsed ("{'keep-last': <'3'>}"), &error);
  g_assert_no_error (error);
  told = ob_retention_to_string (retention);
  g_assert_true (g_str_has_prefix (told, "the last 3;"));

  g_assert_null (ob_retention_new (g_variant_new_parsed ("{'keep-last': <3>}"), &error));
  g_assert_ob_error (error, OB_ERROR_INVALID_ARGUMENT);
  g_assert_message (error, "keep-last is not given as a text");
  g_clear_error (&error);
  g_assert_null (ob_retention_new (g_variant_new_string ("keep-last=3"), &error));
  g_assert_ob_error (error, OB_ERROR_INVALID_ARGUMENT);
  g_assert_message (error, "not of the type s");
}

static void
test_key_file (void)
{
  static const char text[] = "[retention]\nkeep-daily = 7 \nmanual-keep-within=1y\n[bad]\nkeep=1\n";
  g_autoptr (GKeyFile) file = g_key_file_new ();
  g_autoptr (ObRetention) retention = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *told = NULL;

  g_assert_true (g_key_file_load_from_data (file, text, sizeof text - 1, G_KEY_FILE_NONE, NULL));
  retention = ob_retention_new_from_key_file (file, "retention", &error);
  g_assert_no_error (error);
  told = ob_retention_to_string (retention);
  g_assert_cmpstr (
    told, ==, "7 daily; automatic: the last 3 and all within 7 days; manual: all within 1 year");

  g_assert_null (ob_retention_new_from_key_file (file, "bad", &error));
  g_assert_ob_error (error, OB_ERROR_INVALID_ARGUMENT);
  g_assert_message (error, "There is no retention rule “keep”");
  g_clear_error (&error);
  g_assert_null (ob_retention_new_from_key_file (file, "other", &error));
  g_assert_ob_error (error, OB_ERROR_INVALID_ARGUMENT);
  g_assert_message (error, "other");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/retention/empty-history", test_empty_history);
  g_test_add_func ("/retention/rules", test_rules);
  g_test_add_func ("/retention/kinds", test_kinds);
  g_test_add_func ("/retention/failed", test_failed);
  g_test_add_func ("/retention/end-of-span", test_end_of_span);
  g_test_add_func ("/retention/partial", test_partial);
  g_test_add_func ("/retention/without-good", test_without_good);
  g_test_add_func ("/retention/pinned-and-needed", test_pinned_and_needed);
  g_test_add_func ("/retention/future", test_future);
  g_test_add_func ("/retention/parts", test_parts);
  g_test_add_func ("/retention/zone", test_zone);
  g_test_add_func ("/retention/to-string", test_to_string);
  g_test_add_func ("/retention/refuses", test_refuses);
  g_test_add_func ("/retention/types", test_types);
  g_test_add_func ("/retention/key-file", test_key_file);
  return g_test_run ();
}
