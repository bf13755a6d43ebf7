/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "driver.h"

G_BEGIN_DECLS

#define OB_FUZZ_MAX_SIZE (64 * 1024)

/* Fills @input with one of the seeds, changed in a few places: bits flipped, bytes replaced, parts
 * cut, repeated, moved, taken from another seed, tokens and numbers put in. The same @rand makes the
 * same. At most OB_FUZZ_MAX_SIZE bytes, or the seed's size. */
void ob_fuzz_mutate (GByteArray *input, const ObFuzzSeed *seeds, gsize n_seeds, GRand *rand);

G_END_DECLS
