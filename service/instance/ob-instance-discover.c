/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-instance-private.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ob-error.h"
#include "ob-fd.h"
#include "ob-instance-path.h"
#include "ob-io.h"
#include "ob-jdbc-url.h"
#include "ob-path.h"

#define PASSWD_BUFFER 16384

/* internal methods */
static void note (GPtrArray *notes, const char *format, ...) G_GNUC_PRINTF (2, 3);

static void
note (GPtrArray *notes, const char *format, ...)
{
  va_list arguments;

  va_start (arguments, format);
  g_ptr_array_add (notes, g_strdup_vprintf (format, arguments));
  va_end (arguments);
}

static gboolean
check_rdbms (ObProperties *properties, GError **error)
{
  const char *rdbms = ob_properties_get (properties, "bbdd.rdbms");
  const char *url = ob_properties_get (properties, "bbdd.url");

  if (g_strcmp0 (rdbms, "ORACLE") == 0
      || (rdbms == NULL && url != NULL && g_str_has_prefix (url, "jdbc:oracle:")))
    {
      g_set_error (error, OB_ERROR, OB_ERROR_NOT_SUPPORTED,
                   "This Openbravo keeps its data in Oracle (bbdd.rdbms=ORACLE), which obbackup "
                   "cannot back up; it supports PostgreSQL");
      return FALSE;
    }
  if (rdbms != NULL && strcmp (rdbms, "POSTGRE") != 0)
    {
      g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                   "bbdd.rdbms is \"%s\"; obbackup supports POSTGRE alone", rdbms);
      return FALSE;
    }
  return TRUE;
}

static gboolean
check_missing (ObProperties *properties, GError **error)
{
  static const char *const required[]
      = { "bbdd.rdbms",  "bbdd.url",    "bbdd.sid",    "bbdd.user",
          "source.path", "attach.path", "context.name" };
  g_autoptr (GString) missing = g_string_new (NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (required); i++)
    if (ob_properties_get (properties, required[i]) == NULL)
      g_string_append_printf (missing, "%s%s", missing->len > 0 ? ", " : "", required[i]);
  if (missing->len == 0)
    return TRUE;

  g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
               "These keys are missing or empty: %s. Is this the config/Openbravo.properties of an "
               "installation that was set up?",
               missing->str);
  return FALSE;
}

/* The value of @key, or else @fallback (NULL: an error). Transfer full. */
static char *
expand (ObProperties *properties, const char *key, const char *fallback, GError **error)
{
  g_autoptr (GError) local = NULL;
  char *value = ob_properties_expand (properties, key, &local);

  if (local != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&local));
      return NULL;
    }
  if (value == NULL && fallback == NULL)
    g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT, "The value of %s is empty", key);
  return value != NULL ? value : g_strdup (fallback);
}

static gboolean
read_database (ObInstance *instance, ObProperties *properties, GError **error)
{
  g_autofree char *url = NULL, *sid = NULL;
  g_autoptr (ObJdbcUrl) jdbc = NULL;
  ObDatabaseConfig *database;

  url = expand (properties, "bbdd.url", NULL, error);
  if (url == NULL)
    return FALSE;
  sid = expand (properties, "bbdd.sid", NULL, error);
  if (sid == NULL)
    return FALSE;
  jdbc = ob_jdbc_url_parse (url, sid, ob_properties_get (properties, "bbdd.props"), error);
  if (jdbc == NULL)
    return FALSE;

  database = instance->database = g_new0 (ObDatabaseConfig, 1);
  database->host = g_steal_pointer (&jdbc->host);
  database->port = jdbc->port;
  database->name = g_steal_pointer (&jdbc->database);
  database->user = g_strdup (ob_properties_get (properties, "bbdd.user"));
  database->password = g_strdup (ob_properties_get (properties, "bbdd.password"));
  database->system_user = g_strdup (ob_properties_get (properties, "bbdd.systemUser"));
  database->system_password = g_strdup (ob_properties_get (properties, "bbdd.systemPassword"));
  database->ssl_mode = g_steal_pointer (&jdbc->ssl_mode);
  database->ssl_root_cert = g_steal_pointer (&jdbc->ssl_root_cert);
  return TRUE;
}

