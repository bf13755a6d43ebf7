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
  OB_FUZZ_SEED ("[destination]\nkind=s3\nbucket=erp\nprefix=a b/c\nendpoint=https://[::1]:9000\nreg"
                "ion=eu-west-1\nstyle=path\nstorage-class=STANDARD_IA\nencryption=AES256\nconnect"
                "ions=8\naccess-key=AKIDEXAMPLE\nca-file=/etc/ca.pem\nrepository=x\n"),
  OB_FUZZ_SEED ("[destination]\nkind=s3\nbucket=erp\nendpoint=http://h\nallow-http=true\nprofile=p"
                "\nprofile-file=/p\nrepository=x\n"),
};

OB_FUZZ_EXPORT_SEEDS (seeds)

static void
check_settings (ObDestination *one, ObDestination *two)
{
  const ObS3Settings *s3 = ob_place_get_s3 (one->place);

  for (const char *const *name = ob_s3_settings_get_names (); s3 != NULL && *name != NULL; name++)
    g_assert_cmpstr (ob_s3_settings_get (s3, *name), ==,
                     ob_s3_settings_get (ob_place_get_s3 (two->place), *name));
}

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
  if (ob_place_is_local (ob_destination_get_place (destination)))
    g_assert_true (g_path_is_absolute (ob_destination_get_path (destination)));

  g_assert_true (ob_destination_save (destination, &context, &error));
  again = ob_destination_load (&context, "nas", &error);
  g_assert_no_error (error);
  g_assert_cmpstr (ob_destination_get_kind (destination), ==, ob_destination_get_kind (again));
  g_assert_cmpstr (destination->path, ==, again->path);
  check_settings (destination, again);
  g_assert_cmpstr (destination->repository_id, ==, again->repository_id);
  g_assert_cmpint (destination->no_passphrase, ==, again->no_passphrase);
  g_assert_cmpint (destination->key_saved, ==, again->key_saved);
  return 0;
}
