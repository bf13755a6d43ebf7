/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-drill-output.h"

#include "ob-dictionary.h"
#include "ob-format.h"
#include "ob-output.h"

#include <string.h>

/* internal methods */

static void
print_checks (GVariant *backup)
{
  g_autoptr (GVariant) checks
    = g_variant_lookup_value (backup, "checks", G_VARIANT_TYPE ("aa{sv}"));
  GVariantIter iter;
  GVariant *check;

  if (checks == NULL)
    return;
  g_variant_iter_init (&iter, checks);
  while (g_variant_iter_loop (&iter, "@a{sv}", &check))
    {
      g_autofree char *sql = ob_output_escape (ob_dict_text (check, "sql"));
      g_autofree char *message = ob_output_escape (ob_dict_text (check, "message"));
      gboolean ok = FALSE;

      g_variant_lookup (check, "ok", "b", &ok);
      g_print ("  %s  %s%s%s\n", ok ? "ok    " : "FAILED", sql, *message != '\0' ? ": " : "",
               message);
    }
}

static void
print_drill (GVariant *backup)
{
  const char *result = ob_dict_text (backup, "result");
  gboolean proven = strcmp (result, "proven") == 0;
  g_autofree char *instance = ob_output_escape (ob_dict_text (backup, "instance"));
  g_autofree char *bytes = ob_format_size (ob_dict_number (backup, "bytes"));
  g_autofree char *took = NULL;
  gdouble seconds = 0;

  g_variant_lookup (backup, "seconds", "d", &seconds);
  took = ob_format_duration (seconds);
  if (proven)
    g_print ("Proven: %.8s of %s, %" G_GUINT64_FORMAT " rows and %" G_GUINT64_FORMAT
             " files, %s, in %s.\n",
             ob_dict_text (backup, "id"), instance, ob_dict_number (backup, "rows"),
             ob_dict_number (backup, "files"), bytes, took);
  else
    g_print ("%s: %.8s of %s.\n",
             strcmp (result, "failed") == 0 ? "Failed" : "Not tried to the end",
             ob_dict_text (backup, "id"), instance);
  print_checks (backup);
}

/* public methods */

void
ob_print_drills (GVariant *result)
{
  g_autoptr (GVariant) backups
    = g_variant_lookup_value (result, "backups", G_VARIANT_TYPE ("aa{sv}"));
  GVariantIter iter;
  GVariant *backup;

  if (backups == NULL)
    return;
  g_variant_iter_init (&iter, backups);
  while (g_variant_iter_loop (&iter, "@a{sv}", &backup))
    print_drill (backup);
}
