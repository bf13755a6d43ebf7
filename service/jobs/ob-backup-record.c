/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A backup as clients see it. */
#include <string.h>

#include "ob-catalogue.h"
#include "ob-error.h"
#include "ob-manifest.h"
#include "ob-reader.h"
#include "ob-verify.h"

#define MAX_LISTED 10000 /* modules, warnings */

/* internal methods */

static void
insert_string (GVariantDict *dict, const char *key, const char *value)
{
  if (value != NULL && *value != '\0')
    g_variant_dict_insert (dict, key, "s", value);
}

static void
insert_strings (GVariantDict *dict, const char *key, JsonObject *object, const char *member)
{
  JsonArray *array = ob_manifest_get_array (object, member);
  GVariantBuilder builder = { 0 };

  g_variant_builder_init (&builder, G_VARIANT_TYPE_STRING_ARRAY);
  for (guint i = 0; array != NULL && i < json_array_get_length (array) && i < MAX_LISTED; i++)
    {
      JsonNode *node = json_array_get_element (array, i);

      if (json_node_get_value_type (node) == G_TYPE_STRING)
        g_variant_builder_add (&builder, "s", ob_manifest_read_string (node));
    }
  g_variant_dict_insert_value (dict, key, g_variant_builder_end (&builder));
}

static void
insert_number (GVariantDict *dict, const char *key, JsonObject *summary)
{
  if (json_object_has_member (summary, key))
    g_variant_dict_insert (dict, key, "t", ob_manifest_get_number (summary, key));
}

static void
insert_sizes (GVariantDict *dict, JsonObject *summary)
{
  JsonObject *sizes = ob_manifest_get_object (summary, "sizes");
  GVariantBuilder builder = { 0 };

  if (sizes == NULL)
    return;
  g_variant_builder_init (&builder, G_VARIANT_TYPE ("a{st}"));
  for (ObParts part = OB_PART_DATABASE; part < OB_PART_ALL; part <<= 1)
    {
      const char *name = ob_part_get_name (part);

      if (json_object_has_member (sizes, name))
        g_variant_builder_add (&builder, "{st}", name, ob_manifest_get_number (sizes, name));
    }
  g_variant_dict_insert_value (dict, "sizes", g_variant_builder_end (&builder));
}

static void
insert_modules (GVariantDict *dict, JsonObject *summary)
{
  static const char *const members[] = { "name", "package", "version" };
  JsonArray *modules = ob_manifest_get_array (summary, "modules");
  GVariantBuilder builder = { 0 };

  if (modules == NULL)
    return;
  g_variant_builder_init (&builder, G_VARIANT_TYPE ("aa{ss}"));
  for (guint i = 0; i < json_array_get_length (modules) && i < MAX_LISTED; i++)
    {
      JsonNode *node = json_array_get_element (modules, i);

      if (!JSON_NODE_HOLDS_OBJECT (node))
        continue;
      g_variant_builder_open (&builder, G_VARIANT_TYPE ("a{ss}"));
      for (gsize m = 0; m < G_N_ELEMENTS (members); m++)
        g_variant_builder_add (&builder, "{ss}", members[m],
                               ob_manifest_get_string (json_node_get_object (node), members[m]));
      g_variant_builder_close (&builder);
    }
  g_variant_dict_insert_value (dict, "modules", g_variant_builder_end (&builder));
}

static void
insert_parts (GVariantDict *dict, JsonObject *summary)
{
  ObParts parts = ob_manifest_get_parts (summary);
  GVariantBuilder builder = { 0 };

  g_variant_builder_init (&builder, G_VARIANT_TYPE_STRING_ARRAY);
  for (ObParts part = OB_PART_DATABASE; part < OB_PART_ALL; part <<= 1)
    if (parts & part)
      g_variant_builder_add (&builder, "s", ob_part_get_name (part));
  g_variant_dict_insert_value (dict, "parts", g_variant_builder_end (&builder));
}

static void
insert_summary (GVariantDict *dict, JsonObject *summary)
{
  insert_string (dict, "result", ob_manifest_get_string (summary, "result"));
  insert_number (dict, "duration", summary);
  insert_number (dict, "size", summary);
  insert_number (dict, "stored", summary);
  insert_number (dict, "files", summary);
  insert_parts (dict, summary);
  insert_sizes (dict, summary);
  insert_modules (dict, summary);
  insert_strings (dict, "warnings", summary, "warnings");
}

/* What a repair found to be lost, of other tools' snapshots too. */
static void
insert_losses (GVariantDict *dict, const ObSnapshot *snapshot)
{
  JsonObject *lost = snapshot->obbackup != NULL
                       ? ob_manifest_get_object (snapshot->obbackup, "lost")
                       : NULL;

  if (lost != NULL || ob_snapshot_has_tag (snapshot, OB_VERIFY_INCOMPLETE_TAG))
    insert_string (dict, "result", "partial");
  if (lost == NULL)
    return;
  g_variant_dict_insert (dict, "n-lost", "t", ob_manifest_get_number (lost, "files"));
  insert_strings (dict, "lost", lost, "paths");
}

