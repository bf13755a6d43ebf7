/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-new-host.h"

#include <string.h>

#include "ob-command.h"
#include "ob-dictionary.h"
#include "ob-error.h"
#include "ob-output.h"

/* internal methods */

/* a{sv}; NULL on error. Transfer full. */
static GVariant *
get_details (const ObNewHost *self, ObClient *client, GError **error)
{
  g_autoptr (GVariant) reply = ob_client_call (client, self->path, OB_INSTANCE_INTERFACE,
                                               "GetDetails", ob_no_options (), NULL, error);

  return reply != NULL ? g_variant_get_child_value (reply, 0) : NULL;
}

static void
add_path (GVariantBuilder *builder, const char *key, const char *path)
{
  g_autofree char *absolute = path != NULL ? g_canonicalize_filename (path, NULL) : NULL;

  if (absolute != NULL)
    g_variant_builder_add (builder, "{sv}", key, g_variant_new_string (absolute));
}

/* Floating a{sv}. */
static GVariant *
make_options (const ObNewHost *self)
{
  g_auto (GVariantBuilder) builder = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE_VARDICT);

  add_path (&builder, "properties", self->properties);
  add_path (&builder, "webapp", self->webapp);
  if (self->unit != NULL)
    g_variant_builder_add (&builder, "{sv}", "unit", g_variant_new_string (self->unit));
  return g_variant_builder_end (&builder);
}

/* What the service notes of a host that has nothing is what the plan tells again, and better. */
static gboolean
add (ObNewHost *self, ObClient *client, GError **error)
{
  g_autoptr (GVariant) reply
    = ob_client_call (client, OB_ROOT_PATH, OB_INTERFACE, "AddInstance",
                      g_variant_new ("(s@a{sv})", self->name, make_options (self)), NULL, error);

  if (reply == NULL)
    {
      if (g_error_matches (*error, OB_ERROR, OB_ERROR_NOT_FOUND))
        g_prefix_error (error,
                        "Name the Openbravo.properties that say where everything goes on this "
                        "host: ");
      return FALSE;
    }
  g_variant_get (reply, "(oas)", &self->path, NULL);
  self->added = TRUE;
  return TRUE;
}

/* The name is taken: by an earlier try, or by another installation. */
static gboolean
take_known (ObNewHost *self, ObClient *client, GError **error)
{
  g_autofree char *given = g_canonicalize_filename (self->properties, NULL);
  g_autoptr (GVariant) details = get_details (self, client, error);
  g_autoptr (GVariant) reply = NULL;

  if (details == NULL)
    return FALSE;
  if (strcmp (ob_dict_text (details, "properties"), given) != 0)
    {
      g_set_error (error, OB_ERROR, OB_ERROR_EXISTS,
                   "There is an installation %s here already, with the properties in %s; leave "
                   "--properties out to restore into it, or call the new one something else with "
                   "--instance NAME",
                   self->name, ob_dict_text (details, "properties"));
      return FALSE;
    }
  reply = ob_client_call (client, self->path, OB_INSTANCE_INTERFACE, "Update",
                          g_variant_new ("(@a{sv})", make_options (self)), NULL, error);
  return reply != NULL;
}

static gboolean
holds_webapp (GVariant *backup, const char *const *parts)
{
  g_autofree const char **held = NULL;

  return (parts == NULL || g_strv_contains (parts, "webapp"))
         && g_variant_lookup (backup, "parts", "^a&s", &held) && g_strv_contains (held, "webapp");
}

/* A restore that leaves the web application out unasked would look like one that failed. */
static gboolean
check_webapp (ObNewHost *self, ObClient *client, GVariant *backup, const char *const *parts,
              GError **error)
{
  g_autoptr (GVariant) details = NULL;

  if (!holds_webapp (backup, parts))
    return TRUE;
  details = get_details (self, client, error);
  if (details == NULL)
    return FALSE;
  if (*ob_dict_text (details, "webapp") != '\0')
    return TRUE;
  g_set_error_literal (
    error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
    "The backup holds the deployed web application, and it is not known where it "
    "goes here: add --webapp DIR (webapps/openbravo of Tomcat, say), or leave it "
    "out with --only");
  return FALSE;
}

/* The names of all installations that @backups (aa{sv}) are of. */
static GPtrArray *
list_instances (GVariant *backups)
{
  GPtrArray *names = g_ptr_array_new_with_free_func (g_free);

  for (gsize i = 0; i < g_variant_n_children (backups); i++)
    {
      g_autoptr (GVariant) backup = g_variant_get_child_value (backups, i);
      const char *name = ob_dict_text (backup, "instance");

      if (*name != '\0' && !g_ptr_array_find_with_equal_func (names, name, g_str_equal, NULL))
        g_ptr_array_add (names, g_strdup (name));
    }
  return names;
}

/* "erp, shop". Transfer full. */
static char *
join (GPtrArray *names)
{
  g_autoptr (GString) text = g_string_new (NULL);

  for (guint i = 0; i < names->len; i++)
    g_string_append_printf (text, "%s%s", i > 0 ? ", " : "",
                            (const char *) g_ptr_array_index (names, i));
  return g_string_free (g_steal_pointer (&text), FALSE);
}

