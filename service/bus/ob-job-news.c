/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-job-news.h"

#include <string.h>

#include "ob-instance-object.h"

/* internal methods */

static void
tell_deletion (ObManager *manager, GVariant *result)
{
  g_autoptr (GPtrArray) objects = ob_manager_list_instance_objects (manager);

  for (guint i = 0; i < objects->len; i++)
    ob_instance_object_take_deletion (g_ptr_array_index (objects, i), result);
}

/* Each instance learns how the drill of its backup ended. */
static void
tell_drills (ObManager *manager, ObJob *job, GVariant *result)
{
  g_autoptr (GVariant) backups
    = g_variant_lookup_value (result, "backups", G_VARIANT_TYPE ("aa{sv}"));
  GVariantIter iter = { 0 };
  GVariant *backup = NULL;

  if (backups == NULL)
    return;
  g_variant_iter_init (&iter, backups);
  while (g_variant_iter_loop (&iter, "@a{sv}", &backup))
    {
      const char *name = "";
      ObInstanceObject *object = NULL;

      g_variant_lookup (backup, "instance", "&s", &name);
      object = ob_manager_get_instance_object (manager, name);
      if (object != NULL)
        ob_instance_object_take_drill (object, (guint64) ob_job_get_end_time (job), backup);
    }
}

/* public methods */

void
ob_job_news_tell (ObManager *manager, ObDBusBackup1 *root, ObJob *job)
{
  const char *operation = ob_job_get_operation (job);
  g_autoptr (GVariant) result = ob_job_dup_result (job);
  g_autofree const char **removed = NULL;
  const char *id = NULL;

  if (strcmp (operation, "backup") == 0 && g_variant_lookup (result, "id", "&s", &id))
    ob_dbus_backup1_emit_backup_added (root, id);
  if (strcmp (operation, "drill") == 0)
    tell_drills (manager, job, result);
  if ((strcmp (operation, "delete") == 0 || strcmp (operation, "retention") == 0)
      && g_variant_lookup (result, "removed", "^a&s", &removed) && *removed != NULL)
    {
      tell_deletion (manager, result);
      ob_dbus_backup1_emit_backups_removed (root, removed);
    }
}
