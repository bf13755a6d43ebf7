/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lock files. */
#include "ob-lock-file.h"

#include <string.h>

#include "driver.h"

static const ObFuzzSeed seeds[] = {
  OB_FUZZ_SEED ("{\"time\":\"2015-06-27T12:18:51.759239612+02:00\",\"exclusive\":false,\"hostname"
                "\":\"kasimir\",\"username\":\"fd0\",\"pid\":13607,\"uid\":1000,\"gid\":100}"),
  OB_FUZZ_SEED ("{\"time\":\"2026-11-25T05:15:11Z\",\"exclusive\":true,\"hostname\":\"erp\",\"use"
                "rname\":\"root\",\"pid\":4711,\"uid\":0,\"gid\":0,\"obbackup\":{\"boot_id\":\"6f"
                "0e7d9c-0d65-4a0e-9f43-6a52a3a3b1f5\",\"pid_namespace\":\"pid:[4026531836]\",\"pr"
                "ocess_start\":123456}}"),
  OB_FUZZ_SEED ("{\"time\":\"2026-11-25T05:15:11Z\",\"obbackup\":null,\"new\":[]}"),
};

OB_FUZZ_EXPORT_SEEDS (seeds)

#define LONGEST 4096


int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  /* Before, at and after the times of the seeds. */
  static const struct timespec now[] = { { 0, 0 }, { 1795583711, 0 }, { 4102444800, 0 } };
  g_autoptr (GError) error = NULL;
  g_autoptr (ObLockFile) file = ob_lock_file_from_json (data, size, &error);
  g_autoptr (ObLockFile) again = NULL;
  g_autofree char *text = NULL;
  g_autofree char *text_again = NULL;
  g_autofree char *holder = NULL;

  g_assert_true ((file == NULL) == (error != NULL));
  if (file == NULL)
    return 0;
  g_assert_cmpint (file->pid, >=, 0);
  holder = ob_lock_file_describe_holder (file);
  for (gsize i = 0; i < G_N_ELEMENTS (now); i++)
    {
      g_autofree char *age = ob_lock_file_describe_age (file, &now[i]);

      g_assert_nonnull (age);
      ob_lock_file_is_stale (file, &now[i]);
    }

  text = ob_lock_file_to_json (file);
  /* What has to be escaped may grow beyond what is read; nobody has such a name. */
  if (strlen (text) > LONGEST)
    return 0;
  again = ob_lock_file_from_json (text, strlen (text), &error);
  g_assert_no_error (error);
  text_again = ob_lock_file_to_json (again);
  g_assert_cmpstr (text, ==, text_again);
  return 0;
}
