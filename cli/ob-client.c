/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-client.h"

#include "ob-agent.h"
#include "ob-error.h"
#include "ob-output.h"

#include <string.h>

/* internal methods */

/* What GDBus itself says when nobody is there is no sentence for people. */
static void
explain_error (GError **error)
{
  g_autofree char *remote = NULL;

  if (error == NULL || *error == NULL)
    return;
  remote = g_dbus_error_get_remote_error (*error);
  g_dbus_error_strip_remote_error (*error);

  if (g_error_matches (*error, G_DBUS_ERROR, G_DBUS_ERROR_SERVICE_UNKNOWN)
      || g_error_matches (*error, G_DBUS_ERROR, G_DBUS_ERROR_NAME_HAS_NO_OWNER)
      || (remote != NULL && g_str_has_prefix (remote, "org.freedesktop.DBus.Error.Spawn.")))
    {
      g_autofree char *message = g_strdup ((*error)->message);

      g_clear_error (error);
      g_set_error (error, OB_ERROR, OB_ERROR_FAILED,
                   "The backup service cannot be started (%s); look at `systemctl status "
                   "obbackupd` and its journal",
                   message);
    }
  else if (g_error_matches (*error, G_DBUS_ERROR, G_DBUS_ERROR_NO_REPLY)
           || g_error_matches (*error, G_DBUS_ERROR, G_DBUS_ERROR_DISCONNECTED))
    {
      g_clear_error (error);
      g_set_error_literal (error, OB_ERROR, OB_ERROR_FAILED,
                           "The backup service ended before it answered; try again, and look at "
                           "its journal");
    }
  else if (g_error_matches (*error, G_DBUS_ERROR, G_DBUS_ERROR_ACCESS_DENIED))
    {
      g_autofree char *message = g_strdup ((*error)->message);

      g_clear_error (error);
      g_set_error (error, OB_ERROR, OB_ERROR_NOT_AUTHORIZED, "The system bus refused the call: %s",
                   message);
    }
}

/* The first of two properties dictionaries' string @key. */
static const char *
lookup_string (GVariant *properties, const char *key)
{
  const char *value = "";

  g_variant_lookup (properties, key, "&s", &value);
  return value;
}

/* public methods */

gboolean
ob_client_connect (ObClient *client, GError **error)
{
  if (client->bus != NULL)
    return TRUE;

  /* From here on GDBus knows the names of the service's errors. */
  ob_error_quark ();
  client->bus = g_bus_get_sync (G_BUS_TYPE_SYSTEM, NULL, error);
  if (client->bus == NULL)
    {
      g_prefix_error (error, "The system bus cannot be reached: ");
      return FALSE;
    }
  g_dbus_connection_set_exit_on_close (client->bus, FALSE);
  client->agent = ob_agent_register ();
  return TRUE;
}

void
ob_client_clear (ObClient *client)
{
  g_clear_pointer (&client->agent, ob_agent_unregister);
  g_clear_object (&client->bus);
}

GVariant *
ob_client_call (ObClient *client, const char *path, const char *interface, const char *method,
                GVariant *arguments, GUnixFDList *fds, GError **error)
{
  GVariant *reply;

  if (!ob_client_connect (client, error))
    {
      if (arguments != NULL)
        g_variant_unref (g_variant_ref_sink (arguments));
      return NULL;
    }

  reply = g_dbus_connection_call_with_unix_fd_list_sync (
    client->bus, OB_BUS_NAME, path, interface, method, arguments, NULL,
    G_DBUS_CALL_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION, G_MAXINT, fds, NULL, NULL, error);
  if (reply == NULL)
    explain_error (error);
  return reply;
}

GVariant *
ob_client_get_objects (ObClient *client, GError **error)
{
  g_autoptr (GVariant) reply
    = ob_client_call (client, OB_ROOT_PATH, "org.freedesktop.DBus.ObjectManager",
                      "GetManagedObjects", NULL, NULL, error);

  return reply == NULL ? NULL : g_variant_get_child_value (reply, 0);
}

