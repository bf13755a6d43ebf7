/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * NAME.conf, the frozen form of an installation: a key file that root alone reads and writes.
 *
 *   [instance]     version (1), properties, machine-name, context-name, deploy-mode
 *   [paths]        sources, webapp, attachments, reprintables
 *   [database]     host, port, name, user, password, system-user, system-password, ssl-mode,
 *                  ssl-root-cert
 *   [application]  unit, or stop-command, start-command (lists) and user; health-url, health-sql,
 *                  health-timeout
 *   [drill]        check-sql (list)
 *
 * A key that is not known is an error, so that a slip of the pen is noticed.
 */
#include "ob-instance-private.h"

#include <string.h>

#include "ob-error.h"
#include "ob-keyfile.h"
#include "ob-path.h"
#include "ob-secret.h"

#define VERSION 1
#define MAX_TEXT (64 * 1024)

static const struct
{
  const char *group;
  const char *key;
} known[] = {
  { "instance", "version" },       { "instance", "properties" },
  { "instance", "machine-name" },  { "instance", "context-name" },
  { "instance", "deploy-mode" },   { "paths", "sources" },
  { "paths", "webapp" },           { "paths", "attachments" },
  { "paths", "reprintables" },     { "database", "host" },
  { "database", "port" },          { "database", "name" },
  { "database", "user" },          { "database", "password" },
  { "database", "system-user" },   { "database", "system-password" },
  { "database", "ssl-mode" },      { "database", "ssl-root-cert" },
  { "application", "unit" },       { "application", "stop-command" },
  { "application", "start-command" }, { "application", "user" },
  { "application", "health-url" }, { "application", "health-sql" },
  { "application", "health-timeout" },
  { "drill", "check-sql" },
};

/* internal methods */
static gboolean
is_known (const char *group, const char *key)
{
  for (gsize i = 0; i < G_N_ELEMENTS (known); i++)
    if (strcmp (known[i].group, group) == 0 && (key == NULL || strcmp (known[i].key, key) == 0))
      return TRUE;
  return FALSE;
}

static gboolean
check_keys (GKeyFile *file, GError **error)
{
  g_auto (GStrv) groups = g_key_file_get_groups (file, NULL);

  for (char **group = groups; *group != NULL; group++)
    {
      g_auto (GStrv) keys = g_key_file_get_keys (file, *group, NULL, NULL);

      if (!is_known (*group, NULL))
        {
          g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                       "the group [%s] has no meaning there", *group);
          return FALSE;
        }
      for (char **key = keys; keys != NULL && *key != NULL; key++)
        if (!is_known (*group, *key))
          {
            g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                         "the key %s in [%s] has no meaning there", *key, *group);
            return FALSE;
          }
    }
  return TRUE;
}

static gboolean
take_error (GError *problem, const char *group, const char *key, GError **error)
{
  g_autoptr (GError) owned = problem;

  /* GKeyFile's own message may hold the value, which may be a password. */
  g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
               "the value of %s in [%s] is not of the kind that belongs there", key, group);
  return FALSE;
}

/* *@value is NULL where the key is missing; an empty value is an error. */
static gboolean
get_text (GKeyFile *file, const char *group, const char *key, char **value, GError **error)
{
  GError *problem = NULL;

  if (!g_key_file_has_key (file, group, key, NULL))
    return TRUE;
  *value = g_key_file_get_string (file, group, key, &problem);
  if (problem != NULL || *value == NULL || **value == '\0' || strlen (*value) > MAX_TEXT)
    return take_error (problem, group, key, error);
  return TRUE;
}

static gboolean
get_list (GKeyFile *file, const char *group, const char *key, GStrv *value, GError **error)
{
  GError *problem = NULL;

  if (!g_key_file_has_key (file, group, key, NULL))
    return TRUE;
  *value = g_key_file_get_string_list (file, group, key, NULL, &problem);
  if (problem != NULL || *value == NULL)
    return take_error (problem, group, key, error);
  return TRUE;
}

static gboolean
get_number (GKeyFile *file, const char *group, const char *key, guint *value, GError **error)
{
  g_autofree char *text = NULL;
  guint64 number = 0;

  if (!get_text (file, group, key, &text, error))
    return FALSE;
  if (text == NULL || !g_ascii_string_to_unsigned (text, 10, 0, G_MAXUINT, &number, NULL))
    return take_error (NULL, group, key, error);
  *value = (guint) number;
  return TRUE;
}

static gboolean
read_database (GKeyFile *file, ObDatabaseConfig *database, GError **error)
{
  return get_text (file, "database", "host", &database->host, error)
         && get_number (file, "database", "port", &database->port, error)
         && get_text (file, "database", "name", &database->name, error)
         && get_text (file, "database", "user", &database->user, error)
         && get_text (file, "database", "password", &database->password, error)
         && get_text (file, "database", "system-user", &database->system_user, error)
         && get_text (file, "database", "system-password", &database->system_password, error)
         && get_text (file, "database", "ssl-mode", &database->ssl_mode, error)
         && get_text (file, "database", "ssl-root-cert", &database->ssl_root_cert, error);
}

