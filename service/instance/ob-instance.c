/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-instance-private.h"

#include <string.h>

#include "ob-error.h"
#include "ob-instance-path.h"
#include "ob-path.h"

#define MAX_ARGUMENTS 64
#define MAX_USER 256
#define MAX_UNIT 255
#define MAX_HEALTH 4096
#define MAX_HEALTH_TIMEOUT (24 * 60 * 60)
#define DEFAULT_HEALTH_TIMEOUT 180

static const struct
{
  ObParts part;
  const char *title;
} trees[OB_N_TREES] = {
  [OB_TREE_SOURCES] = { OB_PART_SOURCES, "The sources" },
  [OB_TREE_WEBAPP] = { OB_PART_WEBAPP, "The web application" },
  [OB_TREE_ATTACHMENTS] = { OB_PART_ATTACHMENTS, "The attachments" },
  [OB_TREE_REPRINTABLES] = { OB_PART_REPRINTABLES, "The reprintables" },
};

/* internal methods */
static void
instance_free (ObInstance *instance)
{
  g_free (instance->name);
  g_free (instance->properties);
  g_free (instance->machine_name);
  g_free (instance->context_name);
  g_free (instance->deploy_mode);
  for (guint i = 0; i < OB_N_TREES; i++)
    g_free (instance->paths[i]);
  g_clear_pointer (&instance->database, ob_database_config_free);
  g_free (instance->unit);
  g_strfreev (instance->stop_command);
  g_strfreev (instance->start_command);
  g_free (instance->command_user);
  g_free (instance->health_url);
  g_free (instance->health_sql);
  g_strfreev (instance->check_sql);
  g_free (instance);
}

static gboolean
refuse (GError **error, const char *format, ...) G_GNUC_PRINTF (2, 3);

static gboolean
refuse (GError **error, const char *format, ...)
{
  va_list arguments;

  va_start (arguments, format);
  if (error != NULL)
    *error = g_error_new_valist (OB_ERROR, OB_ERROR_INVALID_ARGUMENT, format, arguments);
  va_end (arguments);
  return FALSE;
}

static gboolean
is_canonical (const char *path)
{
  g_autofree char *normal = ob_path_normalize (path);

  return g_strcmp0 (normal, path) == 0;
}

static gboolean
validate_names (ObInstance *instance, GError **error)
{
  const char *context = instance->context_name;
  const char *machine = instance->machine_name;

  if (!ob_name_is_valid (instance->name))
    return refuse (error, "\"%s\" cannot name an instance; use 1 to 63 letters, digits, \"-\" and "
                          "\"_\", a letter or digit first",
                   instance->name);
  if (instance->properties == NULL || !is_canonical (instance->properties))
    return refuse (error, "The path of Openbravo.properties has to be absolute");
  if (context == NULL || *context == '\0' || strchr (context, '/') != NULL
      || strcmp (context, ".") == 0 || strcmp (context, "..") == 0)
    return refuse (error, "context.name has to be the name of a directory, without \"/\"");
  if (machine != NULL && (*machine == '\0' || strchr (machine, '/') != NULL))
    return refuse (error, "The machine name has to be a word without \"/\"");
  if (g_strcmp0 (instance->deploy_mode, "class") != 0
      && g_strcmp0 (instance->deploy_mode, "war") != 0
      && g_strcmp0 (instance->deploy_mode, "none") != 0)
    return refuse (error, "deploy.mode has to be class, war or none");
  return TRUE;
}

static gboolean
validate_database (const ObDatabaseConfig *database, GError **error)
{
  const char *const names[] = { database->host, database->name, database->user };

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    if (names[i] == NULL || *names[i] == '\0')
      return refuse (error, "The database's host, name and user have to be given");
  if (database->port < 1 || database->port > 65535)
    return refuse (error, "The database's port has to be a number from 1 to 65535");
  if (strlen (database->name) > 63)
    return refuse (error, "The name of the database has more than 63 bytes");
  return TRUE;
}

static gboolean
validate_command (char **command, const char *what, GError **error)
{
  if (command[0] == NULL || !is_canonical (command[0]))
    return refuse (error, "The %s command has to begin with the absolute path of a program", what);
  if (strchr (command[0], '$') != NULL)
    return refuse (error, "The program of the %s command may not have \"$\" in its path", what);
  if (g_strv_length (command) > MAX_ARGUMENTS)
    return refuse (error, "The %s command has more than %d arguments", what, MAX_ARGUMENTS);
  return TRUE;
}

static gboolean
validate_unit (const char *unit, GError **error)
{
  static const char allowed[] = G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS ":_.\\@-";

  if (*unit == '-' || strlen (unit) > MAX_UNIT || strspn (unit, allowed) != strlen (unit)
      || !g_str_has_suffix (unit, ".service") || strlen (unit) <= strlen (".service"))
    return refuse (error, "\"%s\" is not the name of a service unit of systemd, such as "
                          "tomcat9.service",
                   unit);
  return TRUE;
}

