/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-reader.h"

#include <string.h>

#include "ob-blob-reader.h"
#include "ob-error.h"
#include "ob-tree.h"
#include "ob-wait.h"

GPtrArray *
ob_reader_load_tree (ObRepository *repository, const ObId *id, GCancellable *cancellable,
                     GError **error)
{
  g_autoptr (ObBlobReader) reader = ob_blob_reader_new (repository);

  return ob_blob_reader_load_tree (reader, id, cancellable, error);
}

static void
set_not_found (GError **error, const char *path)
{
  g_autofree char *shown = g_filename_display_name (path);

  g_set_error (error, OB_ERROR, OB_ERROR_NOT_FOUND, "The backup holds no “%s”", shown);
}

ObNode *
ob_reader_find (ObRepository *repository, const ObId *root, const char *path,
                GCancellable *cancellable, GError **error)
{
  g_autoptr (ObBlobReader) reader = ob_blob_reader_new (repository);
  g_auto (GStrv) names = g_strsplit (path, "/", -1);
  ObId tree = *root;

  for (guint i = 0; names[i] != NULL; i++)
    {
      g_autoptr (GPtrArray) nodes
        = ob_blob_reader_load_tree (reader, &tree, cancellable, error);
      guint position;
      ObNode *node;

      if (nodes == NULL)
        return NULL;
      node = ob_tree_find (nodes, names[i]);
      if (node != NULL && names[i + 1] == NULL && g_ptr_array_find (nodes, node, &position))
        return g_ptr_array_steal_index_fast (nodes, position);
      if (node == NULL || node->type != OB_NODE_DIRECTORY)
        break;
      tree = node->subtree;
    }
  set_not_found (error, path);
  return NULL;
}

static gboolean
append_blob (ObBlobReader *reader, GByteArray *bytes, const ObId *id, gsize max,
             GCancellable *cancellable, GError **error)
{
  gsize size;
  const guint8 *data
    = ob_blob_reader_load (reader, OB_BLOB_DATA, id, &size, cancellable, error);

  if (data == NULL)
    return FALSE;
  if (size > max - bytes->len)
    {
      g_set_error (error, OB_ERROR, OB_ERROR_CORRUPT,
                   "It is larger than the %" G_GSIZE_FORMAT " bytes that such a file can have",
                   max);
      return FALSE;
    }
  g_byte_array_append (bytes, data, (guint) size);
  return TRUE;
}

GBytes *
ob_reader_load_file (ObRepository *repository, const ObNode *node, gsize max,
                     GCancellable *cancellable, GError **error)
{
  g_autoptr (ObBlobReader) reader = ob_blob_reader_new (repository);
  g_autoptr (GByteArray) bytes = g_byte_array_new ();

  max = MIN (max, G_MAXUINT);
  for (guint i = 0; node->content != NULL && i < node->content->len; i++)
    if (!append_blob (reader, bytes, &g_array_index (node->content, ObId, i), max, cancellable,
                      error))
      {
        g_autofree char *shown = g_filename_display_name (node->name);

        g_prefix_error (error, "“%s” in the backup: ", shown);
        return NULL;
      }
  return g_byte_array_free_to_bytes (g_steal_pointer (&bytes));
}
