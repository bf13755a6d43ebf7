/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A setting of the database that is a list, such as search_path. */
#include "ob-database-restore-private.h"

#include <string.h>

#include "driver.h"

static const ObFuzzSeed seeds[] = {
  OB_FUZZ_SEED ("\"$user\", public"),
  OB_FUZZ_SEED ("a, \"b c\", \"d\"\"e\""),
  OB_FUZZ_SEED ("\"\",x,,"),
  OB_FUZZ_SEED ("public"),
  OB_FUZZ_SEED ("\"a\" \"b\"c"),
  OB_FUZZ_SEED ("\"\\\""),
};

OB_FUZZ_EXPORT_SEEDS (seeds)


/* As PostgreSQL keeps it. */
static char *
join (GStrv elements)
{
  g_autoptr (GString) text = g_string_new (NULL);

  for (gsize i = 0; elements[i] != NULL; i++)
    {
      g_auto (GStrv) words = g_strsplit (elements[i], "\"", -1);
      g_autofree char *element = g_strjoinv ("\"\"", words);

      g_string_append_printf (text, "%s\"%s\"", i > 0 ? ", " : "", element);
    }
  return g_string_free (g_steal_pointer (&text), FALSE);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autofree char *text = g_strndup ((const char *) data, size);
  g_auto (GStrv) elements = ob_restore_split_list_setting (text);
  g_auto (GStrv) again = NULL;
  g_autofree char *joined = NULL;

  if (elements == NULL)
    return 0;
  g_assert_cmpuint (g_strv_length (elements), <=, strlen (text));
  joined = join (elements);
  again = ob_restore_split_list_setting (joined);
  g_assert_nonnull (again);
  g_assert_true (g_strv_equal ((const char *const *) elements, (const char *const *) again));
  return 0;
}