GVariant *
ob_client_find (ObClient *client, const char *interface, const char *what, const char *name,
                char **path, GError **error)
{
  g_autoptr (GVariant) objects = ob_client_get_objects (client, error);
  g_autoptr (GVariant) found = NULL;
  g_autofree char *found_path = NULL;
  g_autoptr (GString) names = g_string_new (NULL);
  GVariantIter iter;
  const char *object_path;
  GVariant *interfaces;
  guint n_found = 0;

  if (objects == NULL)
    return NULL;

  g_variant_iter_init (&iter, objects);
  while (g_variant_iter_loop (&iter, "{&o@a{sa{sv}}}", &object_path, &interfaces))
    {
      g_autoptr (GVariant) properties
        = g_variant_lookup_value (interfaces, interface, G_VARIANT_TYPE_VARDICT);
      const char *its_name;

      if (properties == NULL)
        continue;
      its_name = lookup_string (properties, "Name");
      g_string_append_printf (names, "%s%s", names->len > 0 ? ", " : "", its_name);
      if (name != NULL && strcmp (name, its_name) != 0)
        continue;
      n_found++;
      g_clear_pointer (&found, g_variant_unref);
      g_free (found_path);
      found = g_steal_pointer (&properties);
      found_path = g_strdup (object_path);
    }

  if (n_found == 0 && name != NULL)
    g_set_error (error, OB_ERROR, OB_ERROR_NOT_FOUND, "There is no %s \"%s\"; there %s %s", what,
                 name, names->len > 0 ? "is" : "are", names->len > 0 ? names->str : "none yet");
  else if (n_found == 0)
    g_set_error (error, OB_ERROR, OB_ERROR_NOT_FOUND,
                 "There is no %s yet; add one with `obbackupctl %s add`", what, what);
  else if (n_found > 1)
    g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                 "There are several, say which %s: %s", what, names->str);
  if (n_found != 1)
    return NULL;

  if (path != NULL)
    *path = g_steal_pointer (&found_path);
  return g_steal_pointer (&found);
}

ObExit
ob_exit_from_name (const char *error_name)
{
  switch (ob_error_from_name (error_name))
    {
    case OB_ERROR_CANCELLED:
      return OB_EXIT_CANCELLED;
    case OB_ERROR_NOT_AUTHORIZED:
      return OB_EXIT_NOT_AUTHORIZED;
    case OB_ERROR_NOT_FOUND:
      return OB_EXIT_NOT_FOUND;
    case OB_ERROR_BUSY:
    case OB_ERROR_LOCKED:
      return OB_EXIT_BUSY;
    case OB_ERROR_DESTINATION_UNAVAILABLE:
      return OB_EXIT_DESTINATION_UNAVAILABLE;
    default:
      return OB_EXIT_FAILED;
    }
}

ObExit
ob_exit_from_error (const GError *error)
{
  if (error->domain == OB_ERROR)
    return ob_exit_from_name (ob_error_get_name ((ObError) error->code));
  if (error->domain == G_OPTION_ERROR)
    return OB_EXIT_USAGE;
  return OB_EXIT_FAILED;
}

ObExit
ob_client_fail (ObClient *client, const GError *error)
{
  ObExit status = ob_exit_from_error (error);

  g_printerr ("obbackupctl: %s\n", error->message);
  if (client->json)
    {
      GVariantBuilder builder;

      g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
      g_variant_builder_add (&builder, "{sv}", "error", g_variant_new_string (error->message));
      g_variant_builder_add (
        &builder, "{sv}", "error-name",
        g_variant_new_string (error->domain == OB_ERROR
                                ? ob_error_get_name ((ObError) error->code)
                                : "Failed"));
      ob_output_json (g_variant_builder_end (&builder));
    }
  return status;
}
