/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The rules of a retention policy, as a key file has them, and a history judged by them. */
#include "ob-retention.h"

#include <string.h>

#include "driver.h"

#define NOW G_GINT64_CONSTANT (1790000000)

static const ObFuzzSeed seeds[] = {
  OB_FUZZ_SEED ("[r]\nkeep-last=3\nkeep-daily=7\nkeep-weekly=4\nkeep-monthly=12\nkeep-yearly=10\n"),
  OB_FUZZ_SEED ("[r]\nkeep-within=2y5m7d3h\nautomatic-keep-within-hourly=1d\n"),
  OB_FUZZ_SEED ("[r]\nkeep-hourly=10000\nkeep-within-yearly=10000y10000m10000d10000h\n"),
  OB_FUZZ_SEED (
    "[r]\nkeep-within-daily=1m\nkeep-within-weekly=2m\nmanual-keep-within-monthly=1y\n"),
  OB_FUZZ_SEED (
    "[r]\nkeep-dayly=-7\nkeep-within=7w\nkeep-last=0\nkeep-last=99999999999999999999\n"),
};

OB_FUZZ_EXPORT_SEEDS (seeds)

/* What holds whatever the rules are. */
static void
check (const ObRetention *retention)
{
  static const ObRetentionItem items[] = {
    { .id = "a", .time = NOW - 1, .kind = "scheduled" },
    { .id = "b", .time = NOW - 100, .kind = "scheduled", .result = OB_RETENTION_PARTIAL },
    { .id = "c", .time = NOW - 9000, .kind = "automatic" },
    { .id = "d", .time = NOW - 800000, .kind = "manual", .pinned = TRUE },
    { .id = "e", .time = NOW - 70000000, .kind = "scheduled", .result = OB_RETENTION_FAILED },
    { .id = "f", .time = NOW + 1, .kind = "scheduled" },
    { .id = "g", .time = G_MININT64, .kind = "scheduled" },
  };
  static const gboolean stays[] = { TRUE, FALSE, FALSE, TRUE, FALSE, TRUE, FALSE };
  g_autoptr (GTimeZone) zone = g_time_zone_new_utc ();
  g_autoptr (GPtrArray) verdicts
    = ob_retention_apply (retention, items, G_N_ELEMENTS (items), zone, NOW);

  g_assert_cmpuint (verdicts->len, ==, G_N_ELEMENTS (items));
  for (guint i = 0; i < verdicts->len; i++)
    {
      const ObRetentionVerdict *verdict = g_ptr_array_index (verdicts, i);

      g_assert_true (verdict->keep || !stays[i]);
      g_assert_nonnull (verdict->reasons[0]);
    }
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (GKeyFile) file = g_key_file_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (ObRetention) retention = NULL;
  g_autofree char *told = NULL;

  if (!g_utf8_validate_len ((const char *) data, size, NULL)
      || !g_key_file_load_from_data (file, (const char *) data, size, G_KEY_FILE_NONE, NULL))
    return 0;
  retention = ob_retention_new_from_key_file (file, "r", &error);
  g_assert_true ((retention == NULL) == (error != NULL));
  if (retention == NULL)
    {
      g_assert_true (g_utf8_validate (error->message, -1, NULL));
      g_assert_cmpuint (strlen (error->message), <, 1000);
      return 0;
    }
  told = ob_retention_to_string (retention);
  g_assert_true (strlen (told) > 0 && strlen (told) < 4000);
  check (retention);
  return 0;
}
