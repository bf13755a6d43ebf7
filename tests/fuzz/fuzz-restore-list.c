/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of contents that pg_restore --list gives: a line with the owner, one with the roles
 * (by commas; the first is a superuser), then the list. */
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
  OB_FUZZ_SEED ("tad\npostgres,x postgres,tad\n1; 1 1 VIEW public v x postgres\n2; 1 1 VIEW a \n"),
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

static gboolean
ends_in (const char *line, const char *name)
{
  g_autofree char *clean = g_strdelimit (g_strdup (name), "\n\r", ' ');
  g_autofree char *suffix = g_strconcat (" ", clean, NULL);

  return g_str_has_suffix (line, suffix);
}

/* Whoever something is made for, the line ends in his name; and no view is made by a superuser that
 * may be another's. */
static void
check_run (const ObTocRun *run, char **roles)
{
  g_auto (GStrv) lines = g_strsplit (run->lines->str, "\n", -1);

  for (gsize i = 0; lines[i] != NULL && *lines[i] != '\0'; i++)
    {
      const char *rest = strstr (lines[i], "; ");

      g_assert_true (run->owner == NULL || ends_in (lines[i], run->owner));
      if (run->maker != OB_TOC_BY_SUPERUSER || !g_str_has_prefix (rest, "; 1 1 VIEW "))
        continue;
      for (gsize j = 1; roles[0] != NULL && roles[j] != NULL; j++)
        g_assert_false (ends_in (rest + strlen ("; 1 1 "), roles[j]));
    }
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autofree char *text = g_strndup ((const char *) data, size);
  g_auto (GStrv) parts = g_strsplit (text, "\n", 3);
  g_auto (GStrv) names = NULL;
  g_autoptr (ObTocRoles) roles = ob_toc_roles_new ();
  g_autoptr (ObTocCut) cut = NULL;
  guint n;

  if (g_strv_length (parts) < 3)
    return 0;
  names = g_strsplit (parts[1], ",", -1);
  for (gsize i = 0; names[i] != NULL; i++)
    ob_toc_roles_add (roles, names[i], i == 0);
  cut = ob_restore_cut_list (parts[2], roles, parts[0], FALSE, NULL, NULL);
  n = count_entries (cut->rights->str);
  for (guint i = 0; i < cut->runs->len; i++)
    {
      const ObTocRun *run = g_ptr_array_index (cut->runs, i);

      n += count_entries (run->lines->str);
      check_run (run, names);
    }
  g_assert_cmpuint (n, <=, count_entries (parts[2]));
  return 0;
}
