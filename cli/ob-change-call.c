/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-change-call.h"

#include <string.h>

#include "ob-follow.h"
#include "ob-output.h"
#include "ob-restore-output.h"

#define MAX_TABLES 10

/* internal methods */

/* What going back has thrown away. */
static void
print_gained (GVariant *result)
{
  g_autoptr (GVariant) gained
    = g_variant_lookup_value (result, "gained", G_VARIANT_TYPE ("a{st}"));
  gsize n = gained != NULL ? g_variant_n_children (gained) : 0;

  if (n > 0)
    g_print ("Rows that had been added meanwhile are in the state that is kept:\n");
  for (gsize i = 0; i < n && i < MAX_TABLES; i++)
    {
      const char *table = "";
      guint64 rows = 0;
      g_autofree char *safe = NULL;

      g_variant_get_child (gained, i, "{&st}", &table, &rows);
      safe = ob_output_escape (table);
      g_print ("  %-30s %" G_GUINT64_FORMAT "\n", safe, rows);
    }
  if (n > MAX_TABLES)
    g_print ("  and in %" G_GSIZE_FORMAT " more tables\n", n - MAX_TABLES);
}

/* public methods */

ObExit
ob_end_change (ObClient *client, const char *change, gboolean succeeded, gboolean force)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = NULL;
  g_autoptr (GVariant) result = NULL;
  GVariantBuilder options;
  const char *job = "";
  ObExit status = OB_EXIT_DONE;

  g_variant_builder_init (&options, G_VARIANT_TYPE_VARDICT);
  if (force)
    g_variant_builder_add (&options, "{sv}", "force", g_variant_new_boolean (TRUE));
  reply = ob_client_call (client, OB_ROOT_PATH, OB_INTERFACE, "EndChange",
                          g_variant_new ("(sba{sv})", change, succeeded, &options), NULL, &error);
  if (reply == NULL)
    return ob_client_fail (client, error);
  g_variant_get (reply, "(&o)", &job);
  if (strcmp (job, "/") != 0)
    status = ob_follow_job (client, job, FALSE, &result);
  else if (client->json)
    ob_output_json (g_variant_new_parsed ("{'change': <%s>, 'succeeded': <true>}", change));
  if (client->json || client->quiet || (status != OB_EXIT_DONE && status != OB_EXIT_PARTIAL))
    return status;
  if (succeeded)
    g_print ("The change is ended; what there is now stays.\n");
  else
    {
      g_print ("All is as it was before the change.\n");
      if (result != NULL)
        {
          ob_print_in_place (result);
          print_gained (result);
        }
    }
  return status;
}
