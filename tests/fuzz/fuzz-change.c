/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The file of a change. */
#include "ob-change.h"

#include <string.h>

#include "driver.h"
#include "fuzz-directory.h"

#define ID "0123456789abcdef0123456789abcdef"

static const ObFuzzSeed seeds[] = {
  OB_FUZZ_SEED ("{\"id\":\"" ID "\",\"instance\":\"erp\",\"label\":\"before a module\","
                "\"uid\":1000,\"time\":1795671311,\"state\":\"open\",\"backup\":\"52354c32\","
                "\"destination\":\"disk\",\"stopped\":true}"),
  OB_FUZZ_SEED ("{\"id\":\"" ID "\",\"instance\":\"erp\",\"uid\":0,\"time\":1,\"state\":"
                "\"beginning\",\"stopped\":false}"),
  OB_FUZZ_SEED ("{\"id\":\"" ID "\",\"instance\":\"a\",\"uid\":4294967295,\"time\":"
                "9223372036854775807,\"state\":\"beginning\",\"ended\":\"succeeded\","
                "\"ended-time\":-1}"),
};

OB_FUZZ_EXPORT_SEEDS (seeds)

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  ObContext context = { .changes_fd = fuzz_directory_get_fd (), .state_path = (char *) "STATE" };
  g_autoptr (GError) error = NULL;
  g_autoptr (ObChange) change = NULL;
  g_autoptr (ObChange) again = NULL;

  fuzz_directory_write ("input.json", data, size);
  change = ob_change_load (&context, "input", &error);
  g_assert_true ((change == NULL) == (error != NULL));
  if (change == NULL)
    return 0;
  g_assert_cmpuint (strlen (change->id), ==, 32);
  g_assert_null (strchr (change->instance, '/'));
  g_assert_true (change->state == OB_CHANGE_BEGINNING || change->backup != NULL);
  g_assert_true (ob_change_save (change, &context, &error));
  again = ob_change_load (&context, change->instance, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (again->id, ==, change->id);
  g_assert_cmpstr (again->label, ==, change->label);
  g_assert_cmpuint (again->uid, ==, change->uid);
  g_assert_cmpint (again->time, ==, change->time);
  g_assert_cmpint (again->state, ==, change->state);
  g_assert_cmpstr (again->backup, ==, change->backup);
  g_assert_cmpint (again->stopped, ==, change->stopped);
  g_assert_true (ob_change_end (change, &context, "succeeded", &error));
  return 0;
}
