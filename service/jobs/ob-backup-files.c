/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-backup-files.h"

#include "ob-reader.h"

/* internal methods */

static const char *
get_type_name (ObNodeType type)
{
  static const char *const names[] = {
    [OB_NODE_FILE] = "file",
    [OB_NODE_DIRECTORY] = "directory",
    [OB_NODE_SYMLINK] = "symlink",
    [OB_NODE_FIFO] = "fifo",
    [OB_NODE_CHARACTER_DEVICE] = "device",
    [OB_NODE_BLOCK_DEVICE] = "device",
  };

  return names[type];
}

static void
add_node (GVariantBuilder *builder, const ObNode *node)
{
  g_autofree char *name = g_utf8_make_valid (node->name, -1);

  g_variant_builder_open (builder, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (builder, "{sv}", "name", g_variant_new_string (name));
  g_variant_builder_add (builder, "{sv}", "type",
                         g_variant_new_string (get_type_name (node->type)));
  g_variant_builder_add (builder, "{sv}", "size", g_variant_new_uint64 (node->size));
  g_variant_builder_add (builder, "{sv}", "mode", g_variant_new_uint32 (node->mode));
  g_variant_builder_add (builder, "{sv}", "uid", g_variant_new_uint32 (node->uid));
  g_variant_builder_add (builder, "{sv}", "gid", g_variant_new_uint32 (node->gid));
  g_variant_builder_add (builder, "{sv}", "mtime",
                         g_variant_new_uint64 ((guint64) MAX (0, node->mtime.tv_sec)));
  if (node->type == OB_NODE_SYMLINK && node->link_target != NULL)
    {
      g_autofree char *target = g_utf8_make_valid (node->link_target, -1);

      g_variant_builder_add (builder, "{sv}", "target", g_variant_new_string (target));
    }
  g_variant_builder_close (builder);
}

static gboolean
add_directory (GVariantBuilder *builder, ObRepository *repository, const ObId *tree,
               guint64 offset, guint limit, GCancellable *cancellable, GError **error)
{
  g_autoptr (GPtrArray) nodes = ob_reader_load_tree (repository, tree, cancellable, error);

  if (nodes == NULL)
    return FALSE;
  for (guint64 i = offset; i < nodes->len && i - offset < limit; i++)
    add_node (builder, g_ptr_array_index (nodes, i));
  return TRUE;
}

static gboolean
list (GVariantBuilder *builder, ObRepository *repository, const ObId *root, const char *path,
      guint64 offset, guint limit, GCancellable *cancellable, GError **error)
{
  g_autoptr (ObNode) node = NULL;

  if (*path == '\0')
    return add_directory (builder, repository, root, offset, limit, cancellable, error);
  node = ob_reader_find (repository, root, path, cancellable, error);
  if (node == NULL)
    return FALSE;
  if (node->type == OB_NODE_DIRECTORY)
    return add_directory (builder, repository, &node->subtree, offset, limit, cancellable, error);
  if (offset == 0)
    add_node (builder, node);
  return TRUE;
}

/* methods of this room */

GVariant *
ob_backup_record_list_files (const ObBackupRecord *record, ObContext *context, const char *path,
                             guint64 offset, guint limit, GCancellable *cancellable,
                             GError **error)
{
  g_autoptr (ObRepository) repository
    = ob_destination_open (record->destination, context, cancellable, error);
  g_auto (GVariantBuilder) builder = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE ("aa{sv}"));

  if (limit == 0 || limit > OB_BACKUP_FILES_MAX)
    limit = OB_BACKUP_FILES_MAX;
  if (repository == NULL || !ob_repository_load_index (repository, cancellable, error)
      || !list (&builder, repository, &record->snapshot->tree, path, offset, limit, cancellable,
                error))
    return NULL;
  return g_variant_ref_sink (g_variant_builder_end (&builder));
}