/* Whether tree @inner lies in the directory of tree @outer or is the same. */
static gboolean
is_nested (ObInstance *instance, guint inner, guint outer, const char **relative)
{
  return inner != outer && instance->paths[inner] != NULL
         && ob_path_is_below (instance->paths[inner], instance->paths[outer], relative);
}

static void
tree_free (gpointer data)
{
  ObInstanceTree *tree = data;

  g_free (tree->path);
  g_strfreev (tree->exclude);
  g_free (tree);
}

/* Whether an earlier tree of @parts has the same directory. */
static gboolean
is_repeated (ObInstance *instance, ObParts parts, guint tree)
{
  for (guint i = 0; i < tree; i++)
    if ((parts & trees[i].part) != 0
        && g_strcmp0 (instance->paths[i], instance->paths[tree]) == 0)
      return TRUE;
  return FALSE;
}

/* Whether another part lies between @inner and @outer, or stands for @inner in the list already. */
static gboolean
is_covered (ObInstance *instance, guint inner, guint outer)
{
  const char *between, *rest;

  for (guint i = 0; i < OB_N_TREES; i++)
    if (i != inner && is_nested (instance, i, outer, &between) && *between != '\0'
        && is_nested (instance, inner, i, &rest) && (*rest != '\0' || i < inner))
      return TRUE;
  return FALSE;
}

static ObInstanceTree *
make_tree (ObInstance *instance, guint outer)
{
  g_autoptr (GStrvBuilder) exclude = g_strv_builder_new ();
  ObInstanceTree *tree = g_new0 (ObInstanceTree, 1);
  gboolean any = FALSE;
  const char *relative;

  for (guint inner = 0; inner < OB_N_TREES; inner++)
    if (is_nested (instance, inner, outer, &relative) && *relative != '\0'
        && !is_covered (instance, inner, outer))
      {
        g_strv_builder_add (exclude, relative);
        any = TRUE;
      }

  tree->part = trees[outer].part;
  tree->path = g_strdup (instance->paths[outer]);
  tree->exclude = any ? g_strv_builder_end (exclude) : NULL;
  return tree;
}

ObParts
ob_instance_tree_part (guint tree)
{
  return trees[tree].part;
}

const char *
ob_instance_tree_title (guint tree)
{
  return trees[tree].title;
}

ObInstance *
ob_instance_new (const char *name)
{
  ObInstance *instance = g_new0 (ObInstance, 1);

  g_atomic_ref_count_init (&instance->references);
  instance->name = g_strdup (name);
  return instance;
}

static gboolean
validate_health (ObInstance *instance, GError **error)
{
  const char *url = instance->health_url;
  g_autoptr (GUri) uri = NULL;

  if (instance->health_sql != NULL && strlen (instance->health_sql) > MAX_HEALTH)
    return refuse (error,
                   "The query that tells of the application's health is longer than %d bytes",
                   MAX_HEALTH);
  if (instance->health_timeout > MAX_HEALTH_TIMEOUT)
    return refuse (error, "The application has at most %d seconds until it is well",
                   MAX_HEALTH_TIMEOUT);
  if (url == NULL)
    return TRUE;
  if (strlen (url) <= MAX_HEALTH)
    uri = g_uri_parse (url, G_URI_FLAGS_NONE, NULL);
  if (uri != NULL && g_uri_get_host (uri) != NULL && *g_uri_get_host (uri) != '\0'
      && (strcmp (g_uri_get_scheme (uri), "http") == 0
          || strcmp (g_uri_get_scheme (uri), "https") == 0))
    return TRUE;
  return refuse (error, "The address that tells of the application's health has to be a http or "
                        "https URL, like http://localhost:8080/openbravo/");
}

gboolean
ob_instance_validate_control (ObInstance *instance, GError **error)
{
  gboolean stop = instance->stop_command != NULL;
  gboolean start = instance->start_command != NULL;

  if (!validate_health (instance, error))
    return FALSE;
  if (instance->unit != NULL && (stop || start))
    return refuse (error, "The application is either a systemd unit or has commands to stop and "
                          "start it, not both");
  if (stop != start)
    return refuse (error, "A command to %s the application is missing: both or none of them are "
                          "needed",
                   stop ? "start" : "stop");
  if (instance->unit != NULL)
    return validate_unit (instance->unit, error);
  if (!stop)
    return TRUE;

  if (instance->command_user == NULL || *instance->command_user == '\0'
      || strlen (instance->command_user) > MAX_USER)
    return refuse (error, "The user who runs the commands has to be named");
  return validate_command (instance->stop_command, "stop", error)
         && validate_command (instance->start_command, "start", error);
}

