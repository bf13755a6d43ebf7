/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-setup-schedule.h"

#include <string.h>

#include "ob-error.h"

#define MAX_LENGTH 256

/* internal methods */

/* One or two digits and two more behind a colon, and nothing else. */
static gboolean
is_clock (const char *text)
{
  gsize hours = strspn (text, "0123456789");

  return hours >= 1 && hours <= 2 && text[hours] == ':'
         && strspn (text + hours + 1, "0123456789") == 2 && text[hours + 3] == '\0';
}

/* public methods */

gboolean
ob_setup_schedule_parse (const char *text, char **at, GError **error)
{
  guint64 hour = 0, minute = 0;

  *at = NULL;
  if (g_ascii_strcasecmp (text, "none") == 0)
    return TRUE;
  if (*text == '\0' || strlen (text) > MAX_LENGTH)
    {
      g_set_error_literal (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                           "The time cannot be empty, or longer than 256 characters");
      return FALSE;
    }
  if (!is_clock (text))
    {
      *at = g_strdup (text);
      return TRUE;
    }
  hour = g_ascii_strtoull (text, NULL, 10);
  minute = g_ascii_strtoull (strchr (text, ':') + 1, NULL, 10);
  if (hour > 23 || minute > 59)
    {
      g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                   "%s is no time of a day; the last one is 23:59", text);
      return FALSE;
    }
  *at = g_strdup_printf ("*-*-* %02u:%02u", (guint) hour, (guint) minute);
  return TRUE;
}

GVariant *
ob_setup_schedule_build (const char *instance, const char *destination, const char *at)
{
  static const char *const rules[] = { "keep-daily=7", "keep-weekly=4", "keep-monthly=12", NULL };
  const char *const times[] = { at, NULL };
  const char *const destinations[] = { destination, NULL };
  g_auto (GVariantBuilder) builder = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE_VARDICT);

  g_variant_builder_add (&builder, "{sv}", "instance", g_variant_new_string (instance));
  g_variant_builder_add (&builder, "{sv}", "destinations", g_variant_new_strv (destinations, -1));
  g_variant_builder_add (&builder, "{sv}", "times", g_variant_new_strv (times, -1));
  g_variant_builder_add (&builder, "{sv}", "random-delay", g_variant_new_string ("15m"));
  g_variant_builder_add (&builder, "{sv}", "retention", g_variant_new_strv (rules, -1));
  g_variant_builder_add (&builder, "{sv}", "verify-after", g_variant_new_string ("5%"));
  return g_variant_builder_end (&builder);
}
