/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-restore-settings.h"

#include <fcntl.h>
#include <string.h>

#include "ob-error.h"
#include "ob-fd.h"
#include "ob-manifest.h"
#include "ob-path.h"

/* internal methods */

/* Where the part keeps its properties; NULL where it has none. */
static const char *
get_directory (ObParts part)
{
  if (part == OB_PART_SOURCES)
    return "config";
  return part == OB_PART_WEBAPP ? "WEB-INF" : NULL;
}

static JsonObject *
get_member (JsonObject *object, const char *name)
{
  return object != NULL ? ob_manifest_get_object (object, name) : NULL;
}

static void
add_difference (GPtrArray *sentences, const char *what, const char *before, const char *now)
{
  if (*before != '\0' && now != NULL && strcmp (before, now) != 0)
    g_ptr_array_add (
      sentences, g_strdup_printf ("The %s is %s in the backup, and %s here.", what, before, now));
}

/* methods of this room */

gboolean
ob_restore_task_settle (ObRestoreTask *task, ObParts part, int fd, const ObInstanceCopy *copy,
                        GError **error)
{
  const char *directory = get_directory (part);
  ob_autofd int inner
    = directory != NULL ? ob_path_open_at (fd, directory, O_RDONLY | O_DIRECTORY, NULL) : -1;
  g_autoptr (GError) local = NULL;
  guint n_changed = 0;

  if (inner < 0)
    return TRUE;
  if (!ob_instance_settle_settings (task->instance, copy, inner, &n_changed, &local))
    {
      if (!g_error_matches (local, OB_ERROR, OB_ERROR_INVALID_ARGUMENT))
        {
          g_propagate_prefixed_error (error, g_steal_pointer (&local),
                                      "The properties of the %s cannot be changed: ",
                                      ob_part_get_name (part));
          return FALSE;
        }
      ob_progress_warn (task->progress, FALSE,
                        "The properties of the restored %s are left as they are in the backup: %s",
                        ob_part_get_name (part), local->message);
    }
  if (n_changed > 0)
    ob_job_log (task->job, "The properties of the %s name the database and the paths that it was "
                           "restored to",
                ob_part_get_name (part));
  return TRUE;
}

GPtrArray *
ob_restore_task_list_differences (ObRestoreTask *task)
{
  GPtrArray *sentences = g_ptr_array_new_with_free_func (g_free);
  JsonObject *installation = get_member (task->manifest, "installation");
  JsonObject *paths = get_member (installation, "paths");
  JsonObject *database = get_member (installation, "database");
  const ObDatabaseConfig *config = NULL;

  add_difference (sentences, "host", ob_manifest_get_string (task->manifest, "hostname"),
                  g_get_host_name ());
  if (task->instance == NULL)
    return sentences;
  for (ObParts part = OB_PART_SOURCES; paths != NULL && part < OB_PART_ALL; part <<= 1)
    if (task->parts & part)
      {
        g_autofree char *what = g_strdup_printf ("place of the %s", ob_part_get_name (part));

        add_difference (sentences, what,
                        ob_manifest_get_string (paths, ob_part_get_name (part)),
                        ob_instance_get_path (task->instance, part));
      }
  if (database == NULL || (task->parts & OB_PART_DATABASE) == 0)
    return sentences;
  config = ob_instance_get_database (task->instance);
  add_difference (sentences, "database", ob_manifest_get_string (database, "name"), config->name);
  add_difference (sentences, "database server", ob_manifest_get_string (database, "host"),
                  config->host);
  add_difference (sentences, "database's owner", ob_manifest_get_string (database, "user"),
                  config->user);
  return sentences;
}