/* The path that @key names, or else @fallback, resolved. */
static char *
read_path (ObProperties *properties, const char *key, const char *fallback, GError **error)
{
  g_autofree char *path = expand (properties, key, fallback, error);
  char *resolved;

  if (path == NULL)
    return NULL;
  resolved = ob_instance_path_resolve (path, NULL, error);
  if (resolved == NULL)
    g_prefix_error (error, "%s: ", key);
  return resolved;
}

static gboolean
read_paths (ObInstance *instance, ObProperties *properties, GError **error)
{
  g_autofree char *fallback = NULL;
  g_autofree char *reprintables = NULL;

  instance->paths[OB_TREE_SOURCES] = read_path (properties, "source.path", NULL, error);
  if (instance->paths[OB_TREE_SOURCES] == NULL)
    return FALSE;
  instance->paths[OB_TREE_ATTACHMENTS] = read_path (properties, "attach.path", NULL, error);
  if (instance->paths[OB_TREE_ATTACHMENTS] == NULL)
    return FALSE;

  fallback = g_build_filename (instance->paths[OB_TREE_ATTACHMENTS], "reprintable", NULL);
  reprintables = read_path (properties, "reprintable.path", fallback, error);
  if (reprintables == NULL)
    return FALSE;
  if (!ob_path_is_below (reprintables, instance->paths[OB_TREE_ATTACHMENTS], NULL))
    instance->paths[OB_TREE_REPRINTABLES] = g_steal_pointer (&reprintables);
  return TRUE;
}

/* "tomcat", or "1001" where the number has no name here. */
static char *
user_name (uid_t uid, gboolean *named)
{
  g_autofree char *buffer = g_malloc (PASSWD_BUFFER);
  struct passwd entry, *found = NULL;

  *named = getpwuid_r (uid, &entry, buffer, PASSWD_BUFFER, &found) == 0 && found != NULL;
  return *named ? g_strdup (found->pw_name) : g_strdup_printf ("%u", uid);
}

static gboolean
owner_of (const char *path, uid_t *uid)
{
  ob_autofd int fd = ob_path_open (path, O_PATH | O_DIRECTORY, NULL);
  struct stat info;

  if (fd < 0 || fstat (fd, &info) != 0)
    return FALSE;
  *uid = info.st_uid;
  return TRUE;
}

/* The user who owns the sources; NULL with an error where that cannot be who runs commands. */
static char *
default_user (ObInstance *instance, GError **error)
{
  const char *path = instance->paths[OB_TREE_SOURCES];
  g_autofree char *name = NULL;
  gboolean named;
  uid_t uid;

  if (!owner_of (path, &uid))
    {
      g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                   "The commands would be run by the owner of the sources, but %s is not a "
                   "directory; name the user to run them",
                   path);
      return NULL;
    }
  name = user_name (uid, &named);
  if (uid == 0 || !named)
    {
      g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                   "The commands would be run by the owner of the sources in %s, who is %s; name "
                   "the user to run them%s",
                   path, uid == 0 ? "root" : "not known on this host",
                   uid == 0 ? ", even if it is root" : "");
      return NULL;
    }
  return g_steal_pointer (&name);
}

static gboolean
check_user (const char *name, uid_t *uid, GError **error)
{
  g_autofree char *buffer = g_malloc (PASSWD_BUFFER);
  struct passwd entry, *found = NULL;

  if (getpwnam_r (name, &entry, buffer, PASSWD_BUFFER, &found) != 0 || found == NULL)
    {
      g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                   "There is no user \"%s\" on this host to run the commands", name);
      return FALSE;
    }
  *uid = found->pw_uid;
  return TRUE;
}

