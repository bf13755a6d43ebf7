/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of contents that pg_restore --list gives: a line with the owner, one with the roles
 * (by commas), then the list. */
#include "ob-database-restore-private.h"

#include <string.h>

#include "driver.h"

static const ObFuzzSeed seeds[] = {
  OB_FUZZ_SEED ("tad\ntad,postgres,a tad\n;\n; Archive created at 2026-11-25 05:15:11 UTC\n;     "
                "dbname: openbravo\n;\n3; 2615 16386 SCHEMA - public tad\n215; 1259 16421 TABLE p"
                "ublic c_order tad\n3512; 0 0 ACL - SCHEMA public postgres\n2991; 1259 16600 INDE"
                "X public c_order_key a tad\n4000; 2606 17000 FK CONSTRAINT public c_order fk tad"
                "\n"),
  OB_FUZZ_SEED ("a b\nb\n1; 0 0 COMMENT - EXTENSION \"uuid-ossp\" \r\n2; 1255 1 FUNCTION public f"
                "(integer, text) a b\n"),
  OB_FUZZ_SEED ("\n,\n1\n2 \n"),
};

OB_FUZZ_EXPORT_SEEDS (seeds)


static guint
count_entries (const char *list)
{
  g_auto (GStrv) lines = g_strsplit (list, "\n", -1);
  guint n = 0;

  for (gsize i = 0; lines[i] != NULL; i++)
    n += g_ascii_isdigit (lines[i][0]) ? 1 : 0;
  return n;
}

/* Nothing of anybody else's is the owner's. */
static void
check_owned (const ObTocRun *run, const char *owner)
{
  g_auto (GStrv) lines = g_strsplit (run->lines->str, "\n", -1);
  g_autofree char *suffix = g_strconcat (" ", owner, NULL);

  for (gsize i = 0; run->owned && lines[i] != NULL && *lines[i] != '\0'; i++)
    g_assert_true (g_str_has_suffix (lines[i], suffix));
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autofree char *text = g_strndup ((const char *) data, size);
  g_auto (GStrv) parts = g_strsplit (text, "\n", 3);
  g_autoptr (GPtrArray) runs = NULL;
  guint n = 0;

  if (g_strv_length (parts) < 3)
    return 0;
  runs = ob_restore_cut_list (parts[2], parts[0], FALSE);
  for (guint i = 0; i < runs->len; i++)
    {
      const ObTocRun *run = g_ptr_array_index (runs, i);

      n += count_entries (run->lines->str);
      check_owned (run, parts[0]);
      g_assert_true (!run->rights || i + 1 == runs->len);
    }
  g_assert_cmpuint (n, <=, count_entries (parts[2]));
  return 0;
}
