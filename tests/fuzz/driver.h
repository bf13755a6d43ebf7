/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a fuzz target gives to whoever drives it: libFuzzer, or driver.c where there is none. */
#pragma once

#include <glib.h>
#include <stdint.h>

G_BEGIN_DECLS

/* An input as the real world has it, which others are made from. */
typedef struct
{
  const void *data;
  gsize size;
} ObFuzzSeed;

/* Of a string literal, which may hold NUL. */
#define OB_FUZZ_SEED(text) { (text), sizeof (text) - 1 }

/* Runs one input; whatever it holds, it must return 0, and abort where something that must hold
 * does not. */
int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

/* The target's seeds, at least one. Transfer none. */
const ObFuzzSeed *ob_fuzz_get_seeds (gsize *n);

/* That function, for a target whose seeds are the array @seeds. */
#define OB_FUZZ_EXPORT_SEEDS(seeds)                                                                \
  const ObFuzzSeed *ob_fuzz_get_seeds (gsize *n)                                                   \
  {                                                                                                \
    *n = G_N_ELEMENTS (seeds);                                                                     \
    return seeds;                                                                                  \
  }

/* For a target that reads JSON through json-glib: its version 1.6 itself loses a string where an
 * escape makes no sense ("\\ud800\\uffff"), so what leaks cannot be asked of it. The sanitizer asks
 * this function. */
#define OB_FUZZ_JSON_GLIB_LEAKS                                                                    \
  int __lsan_is_turned_off (void);                                                                 \
  int __lsan_is_turned_off (void)                                                                  \
  {                                                                                                \
    return 1;                                                                                      \
  }

G_END_DECLS