/* The program of a command: there, a file, executable; root's own where root is to run it. */
static gboolean
check_program (char **command, uid_t uid, GError **error)
{
  struct stat info;

  if (stat (command[0], &info) != 0)
    return ob_set_error_errno (error, errno, "The program %s cannot be used", command[0]);
  if (!S_ISREG (info.st_mode) || (info.st_mode & 0111) == 0)
    {
      g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT, "%s is not an executable program",
                   command[0]);
      return FALSE;
    }
  return uid != 0 || ob_instance_check_root_command ((const char *const *) command, error);
}

/* NULL for "none", too. */
static char *
dup_text (const char *text)
{
  return text != NULL && strcmp (text, "none") != 0 ? g_strdup (text) : NULL;
}

static gboolean
read_control (ObInstance *instance, const ObInstanceOptions *options, GError **error)
{
  uid_t uid;

  if (options->unit != NULL)
    instance->unit = strchr (options->unit, '.') != NULL
                         ? g_strdup (options->unit)
                         : g_strconcat (options->unit, ".service", NULL);
  instance->check_sql = g_strdupv ((GStrv) options->check_sql);
  instance->stop_command = g_strdupv ((GStrv) options->stop_command);
  instance->start_command = g_strdupv ((GStrv) options->start_command);
  instance->health_url = dup_text (options->health_url);
  instance->health_sql = dup_text (options->health_sql);
  instance->health_timeout = options->health_timeout;
  if (!ob_instance_validate_checks (instance, error))
    return FALSE;
  if (instance->stop_command == NULL && instance->start_command == NULL)
    return ob_instance_validate_control (instance, error);

  instance->command_user = options->command_user != NULL ? g_strdup (options->command_user)
                                                         : default_user (instance, error);
  return instance->command_user != NULL && check_user (instance->command_user, &uid, error)
         && ob_instance_validate_control (instance, error)
         && check_program (instance->stop_command, uid, error)
         && check_program (instance->start_command, uid, error);
}

static gboolean
read_webapp (ObInstance *instance, const ObInstanceOptions *options, GPtrArray *notes,
             GCancellable *cancellable, GError **error)
{
  if (options->webapp == NULL)
    {
      ob_instance_find_webapp (instance, notes, cancellable);
      return !ob_instance_is_cancelled (cancellable, error);
    }

  instance->paths[OB_TREE_WEBAPP] = ob_instance_path_resolve (options->webapp, NULL, error);
  if (instance->paths[OB_TREE_WEBAPP] == NULL)
    g_prefix_error (error, "The web application: ");
  return instance->paths[OB_TREE_WEBAPP] != NULL;
}

/* What is odd, though not wrong. */
static void
note_oddities (ObInstance *instance, ObProperties *properties, GPtrArray *notes)
{
  const char *sources = instance->paths[OB_TREE_SOURCES];
  const char *const passwords[] = { "bbdd.password", "bbdd.systemPassword" };

  if (ob_properties_get_override (properties) != NULL)
    note (notes, "Values of %s were used, as this host's override.",
          ob_properties_get_override (properties));
  if (!ob_path_is_below (instance->properties, sources, NULL))
    note (notes,
          "%s lies outside the sources in %s that it names; was it copied from another "
          "installation?",
          instance->properties, sources);
  if (instance->database->system_user == NULL)
    note (notes, "bbdd.systemUser is not set: a restore will need a superuser for extensions and "
                 "for what belongs to other roles.");
  for (gsize i = 0; i < G_N_ELEMENTS (passwords); i++)
    if (ob_properties_has_odd_escape (properties, passwords[i]))
      note (notes,
            "%s is written with a backslash and was read as Openbravo reads it, by the rules of "
            "Java properties.",
            passwords[i]);
}

/* A directory of somebody else's is either a usual division of labour or a path that the
 * application's user should not have named; whoever adds the instance can tell. */
