/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-restore-output.h"

#include "ob-format.h"
#include "ob-output.h"

/* public methods */

void
ob_print_in_place (GVariant *result)
{
  g_autoptr (GVariant) previous
    = g_variant_lookup_value (result, "previous", G_VARIANT_TYPE ("a{ss}"));
  double downtime = 0;
  GVariantIter iter;
  const char *part, *where;

  if (g_variant_lookup (result, "downtime", "d", &downtime))
    {
      g_autofree char *text = ob_format_duration (downtime);

      g_print ("The application was stopped for %s.\n", text);
    }
  if (previous == NULL || g_variant_n_children (previous) == 0)
    return;
  g_print ("What was there before is kept, and comes back with \"obbackupctl undo-restore\":\n");
  g_variant_iter_init (&iter, previous);
  while (g_variant_iter_loop (&iter, "{&s&s}", &part, &where))
    {
      g_autofree char *safe = ob_output_escape (where);

      g_print ("  %-14s %s\n", part, safe);
    }
}
