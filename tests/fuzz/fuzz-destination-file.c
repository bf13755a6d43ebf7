/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The configuration file of a destination. */
#include "ob-destination-private.h"

#include <string.h>

#include "driver.h"
#include "fuzz-directory.h"

static const ObFuzzSeed seeds[] = {
  OB_FUZZ_SEED ("[destination]\nkind=local\npath=/mnt/backup/erp\nrepository=366a5551c7215fa19adc"
                "d1cf2f4910f72aa7274c73d713be0a88e5cb27f9277e\nkey-saved=true\nno-passphrase=fals"
                "e\n"),
  OB_FUZZ_SEED ("[destination]\nkind=local\npath=/mnt/a\\sb\\\\c\nrepository=\n"),
};

OB_FUZZ_EXPORT_SEEDS (seeds)


int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  ObContext context = { .destinations_fd = fuzz_directory_get_fd () };
  g_autoptr (GError) error = NULL;
  g_autoptr (ObDestination) destination = NULL;
  g_autoptr (ObDestination) again = NULL;

  fuzz_directory_write ("nas.conf", data, size);
  destination = ob_destination_load (&context, "nas", &error);
  g_assert_true ((destination == NULL) == (error != NULL));
  if (destination == NULL)
    return 0;
  g_assert_true (g_path_is_absolute (ob_destination_get_path (destination)));

  g_assert_true (ob_destination_save (destination, &context, &error));
  again = ob_destination_load (&context, "nas", &error);
  g_assert_no_error (error);
  g_assert_cmpstr (destination->kind, ==, again->kind);
  g_assert_cmpstr (destination->path, ==, again->path);
  g_assert_cmpstr (destination->repository_id, ==, again->repository_id);
  g_assert_cmpint (destination->no_passphrase, ==, again->no_passphrase);
  g_assert_cmpint (destination->key_saved, ==, again->key_saved);
  return 0;
}