/* The properties were restored with the sources, and name this host's database and paths. */
static void
move_properties (const ObNewHost *self, ObClient *client)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) details = get_details (self, client, &error);
  g_autoptr (GVariant) reply = NULL;
  g_autofree char *file = NULL;
  GVariantBuilder options;

  if (details != NULL)
    {
      file = g_build_filename (ob_dict_text (details, "sources"), "config", "Openbravo.properties",
                               NULL);
      if (strcmp (file, ob_dict_text (details, "properties")) == 0)
        return;
      g_variant_builder_init (&options, G_VARIANT_TYPE_VARDICT);
      g_variant_builder_add (&options, "{sv}", "properties", g_variant_new_string (file));
      reply = ob_client_call (client, self->path, OB_INSTANCE_INTERFACE, "Update",
                              g_variant_new ("(a{sv})", &options), NULL, &error);
    }
  if (reply == NULL)
    {
      g_autofree char *text
        = g_strdup_printf ("%s goes on with the properties in %s, which have to stay: %s",
                           self->name, self->properties, error->message);

      ob_output_warning (text);
    }
}

/* public methods */

void
ob_new_host_clear (ObNewHost *self)
{
  g_clear_pointer (&self->properties, g_free);
  g_clear_pointer (&self->webapp, g_free);
  g_clear_pointer (&self->unit, g_free);
  g_clear_pointer (&self->name, g_free);
  g_clear_pointer (&self->path, g_free);
}

gboolean
ob_new_host_check (const ObNewHost *self, gboolean in_place, GError **error)
{
  const char *mistake = NULL;

  if (self->properties == NULL && (self->webapp != NULL || self->unit != NULL))
    mistake = "--webapp and --unit go with --properties; those of an installation that is known "
              "are changed with `obbackupctl instance edit`";
  else if (self->properties != NULL && !in_place)
    mistake = "--properties says where everything goes; leave --into and --into-database out";
  else if (self->properties != NULL && g_file_test (self->properties, G_FILE_TEST_IS_DIR))
    mistake = "--properties names a directory; name the Openbravo.properties in it";
  if (mistake == NULL)
    return TRUE;
  g_set_error_literal (error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED, mistake);
  return FALSE;
}

gboolean
ob_new_host_choose (ObClient *client, const char *wanted, const char *from, char **instance,
                    GError **error)
{
  g_autoptr (GVariant) reply = NULL;
  g_autoptr (GVariant) backups = NULL;
  g_autoptr (GPtrArray) names = NULL;
  g_autofree char *all = NULL;
  GVariantBuilder filter;

  *instance = NULL;
  g_variant_builder_init (&filter, G_VARIANT_TYPE_VARDICT);
  if (from != NULL)
    g_variant_builder_add (&filter, "{sv}", "destination", g_variant_new_string (from));
  reply = ob_client_call (client, OB_ROOT_PATH, OB_INTERFACE, "ListBackups",
                          g_variant_new ("(a{sv})", &filter), NULL, error);
  if (reply == NULL)
    return FALSE;
  backups = g_variant_get_child_value (reply, 0);
  names = list_instances (backups);
  if (wanted != NULL && g_ptr_array_find_with_equal_func (names, wanted, g_str_equal, NULL))
    *instance = g_strdup (wanted);
  else if (names->len == 1)
    *instance = g_strdup (g_ptr_array_index (names, 0));
  if (names->len <= 1 || *instance != NULL)
    return TRUE;
  all = join (names);
  g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED,
               "There are backups of several installations (%s): say which one is meant, with "
               "--instance NAME or by the id of a backup (`obbackupctl list`)",
               all);
  return FALSE;
}

gboolean
ob_new_host_begin (ObNewHost *self, ObClient *client, GVariant *backup, const char *wanted,
                   const char *const *parts, GError **error)
{
  const char *own = ob_dict_text (backup, "instance");
  g_autoptr (GVariant) known = NULL;

  if (*own == '\0')
    {
      g_set_error_literal (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                           "Another tool wrote this backup: restore it into a directory, --into "
                           "DIR");
      return FALSE;
    }
  self->name = g_strdup (wanted != NULL ? wanted : own);
  known = ob_client_find (client, OB_INSTANCE_INTERFACE, "instance", self->name, &self->path, NULL);
  if (known != NULL ? !take_known (self, client, error) : !add (self, client, error))
    return FALSE;
  if (check_webapp (self, client, backup, parts, error))
    return TRUE;
  ob_new_host_give_up (self, client);
  return FALSE;
}

void
ob_new_host_give_up (ObNewHost *self, ObClient *client)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = NULL;

  if (!self->added)
    return;
  self->added = FALSE;
  reply = ob_client_call (client, self->path, OB_INSTANCE_INTERFACE, "Remove", ob_no_options (),
                          NULL, &error);
  if (reply == NULL)
    g_printerr ("obbackupctl: The installation %s stays known here: %s\n", self->name,
                error->message);
}

void
ob_new_host_conclude (ObNewHost *self, ObClient *client, GVariant *result)
{
  g_autofree const char **parts = NULL;

  if (result != NULL && g_variant_lookup (result, "parts", "^a&s", &parts)
      && g_strv_contains (parts, "sources"))
    move_properties (self, client);
  if (client->quiet || client->json)
    return;
  g_print ("It is known here as %s now.%s Nothing backs it up by itself yet:\n"
           "  obbackupctl schedule add nightly --at '*-*-* 03:00' --keep-daily 7 --keep-weekly 4\n",
           self->name, self->unit == NULL ? " Start its application server." : "");
}
