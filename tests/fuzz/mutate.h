/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "driver.h"

G_BEGIN_DECLS

#define OB_FUZZ_MAX_SIZE (64 * 1024)

/* Changes @input in a few places: bits flipped, bytes replaced, parts cut, repeated, moved, taken
 * from a seed, tokens and numbers put in. The same @rand makes the same. It grows to
 * OB_FUZZ_MAX_SIZE bytes at most. */
void ob_fuzz_change (GByteArray *input, const ObFuzzSeed *seeds, gsize n_seeds, GRand *rand);

/* Fills @input with one of the seeds, and changes it. */
void ob_fuzz_mutate (GByteArray *input, const ObFuzzSeed *seeds, gsize n_seeds, GRand *rand);

/* The handler of GLib's messages: a function that was called with what it does not take is a
 * finding, and ends the program. But GKeyFile itself overwrites its error where a value has two
 * wrong escapes. */
void ob_fuzz_on_message (const char *domain, GLogLevelFlags level, const char *message,
                         gpointer data);

G_END_DECLS
