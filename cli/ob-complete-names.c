/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-complete-names.h"

#include "ob-command.h"
#include "ob-dictionary.h"
#include "ob-format.h"
#include "ob-output.h"

#include <string.h>

#define WAIT_MS 1000
#define MAX_BACKUPS 50
#define SHORT_ID 8

/* internal methods */

/* Without leave to ask for a password. NULL on any error: a completion has nobody to tell it. */
static GVariant *
call (GDBusConnection *bus, const char *path, const char *interface, const char *method,
      GVariant *arguments)
{
  return g_dbus_connection_call_sync (bus, OB_BUS_NAME, path, interface, method, arguments, NULL,
                                      G_DBUS_CALL_FLAGS_NONE, WAIT_MS, NULL, NULL);
}

static void
add (GStrvBuilder *names, const char *name, const char *description)
{
  g_autofree char *clean = ob_output_escape (description);
  g_autofree char *line
    = *clean != '\0' ? g_strdup_printf ("%s\t%s", name, clean) : g_strdup (name);

  g_strv_builder_add (names, line);
}

static void
add_backups (GDBusConnection *bus, GStrvBuilder *names)
{
  GVariantBuilder filter = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE_VARDICT);
  g_autoptr (GVariant) reply = NULL;
  g_autoptr (GVariant) backups = NULL;
  GVariantIter iter;
  GVariant *backup;

  g_variant_builder_add (&filter, "{sv}", "limit", g_variant_new_uint32 (MAX_BACKUPS));
  reply = call (bus, OB_ROOT_PATH, OB_INTERFACE, "ListBackups",
                g_variant_new ("(a{sv})", &filter));
  if (reply == NULL)
    return;
  backups = g_variant_get_child_value (reply, 0);
  g_variant_iter_init (&iter, backups);
  while (g_variant_iter_loop (&iter, "@a{sv}", &backup))
    {
      g_autofree char *id = g_strndup (ob_dict_text (backup, "id"), SHORT_ID);
      g_autofree char *when = ob_format_time (ob_dict_number (backup, "time"));
      g_autofree char *description = g_strdup_printf (
        "%s %s %s", when, ob_dict_text (backup, "instance"), ob_dict_text (backup, "label"));

      add (names, id, g_strchomp (description));
    }
}

static void
add_change (GDBusConnection *bus, const char *path, GVariant *instance, GStrvBuilder *names)
{
  g_autoptr (GVariant) reply = NULL;
  g_autoptr (GVariant) details = NULL;
  g_autoptr (GVariant) change = NULL;

  if (ob_dict_number (instance, "ChangeSince") == 0)
    return;
  reply = call (bus, path, OB_INSTANCE_INTERFACE, "GetDetails", ob_no_options ());
  if (reply == NULL)
    return;
  details = g_variant_get_child_value (reply, 0);
  change = g_variant_lookup_value (details, "change", G_VARIANT_TYPE_VARDICT);
  if (change != NULL)
    add (names, ob_dict_text (change, "id"), ob_dict_text (change, "label"));
}

static void
add_job (const char *path, GVariant *job, GStrvBuilder *names)
{
  g_autofree char *description
    = g_strdup_printf ("%s %s %s", ob_dict_text (job, "Operation"), ob_dict_text (job, "Instance"),
                       ob_dict_text (job, "State"));

  add (names, strrchr (path, '/') + 1, description);
}

static void
add_objects (GDBusConnection *bus, const char *kind, GStrvBuilder *names)
{
  gboolean changes = strcmp (kind, "Change") == 0;
  g_autofree char *interface
    = g_strdup_printf ("%s.%s", OB_INTERFACE, changes ? "Instance" : kind);
  g_autoptr (GVariant) reply = call (bus, OB_ROOT_PATH, "org.freedesktop.DBus.ObjectManager",
                                     "GetManagedObjects", NULL);
  g_autoptr (GVariant) objects = reply != NULL ? g_variant_get_child_value (reply, 0) : NULL;
  GVariantIter iter;
  const char *path;
  GVariant *interfaces;

  if (objects == NULL || !g_variant_is_of_type (objects, G_VARIANT_TYPE ("a{oa{sa{sv}}}")))
    return;
  g_variant_iter_init (&iter, objects);
  while (g_variant_iter_loop (&iter, "{&o@a{sa{sv}}}", &path, &interfaces))
    {
      g_autoptr (GVariant) properties
        = g_variant_lookup_value (interfaces, interface, G_VARIANT_TYPE_VARDICT);

      if (properties == NULL)
        continue;
      if (changes)
        add_change (bus, path, properties, names);
      else if (strcmp (kind, "Job") == 0)
        add_job (path, properties, names);
      else
        add (names, ob_dict_text (properties, "Name"), "");
    }
}

/* public methods */

GStrv
ob_complete_names (const char *kind, gpointer connection)
{
  g_autoptr (GStrvBuilder) names = g_strv_builder_new ();

  if (connection == NULL)
    return NULL;
  if (strcmp (kind, "Backup") == 0)
    add_backups (connection, names);
  else
    add_objects (connection, kind, names);
  return g_strv_builder_end (names);
}