gboolean
ob_instance_validate_checks (ObInstance *instance, GError **error)
{
  guint n = instance->check_sql != NULL ? g_strv_length (instance->check_sql) : 0;

  if (n > OB_DATABASE_MAX_CHECKS)
    return refuse (error, "An instance has %d checks (check-sql) at most, not %u",
                   OB_DATABASE_MAX_CHECKS, n);
  for (guint i = 0; i < n; i++)
    {
      const char *sql = instance->check_sql[i];

      if (*sql == '\0' || strlen (sql) > OB_DATABASE_MAX_CHECK_SIZE
          || !g_utf8_validate (sql, -1, NULL))
        return refuse (error, "Check %u (check-sql) has to be a query of 1 to %d bytes of UTF-8",
                       i + 1, OB_DATABASE_MAX_CHECK_SIZE);
    }
  return TRUE;
}

gboolean
ob_instance_validate (ObInstance *instance, const char *const *reserved, GError **error)
{
  if (!validate_names (instance, error) || !validate_database (instance->database, error)
      || !ob_instance_validate_control (instance, error)
      || !ob_instance_validate_checks (instance, error))
    return FALSE;

  if (instance->paths[OB_TREE_SOURCES] == NULL || instance->paths[OB_TREE_ATTACHMENTS] == NULL)
    return refuse (error, "An instance needs the paths of its sources and its attachments");
  for (guint i = 0; i < OB_N_TREES; i++)
    {
      if (instance->paths[i] == NULL)
        continue;
      if (!is_canonical (instance->paths[i]))
        return refuse (error, "%s cannot be \"%s\": an absolute path without \"..\" is needed",
                       trees[i].title, instance->paths[i]);
      if (!ob_instance_path_check_part (instance->paths[i], trees[i].title, reserved, error))
        return FALSE;
    }
  return TRUE;
}

/* public methods */
ObInstance *
ob_instance_ref (ObInstance *instance)
{
  g_atomic_ref_count_inc (&instance->references);
  return instance;
}

void
ob_instance_unref (ObInstance *instance)
{
  if (g_atomic_ref_count_dec (&instance->references))
    instance_free (instance);
}

const char *
ob_instance_get_name (ObInstance *instance)
{
  return instance->name;
}

const char *
ob_instance_get_properties (ObInstance *instance)
{
  return instance->properties;
}

const char *
ob_instance_get_machine_name (ObInstance *instance)
{
  return instance->machine_name;
}

const char *
ob_instance_get_path (ObInstance *instance, ObParts part)
{
  for (guint i = 0; i < OB_N_TREES; i++)
    if (trees[i].part == part)
      return instance->paths[i];
  return NULL;
}

const char *
ob_instance_get_context_name (ObInstance *instance)
{
  return instance->context_name;
}

const char *
ob_instance_get_deploy_mode (ObInstance *instance)
{
  return instance->deploy_mode;
}

const ObDatabaseConfig *
ob_instance_get_database (ObInstance *instance)
{
  return instance->database;
}

ObParts
ob_instance_get_parts (ObInstance *instance)
{
  ObParts parts = OB_PART_DATABASE;

  for (guint i = 0; i < OB_N_TREES; i++)
    if (instance->paths[i] != NULL)
      parts |= trees[i].part;
  return parts;
}

gboolean
ob_instance_can_control (ObInstance *instance)
{
  return instance->unit != NULL || instance->stop_command != NULL;
}

const char *
ob_instance_get_unit (ObInstance *instance)
{
  return instance->unit;
}

const char *const *
ob_instance_get_stop_command (ObInstance *instance)
{
  return (const char *const *) instance->stop_command;
}

const char *const *
ob_instance_get_start_command (ObInstance *instance)
{
  return (const char *const *) instance->start_command;
}

const char *
ob_instance_get_command_user (ObInstance *instance)
{
  return instance->command_user;
}

const char *
ob_instance_get_health_url (ObInstance *instance)
{
  return instance->health_url;
}

const char *
ob_instance_get_health_sql (ObInstance *instance)
{
  return instance->health_sql;
}

guint
ob_instance_get_health_timeout (ObInstance *instance)
{
  return instance->health_timeout != 0 ? instance->health_timeout : DEFAULT_HEALTH_TIMEOUT;
}

const char *const *
ob_instance_get_check_sql (ObInstance *instance)
{
  return (const char *const *) instance->check_sql;
}

GPtrArray *
ob_instance_get_trees (ObInstance *instance, ObParts parts)
{
  GPtrArray *result = g_ptr_array_new_with_free_func (tree_free);

  for (guint i = 0; i < OB_N_TREES; i++)
    if ((parts & trees[i].part) != 0 && instance->paths[i] != NULL
        && !is_repeated (instance, parts, i))
      g_ptr_array_add (result, make_tree (instance, i));
  return result;
}
