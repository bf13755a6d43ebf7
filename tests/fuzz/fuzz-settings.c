/* SPDX-License-Identifier: GPL-3.0-or-later */
/* obbackup.conf, the settings of the service. */
#include "ob-context.h"

#include "driver.h"
#include "fuzz-directory.h"

static const ObFuzzSeed seeds[] = {
  OB_FUZZ_SEED ("# settings\n[obbackup]\nthreads=2\nlock-timeout=300\ncommand-timeout=120\n"),
  OB_FUZZ_SEED ("[obbackup]\nthreads=18446744073709551616\nlock-timeout=-1\n[other]\na\\s=b;c\n"),
  OB_FUZZ_SEED ("[obbackup]\ncache-size=500M\nkeep-previous=3d\ndrill-directory=/srv/x\n"),
  OB_FUZZ_SEED ("\n"),
};

OB_FUZZ_EXPORT_SEEDS (seeds)

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  const char *path = fuzz_directory_get_path ();
  g_autoptr (GError) error = NULL;
  g_autoptr (ObContext) context = NULL;

  fuzz_directory_write ("obbackup.conf", data, size);
  context = ob_context_new (path, path, path, path, &error);
  g_assert_true ((context == NULL) == (error != NULL));
  if (context == NULL)
    return 0;
  g_assert_true (context->n_threads >= 1 && context->n_threads <= 16);
  g_assert_cmpuint (context->lock_timeout, >=, 1);
  g_assert_cmpuint (context->command_timeout, >=, 1);
  g_assert_cmpuint (context->cache_size, ==, ob_cache_directory_get_limit (context->cache));
  return 0;
}