static gboolean
read_fields (GKeyFile *file, ObInstance *instance, GError **error)
{
  guint version;

  if (!get_number (file, "instance", "version", &version, error))
    return FALSE;
  if (version != VERSION)
    {
      g_set_error (error, OB_ERROR, OB_ERROR_NOT_SUPPORTED,
                   "it is of version %u, and this obbackup knows version %d; update obbackup",
                   version, VERSION);
      return FALSE;
    }
  for (guint i = 0; i < OB_N_TREES; i++)
    if (!get_text (file, "paths", ob_part_get_name (ob_instance_tree_part (i)),
                   &instance->paths[i], error))
      return FALSE;

  instance->database = g_new0 (ObDatabaseConfig, 1);
  return get_text (file, "instance", "properties", &instance->properties, error)
         && get_text (file, "instance", "machine-name", &instance->machine_name, error)
         && get_text (file, "instance", "context-name", &instance->context_name, error)
         && get_text (file, "instance", "deploy-mode", &instance->deploy_mode, error)
         && read_database (file, instance->database, error)
         && get_text (file, "application", "unit", &instance->unit, error)
         && get_list (file, "application", "stop-command", &instance->stop_command, error)
         && get_list (file, "application", "start-command", &instance->start_command, error)
         && get_text (file, "application", "user", &instance->command_user, error)
         && get_text (file, "application", "health-url", &instance->health_url, error)
         && get_text (file, "application", "health-sql", &instance->health_sql, error)
         && (!g_key_file_has_key (file, "application", "health-timeout", NULL)
             || get_number (file, "application", "health-timeout", &instance->health_timeout,
                            error))
         && get_list (file, "drill", "check-sql", &instance->check_sql, error);
}

static void
set_text (GKeyFile *file, const char *group, const char *key, const char *value)
{
  if (value != NULL)
    g_key_file_set_string (file, group, key, value);
}

static void
set_list (GKeyFile *file, const char *group, const char *key, GStrv value)
{
  if (value != NULL)
    g_key_file_set_string_list (file, group, key, (const char *const *) value,
                                g_strv_length (value));
}

static char *
file_name (const char *name)
{
  return g_strconcat (name, ".conf", NULL);
}

/* public methods */
ObInstance *
ob_instance_load (int dirfd, const char *name, GError **error)
{
  g_autoptr (ObInstance) instance = ob_instance_new (name);
  g_autofree char *conf = file_name (name);
  g_autoptr (GKeyFile) file = NULL;

  if (!ob_name_is_valid (name))
    {
      g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT, "\"%s\" cannot name an instance",
                   name);
      return NULL;
    }
  file = ob_keyfile_load_at (dirfd, conf, error);
  if (file == NULL)
    return NULL;
  if (!check_keys (file, error) || !read_fields (file, instance, error)
      || !ob_instance_validate (instance, NULL, error))
    {
      g_prefix_error (error, "The configuration of instance %s in %s cannot be used: ", name, conf);
      return NULL;
    }
  return g_steal_pointer (&instance);
}

gboolean
ob_instance_save (ObInstance *instance, int dirfd, GError **error)
{
  g_autofree char *conf = file_name (instance->name);
  g_autoptr (GKeyFile) file = g_key_file_new ();
  const ObDatabaseConfig *database = instance->database;

  g_key_file_set_integer (file, "instance", "version", VERSION);
  set_text (file, "instance", "properties", instance->properties);
  set_text (file, "instance", "machine-name", instance->machine_name);
  set_text (file, "instance", "context-name", instance->context_name);
  set_text (file, "instance", "deploy-mode", instance->deploy_mode);
  for (guint i = 0; i < OB_N_TREES; i++)
    set_text (file, "paths", ob_part_get_name (ob_instance_tree_part (i)), instance->paths[i]);

  set_text (file, "database", "host", database->host);
  g_key_file_set_integer (file, "database", "port", (int) database->port);
  set_text (file, "database", "name", database->name);
  set_text (file, "database", "user", database->user);
  set_text (file, "database", "password", database->password);
  set_text (file, "database", "system-user", database->system_user);
  set_text (file, "database", "system-password", database->system_password);
  set_text (file, "database", "ssl-mode", database->ssl_mode);
  set_text (file, "database", "ssl-root-cert", database->ssl_root_cert);

  set_text (file, "application", "unit", instance->unit);
  set_list (file, "application", "stop-command", instance->stop_command);
  set_list (file, "application", "start-command", instance->start_command);
  set_text (file, "application", "user", instance->command_user);
  set_text (file, "application", "health-url", instance->health_url);
  set_text (file, "application", "health-sql", instance->health_sql);
  if (instance->health_timeout != 0)
    g_key_file_set_integer (file, "application", "health-timeout", (int) instance->health_timeout);
  set_list (file, "drill", "check-sql", instance->check_sql);

  if (ob_keyfile_save_at (dirfd, conf, file, error))
    return TRUE;
  g_prefix_error (error, "The configuration of instance %s cannot be written: ", instance->name);
  return FALSE;
}
