/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Times as snapshots, trees and locks have them. */
#include "ob-time.h"

#include "driver.h"

static const ObFuzzSeed seeds[] = {
  OB_FUZZ_SEED ("2026-11-23T04:05:06.789Z"),
  OB_FUZZ_SEED ("0001-01-01T00:00:00Z"),
  OB_FUZZ_SEED ("9999-12-31T23:59:59.999999999+14:00"),
  OB_FUZZ_SEED ("0000-02-29T00:00:00-23:59"),
  OB_FUZZ_SEED ("2016-12-31T23:59:60Z"),
};

OB_FUZZ_EXPORT_SEEDS (seeds)


int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autofree char *text = g_strndup ((const char *) data, size);
  g_autofree char *printed = NULL;
  g_autofree char *printed_again = NULL;
  struct timespec when = { 0 };
  struct timespec again = { 0 };

  if (!ob_time_parse (text, &when))
    return 0;
  g_assert_cmpint (when.tv_nsec, >=, 0);
  g_assert_cmpint (when.tv_nsec, <, 1000000000);
  /* What lies outside of the years 0 to 9999 by its offset is printed as their ends. */
  printed = ob_time_format (&when);
  g_assert_true (ob_time_parse (printed, &again));
  printed_again = ob_time_format (&again);
  g_assert_cmpstr (printed, ==, printed_again);
  return 0;
}
