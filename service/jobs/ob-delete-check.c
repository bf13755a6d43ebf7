/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-delete-check.h"

#include <string.h>

#include "ob-error.h"
#include "ob-manifest.h"

static const char *
get_instance (const ObBackupRecord *record)
{
  return ob_backup_record_is_foreign (record) ? NULL
                                              : ob_snapshot_get_tag (record->snapshot, "instance");
}

/* The parts that it holds whole: 0 where data was lost, where nobody can tell, or where a
 * verification has found damage or a drill could not restore it. */
static ObParts
get_good_parts (const ObBackupRecord *record)
{
  if (!ob_backup_record_is_complete (record) || ob_backup_record_is_damaged (record)
      || ob_backup_record_has_failed (record))
    return 0;
  return ob_manifest_get_parts (record->snapshot->obbackup);
}

static char *
describe (const ObBackupRecord *record)
{
  g_autoptr (GDateTime) time = g_date_time_new_from_unix_local (record->snapshot->time.tv_sec);
  g_autofree char *when = time != NULL ? g_date_time_format (time, "%Y-%m-%d %H:%M") : NULL;
  char hex[OB_ID_HEX_SIZE];

  ob_id_to_hex (ob_snapshot_get_public_id (record->snapshot), hex);
  return g_strdup_printf ("%.8s of %s at destination %s", hex, when != NULL ? when : "long ago",
                          ob_destination_get_name (record->destination));
}

/* Whether it goes: it is one of the picked, or one of them seen by way of another destination
 * that is the same repository. */
static gboolean
goes (GPtrArray *picked, const ObBackupRecord *record)
{
  for (guint i = 0; i < picked->len; i++)
    {
      const ObBackupRecord *other = g_ptr_array_index (picked, i);

      if (ob_id_equal (ob_snapshot_get_public_id (record->snapshot),
                       ob_snapshot_get_public_id (other->snapshot))
          && strcmp (ob_destination_get_repository_id (record->destination),
                     ob_destination_get_repository_id (other->destination))
               == 0)
        return TRUE;
    }
  return FALSE;
}

/* What stays of the instance. */
static void
look_at_rest (GPtrArray *records, GPtrArray *picked, const char *instance, ObParts *good,
              guint *n_left)
{
  *good = 0;
  *n_left = 0;
  for (guint i = 0; i < records->len; i++)
    {
      ObBackupRecord *record = g_ptr_array_index (records, i);

      if (g_strcmp0 (get_instance (record), instance) != 0 || goes (picked, record))
        continue;
      *good |= get_good_parts (record);
      (*n_left)++;
    }
}

static gboolean
check_one (GPtrArray *records, GPtrArray *picked, const ObBackupRecord *record, GError **error)
{
  const char *instance = get_instance (record);
  g_autofree char *what = describe (record);
  g_autofree char *parts = NULL;
  ObParts good;
  guint n_left;

  if (ob_snapshot_has_tag (record->snapshot, "pinned"))
    {
      g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                   "Backup %s is pinned; it is deleted only by force", what);
      return FALSE;
    }
  if (instance == NULL)
    return TRUE;

  look_at_rest (records, picked, instance, &good, &n_left);
  good = get_good_parts (record) & ~good;
  if (good == 0 && n_left > 0)
    return TRUE;
  parts = ob_parts_to_text (good);
  if (good != 0)
    g_set_error (error, OB_ERROR, OB_ERROR_WOULD_DELETE_LAST,
                 "Backup %s is the last good one of %s that holds %s; it is deleted only by force",
                 what, instance, parts);
  else
    g_set_error (error, OB_ERROR, OB_ERROR_WOULD_DELETE_LAST,
                 "Backup %s is the last one of %s; it is deleted only by force", what, instance);
  return FALSE;
}

gboolean
ob_delete_check (GPtrArray *records, GPtrArray *picked, GError **error)
{
  /* Newest first, as they are listed: that one is named. */
  for (guint i = 0; i < records->len; i++)
    {
      ObBackupRecord *record = g_ptr_array_index (records, i);

      if (g_ptr_array_find (picked, record, NULL)
          && !check_one (records, picked, record, error))
        return FALSE;
    }
  return TRUE;
}

/* @records: newest first. */
static guint64
get_newest_good (GPtrArray *records, GPtrArray *picked, const char *instance)
{
  for (guint i = 0; i < records->len; i++)
    {
      const ObBackupRecord *record = g_ptr_array_index (records, i);

      if (g_strcmp0 (get_instance (record), instance) == 0 && get_good_parts (record) != 0
          && !goes (picked, record))
        return (guint64) MAX (record->snapshot->time.tv_sec, 0);
    }
  return 0;
}

GVariant *
ob_delete_list_remaining (GPtrArray *records, GPtrArray *picked)
{
  g_autoptr (GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("a{st}"));
  for (guint i = 0; i < picked->len; i++)
    {
      const char *instance = get_instance (g_ptr_array_index (picked, i));

      if (instance != NULL && g_hash_table_add (seen, (gpointer) instance))
        g_variant_builder_add (&builder, "{st}", instance,
                               get_newest_good (records, picked, instance));
    }
  return g_variant_builder_end (&builder);
}