static void
note_owners (ObInstance *instance, GPtrArray *notes)
{
  uid_t owner, other;
  gboolean named;

  if (!owner_of (instance->paths[OB_TREE_SOURCES], &owner))
    return;
  for (guint i = 0; i < OB_N_TREES; i++)
    if (instance->paths[i] != NULL && owner_of (instance->paths[i], &other) && other != owner)
      {
        g_autofree char *ours = user_name (owner, &named);
        g_autofree char *theirs = user_name (other, &named);

        note (notes, "%s in %s: the owner is %s, while that of the sources is %s.",
              ob_instance_tree_title (i), instance->paths[i], theirs, ours);
      }
}

static gboolean
check_options (const char *name, const ObInstanceOptions *options, GError **error)
{
  if (!ob_name_is_valid (name))
    {
      g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                   "\"%s\" cannot name an instance; use 1 to 63 letters, digits, \"-\" and \"_\", "
                   "a letter or digit first",
                   name);
      return FALSE;
    }
  if (options->properties == NULL)
    {
      g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                   "The path of the installation's config/Openbravo.properties is missing");
      return FALSE;
    }
  return TRUE;
}

gboolean
ob_instance_is_cancelled (GCancellable *cancellable, GError **error)
{
  if (!g_cancellable_is_cancelled (cancellable))
    return FALSE;
  g_set_error (error, OB_ERROR, OB_ERROR_CANCELLED, "Cancelled");
  return TRUE;
}

void
ob_instance_note_error (GPtrArray *notes, const GError *error)
{
  const char *end = g_str_has_suffix (error->message, ".") ? "" : ".";

  note (notes, "%s%s", error->message, end);
}

gboolean
ob_instance_read_properties (ObInstance *instance, ObProperties *properties, GError **error)
{
  const char *mode = ob_properties_get (properties, "deploy.mode");

  if (!check_rdbms (properties, error) || !check_missing (properties, error)
      || !read_database (instance, properties, error) || !read_paths (instance, properties, error))
    return FALSE;

  instance->deploy_mode = g_strdup (mode != NULL ? mode : "class");
  instance->context_name = expand (properties, "context.name", NULL, error);
  return instance->context_name != NULL;
}

gboolean
ob_instance_check_root_command (const char *const *command, GError **error)
{
  for (guint i = 0; command[i] != NULL; i++)
    if (i == 0 || (command[i][0] == '/' && access (command[i], F_OK) == 0))
      if (!ob_instance_path_check_roots_own (command[i], error))
        return FALSE;
  return TRUE;
}

/* public methods */
ObInstance *
ob_instance_discover (const char *name, const ObInstanceOptions *options, GPtrArray **notes,
                      GCancellable *cancellable, GError **error)
{
  g_autoptr (ObInstance) instance = ob_instance_new (name);
  g_autoptr (GPtrArray) told = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (ObProperties) properties = NULL;

  if (!check_options (name, options, error))
    return NULL;
  instance->machine_name = g_strdup (options->machine_name);
  instance->properties = ob_instance_path_resolve (options->properties, NULL, error);
  if (instance->properties == NULL)
    return NULL;
  properties = ob_properties_load (instance->properties, instance->machine_name, error);
  if (properties == NULL)
    return NULL;
  if (!ob_instance_read_properties (instance, properties, error))
    {
      g_prefix_error (error, "%s: ", instance->properties);
      return NULL;
    }

  if (!read_control (instance, options, error)
      || !read_webapp (instance, options, told, cancellable, error)
      || !ob_instance_validate (instance, options->reserved, error))
    return NULL;

  note_oddities (instance, properties, told);
  note_owners (instance, told);
  g_ptr_array_extend_and_steal (told, ob_instance_check (instance, cancellable));
  if (ob_instance_is_cancelled (cancellable, error))
    return NULL;
  if (notes != NULL)
    *notes = g_steal_pointer (&told);
  return g_steal_pointer (&instance);
}
