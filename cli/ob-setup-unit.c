/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-setup-unit.h"

#include <string.h>

#define WAIT_MS 2000
#define NAME_MAX_LENGTH 255
#define CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:-_.\\@"

/* internal methods */

static int
compare (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

/* public methods */

GStrv
ob_setup_find_units (GDBusConnection *bus)
{
  static const char *const states[] = { "active", NULL };
  static const char *const patterns[] = { "openbravo*.service", "tomcat*.service", NULL };
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GVariantIter) iter = NULL;
  const char *name = NULL;
  g_autoptr (GVariant) reply = g_dbus_connection_call_sync (
    bus, "org.freedesktop.systemd1", "/org/freedesktop/systemd1",
    "org.freedesktop.systemd1.Manager", "ListUnitsByPatterns",
    g_variant_new ("(^as^as)", states, patterns), G_VARIANT_TYPE ("(a(ssssssouso))"),
    G_DBUS_CALL_FLAGS_NO_AUTO_START, WAIT_MS, NULL, NULL);

  if (reply != NULL)
    {
      g_variant_get (reply, "(a(ssssssouso))", &iter);
      while (g_variant_iter_loop (iter, "(&s&s&s&s&s&s&ou&s&o)", &name, NULL, NULL, NULL, NULL,
                                  NULL, NULL, NULL, NULL, NULL))
        if (ob_setup_unit_is_valid (name))
          g_ptr_array_add (names, g_strdup (name));
    }
  g_ptr_array_sort (names, compare);
  g_ptr_array_add (names, NULL);
  return (GStrv) g_ptr_array_free (g_steal_pointer (&names), FALSE);
}

gboolean
ob_setup_unit_is_valid (const char *name)
{
  gsize length = strlen (name);

  return length > 0 && length <= NAME_MAX_LENGTH && *name != '.'
         && strspn (name, CHARACTERS) == length;
}
