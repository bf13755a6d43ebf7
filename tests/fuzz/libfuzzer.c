/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a fuzz target needs beside libFuzzer: its inputs are changed in libFuzzer's own ways, and at
 * times in those that know what the formats of this service are made of. */
#include "driver.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "mutate.h"

/* Of so many inputs one is changed in our way. */
#define OURS 4

int LLVMFuzzerInitialize (int *argc, char ***argv);
size_t LLVMFuzzerMutate (uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator (uint8_t *data, size_t size, size_t max_size, unsigned int seed);
const char *__ubsan_default_options (void);

const char *
__ubsan_default_options (void)
{
  return "halt_on_error=1:abort_on_error=1:print_stacktrace=1";
}

int
LLVMFuzzerInitialize (int *argc, char ***argv)
{
  setlocale (LC_ALL, "");
  g_log_set_default_handler (ob_fuzz_on_message, NULL);
  return 0;
}

size_t
LLVMFuzzerCustomMutator (uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
  g_autoptr (GByteArray) input = NULL;
  GRand *rand = NULL;
  gsize n_seeds;
  const ObFuzzSeed *seeds = ob_fuzz_get_seeds (&n_seeds);

  if (seed % OURS != 0)
    return LLVMFuzzerMutate (data, size, max_size);
  input = g_byte_array_new ();
  rand = g_rand_new_with_seed (seed);
  g_byte_array_append (input, data, (guint) size);
  ob_fuzz_change (input, seeds, n_seeds, rand);
  g_rand_free (rand);
  size = MIN (input->len, max_size);
  if (size > 0)
    memcpy (data, input->data, size);
  return size;
}
