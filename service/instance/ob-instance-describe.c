/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-instance-private.h"

/* internal methods */
static void
set_text (JsonObject *object, const char *key, const char *value)
{
  if (value != NULL)
    json_object_set_string_member (object, key, value);
}

static void
set_list (JsonObject *object, const char *key, GStrv value)
{
  JsonArray *array;

  if (value == NULL)
    return;
  array = json_array_new ();
  for (char **item = value; *item != NULL; item++)
    json_array_add_string_element (array, *item);
  json_object_set_array_member (object, key, array);
}

static JsonObject *
describe_paths (ObInstance *instance)
{
  JsonObject *paths = json_object_new ();

  for (guint i = 0; i < OB_N_TREES; i++)
    set_text (paths, ob_part_get_name (ob_instance_tree_part (i)), instance->paths[i]);
  return paths;
}

static JsonObject *
describe_database (const ObDatabaseConfig *config)
{
  JsonObject *database = json_object_new ();

  set_text (database, "host", config->host);
  json_object_set_int_member (database, "port", config->port);
  set_text (database, "name", config->name);
  set_text (database, "user", config->user);
  set_text (database, "system-user", config->system_user);
  return database;
}

static JsonObject *
describe_application (ObInstance *instance)
{
  JsonObject *application = json_object_new ();

  set_text (application, "unit", instance->unit);
  set_list (application, "stop-command", instance->stop_command);
  set_list (application, "start-command", instance->start_command);
  set_text (application, "user", instance->command_user);
  set_text (application, "health-url", instance->health_url);
  set_text (application, "health-sql", instance->health_sql);
  return application;
}

/* public methods */
JsonObject *
ob_instance_describe (ObInstance *instance)
{
  JsonObject *object = json_object_new ();

  set_text (object, "name", instance->name);
  set_text (object, "properties", instance->properties);
  set_text (object, "machine-name", instance->machine_name);
  set_text (object, "context-name", instance->context_name);
  set_text (object, "deploy-mode", instance->deploy_mode);
  json_object_set_object_member (object, "paths", describe_paths (instance));
  json_object_set_object_member (object, "database", describe_database (instance->database));
  json_object_set_object_member (object, "application", describe_application (instance));
  return object;
}
