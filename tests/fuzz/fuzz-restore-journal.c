/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The journal of a restore in place. */
#include "ob-restore-journal.h"

#include <string.h>

#include "driver.h"
#include "fuzz-directory.h"

#define INPUT "input.of.json"

static const ObFuzzSeed seeds[] = {
  OB_FUZZ_SEED ("{\"phase\":\"swapping\",\"instance\":\"erp\",\"backup\":\"52354c32f4c023e02c10ba"
                "57a6765018b701cba99397cfc7fc73d6161cd3fe56\",\"time\":\"20261125051511\",\"contr"
                "ol\":true,\"staged-database\":\"openbravo_restoring_20261125051511\",\"kept-data"
                "base\":\"openbravo_before_20261125051511\",\"units\":[{\"part\":\"sources\",\"pa"
                "rts\":10,\"path\":\"/opt/OpenbravoERP\",\"staging-parent\":\"/opt\",\"staging-na"
                "me\":\".obbackup-restore-erp-20261125051511\",\"staging-inode\":\"18446744073709"
                "551615\",\"parent-inode\":\"2\",\"new-inode\":\"4711\",\"carries\":[{\"path\":\""
                "attachments\",\"inode\":\"12\"}]}]}"),
  OB_FUZZ_SEED ("{\"phase\":\"staging\",\"instance\":\"erp\",\"time\":\"20261125051511\",\"contro"
                "l\":null,\"units\":[]}"),
  OB_FUZZ_SEED ("{\"phase\":\"done\",\"instance\":\"erp\",\"time\":\"20261125051511\",\"units\":["
                "{\"part\":\"webapp\",\"path\":\"/var/lib/tomcat/webapps/erp\",\"staging-parent\""
                ":\"/var/lib/tomcat/webapps\",\"staging-name\":\"x\",\"carries\":null}]}"),
};

OB_FUZZ_EXPORT_SEEDS (seeds)
OB_FUZZ_JSON_GLIB_LEAKS


static void
check_unit (const ObRestoreUnit *unit)
{
  g_autofree char *staging = ob_restore_unit_get_staging (unit);

  g_assert_true (g_path_is_absolute (unit->path));
  g_assert_true (g_path_is_absolute (staging));
  g_assert_null (strchr (unit->staging_name, '/'));
  g_assert_cmpuint (unit->parts & ~(guint) OB_PART_ALL, ==, 0);
  for (guint i = 0; i < unit->carries->len; i++)
    {
      const ObRestoreCarry *carry = g_ptr_array_index (unit->carries, i);

      g_assert_true (*carry->path != '\0' && !g_path_is_absolute (carry->path));
    }
}

static void
check_again (ObRestoreJournal *journal, ObContext *context)
{
  g_autofree char *file = g_strconcat (journal->instance, ".json", NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (ObRestoreJournal) again = NULL;

  g_assert_true (ob_restore_journal_save (journal, context, &error));
  again = ob_restore_journal_load (context, file, &error);
  g_assert_no_error (error);
  g_assert_cmpint (journal->phase, ==, again->phase);
  g_assert_cmpstr (journal->instance, ==, again->instance);
  g_assert_cmpstr (journal->backup, ==, again->backup);
  g_assert_cmpstr (journal->time, ==, again->time);
  g_assert_cmpint (journal->control, ==, again->control);
  g_assert_cmpstr (journal->staged_database, ==, again->staged_database);
  g_assert_cmpuint (journal->units->len, ==, again->units->len);
  g_assert_true (ob_restore_journal_remove (journal, context, &error));
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  ObContext context = { .restores_fd = fuzz_directory_get_fd (), .state_path = (char *) "STATE" };
  g_autoptr (GError) error = NULL;
  g_autoptr (ObRestoreJournal) journal = NULL;

  fuzz_directory_write (INPUT, data, size);
  journal = ob_restore_journal_load (&context, INPUT, &error);
  g_assert_true ((journal == NULL) == (error != NULL));
  if (journal == NULL)
    return 0;
  g_assert_null (strchr (journal->time, '/'));
  for (guint i = 0; i < journal->units->len; i++)
    check_unit (g_ptr_array_index (journal->units, i));
  check_again (journal, &context);
  return 0;
}