static void
insert_verified (GVariantDict *dict, const ObVerified *verified)
{
  if (verified->proven > 0)
    {
      g_variant_dict_insert (dict, "proven", "t", (guint64) verified->proven);
      insert_string (dict, "proven-result", verified->proof ? "proven" : "failed");
    }
  if (verified->time == 0)
    return;
  g_variant_dict_insert (dict, "verified", "t", (guint64) verified->time);
  insert_string (dict, "verified-result", verified->sound ? "sound" : "damaged");
  insert_string (dict, "verified-depth", ob_verified_depth_get_name (verified->depth));
  if (verified->read > 0)
    g_variant_dict_insert (dict, "verified-data", "t", (guint64) verified->read);
}

/* public methods */

void
ob_backup_record_free (ObBackupRecord *record)
{
  if (record == NULL)
    return;
  g_clear_pointer (&record->destination, ob_destination_unref);
  g_clear_pointer (&record->snapshot, ob_snapshot_free);
  g_free (record);
}

gboolean
ob_backup_record_is_foreign (const ObBackupRecord *record)
{
  return !ob_snapshot_has_tag (record->snapshot, "obbackup");
}

gboolean
ob_backup_record_is_complete (const ObBackupRecord *record)
{
  const ObSnapshot *snapshot = record->snapshot;

  return snapshot->obbackup != NULL
         && strcmp (ob_manifest_get_string (snapshot->obbackup, "result"), "complete") == 0
         && !ob_snapshot_has_tag (snapshot, OB_VERIFY_INCOMPLETE_TAG);
}

gboolean
ob_backup_record_is_damaged (const ObBackupRecord *record)
{
  return record->verified.time > 0 && !record->verified.sound;
}

gboolean
ob_backup_record_has_failed (const ObBackupRecord *record)
{
  return record->verified.proven > 0 && !record->verified.proof;
}

GVariant *
ob_backup_record_describe (const ObBackupRecord *record)
{
  const ObSnapshot *snapshot = record->snapshot;
  const char *kind = ob_snapshot_get_tag (snapshot, "kind");
  gboolean foreign = ob_backup_record_is_foreign (record);
  GVariantDict dict = { 0 };
  char hex[OB_ID_HEX_SIZE];

  ob_id_to_hex (ob_snapshot_get_public_id (snapshot), hex);
  g_variant_dict_init (&dict, NULL);
  insert_string (&dict, "id", hex);
  insert_string (&dict, "destination", ob_destination_get_name (record->destination));
  insert_string (&dict, "kind", foreign ? "foreign" : kind != NULL ? kind : "manual");
  g_variant_dict_insert (&dict, "time", "t", (guint64) MAX (snapshot->time.tv_sec, 0));
  g_variant_dict_insert (&dict, "pinned", "b", ob_snapshot_has_tag (snapshot, "pinned"));
  if (snapshot->hostname != NULL)
    {
      g_autofree char *hostname = g_utf8_make_valid (snapshot->hostname, -1);

      insert_string (&dict, "hostname", hostname);
    }
  insert_string (&dict, "label", ob_snapshot_get_tag (snapshot, "label"));
  insert_string (&dict, "schedule", ob_snapshot_get_tag (snapshot, "schedule"));
  if (!foreign)
    insert_string (&dict, "instance", ob_snapshot_get_tag (snapshot, "instance"));
  if (!foreign && snapshot->obbackup != NULL)
    insert_summary (&dict, snapshot->obbackup);
  insert_losses (&dict, snapshot);
  insert_verified (&dict, &record->verified);
  return g_variant_ref_sink (g_variant_dict_end (&dict));
}

char *
ob_backup_record_load_manifest (const ObBackupRecord *record, ObContext *context,
                                GCancellable *cancellable, GError **error)
{
  g_autoptr (GError) local = NULL;
  g_autoptr (ObRepository) repository = NULL;
  g_autoptr (ObNode) node = NULL;
  g_autoptr (GBytes) bytes = NULL;

  repository = ob_destination_open (record->destination, context, cancellable, error);
  if (repository == NULL || !ob_repository_load_index (repository, cancellable, error))
    return NULL;
  node = ob_reader_find (repository, &record->snapshot->tree, OB_MANIFEST_FILE, cancellable,
                         &local);
  if (node == NULL)
    {
      if (!g_error_matches (local, OB_ERROR, OB_ERROR_NOT_FOUND))
        g_propagate_error (error, g_steal_pointer (&local));
      return NULL;
    }
  if (node->type != OB_NODE_FILE)
    return NULL;
  bytes = ob_reader_load_file (repository, node, OB_MANIFEST_MAX_SIZE, cancellable, error);
  if (bytes == NULL)
    return NULL;
  return g_strndup (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
}
