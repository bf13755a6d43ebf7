/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-prune-output.h"

#include "ob-dictionary.h"
#include "ob-format.h"

static void
print_removed (GVariant *result, gboolean plan)
{
  guint64 n = ob_dict_number (result, "removed-packs");
  guint64 n_unindexed = ob_dict_number (result, "unindexed-packs");

  if (n == 0)
    return;
  g_print ("  %" G_GUINT64_FORMAT " packs %s not used", n, plan ? "are" : "were");
  if (n_unindexed > 0)
    g_print (", %" G_GUINT64_FORMAT " of them left by interrupted backups", n_unindexed);
  g_print ("\n");
}

static void
print_repacked (GVariant *result, gboolean plan)
{
  guint64 n = ob_dict_number (result, "repacked-packs");
  g_autofree char *copied = ob_format_size (ob_dict_number (result, "repacked"));

  if (n > 0)
    g_print ("  %" G_GUINT64_FORMAT " packs %s partly used: %s of them %s copied to new ones\n", n,
             plan ? "are" : "were", copied, plan ? "would be" : "were");
}

static void
print_locked (GVariant *result)
{
  guint64 n = ob_dict_number (result, "locked-packs");
  g_autofree char *size = ob_format_size (ob_dict_number (result, "locked"));
  g_autofree char *until = ob_format_time (ob_dict_number (result, "locked-until"));

  if (n > 0)
    g_print ("  %s in %" G_GUINT64_FORMAT " packs stay although nobody needs them: they are "
             "locked, the first until %s\n",
             size, n, until);
}

void
ob_print_prune (GVariant *result)
{
  g_autofree char *freed = ob_format_size (ob_dict_number (result, "freed"));
  g_autofree char *stored = ob_format_size (ob_dict_number (result, "stored"));
  g_autofree char *unused = ob_format_size (ob_dict_number (result, "unused"));
  gboolean plan = FALSE;

  if (!g_variant_lookup (result, "plan", "b", &plan))
    return;
  if (ob_dict_number (result, "removed-packs") == 0
      && ob_dict_number (result, "repacked-packs") == 0)
    g_print ("There is nothing to free");
  else
    g_print ("%s %s of %s", plan ? "Would free about" : "Freed", freed, stored);
  g_print ("; %" G_GUINT64_FORMAT " backups stay, %s unused.\n", ob_dict_number (result, "backups"),
           unused);
  print_removed (result, plan);
  print_repacked (result, plan);
  print_locked (result);
  if (ob_dict_number (result, "postponed-packs") > 0)
    g_print ("  %" G_GUINT64_FORMAT " more wait for the next time\n",
             ob_dict_number (result, "postponed-packs"));
}
