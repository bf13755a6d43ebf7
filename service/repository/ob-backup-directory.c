/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-backup-directory.h"

#include <pthread.h>

#include "ob-writer-private.h"

struct _ObBackupDirectory
{
  ObBackupDirectory *parent;
  ObDirectory *directory;
  ObNode *node;
  ObNode *previous; /* or NULL */
  gboolean has_previous_tree;
  ObId previous_tree;
  guint n_previous;

  pthread_mutex_t mutex; /* of all below */
  guint holds;
  GPtrArray *nodes;
  guint n_same; /* of the nodes */
};

ObBackupDirectory *
ob_backup_directory_new (ObBackupDirectory *parent, ObDirectory *directory, ObNode *node,
                         ObNode *previous)
{
  ObBackupDirectory *self = g_new0 (ObBackupDirectory, 1);

  if (parent != NULL)
    ob_backup_directory_hold (parent);
  self->parent = parent;
  self->directory = ob_directory_ref (directory);
  self->node = node;
  self->previous = previous;
  self->holds = 1;
  self->nodes = g_ptr_array_new_with_free_func ((GDestroyNotify) ob_node_free);
  pthread_mutex_init (&self->mutex, NULL);
  return self;
}

static void
backup_directory_free (ObBackupDirectory *self)
{
  ob_directory_unref (self->directory);
  ob_node_free (self->node);
  ob_node_free (self->previous);
  g_ptr_array_unref (self->nodes);
  pthread_mutex_destroy (&self->mutex);
  g_free (self);
}

ObDirectory *
ob_backup_directory_get (ObBackupDirectory *self)
{
  return self->directory;
}

void
ob_backup_directory_set_previous_tree (ObBackupDirectory *self, const ObId *tree, guint n_nodes)
{
  self->has_previous_tree = TRUE;
  self->previous_tree = *tree;
  self->n_previous = n_nodes;
}

void
ob_backup_directory_hold (ObBackupDirectory *self)
{
  pthread_mutex_lock (&self->mutex);
  self->holds++;
  pthread_mutex_unlock (&self->mutex);
}

void
ob_backup_directory_add (ObBackupDirectory *self, ObNode *node, gboolean is_same)
{
  pthread_mutex_lock (&self->mutex);
  g_ptr_array_add (self->nodes, node);
  if (is_same)
    self->n_same++;
  pthread_mutex_unlock (&self->mutex);
}

/* Whether it was the last hold. */
static gboolean
drop_hold (ObBackupDirectory *self)
{
  gboolean last;

  pthread_mutex_lock (&self->mutex);
  last = --self->holds == 0;
  pthread_mutex_unlock (&self->mutex);
  return last;
}

/* All entries have come. */
static gboolean
store_tree (ObBackupDirectory *self, ObWriter *writer, GError **error)
{
  g_autofree char *where = NULL;

  if (self->has_previous_tree && self->n_same == self->n_previous
      && self->nodes->len == self->n_previous)
    {
      self->node->subtree = self->previous_tree;
      ob_writer_reuse_tree (writer, self->nodes, &self->previous_tree);
      return TRUE;
    }
  if (ob_writer_add_tree (writer, self->nodes, &self->node->subtree, error))
    return TRUE;
  where = ob_directory_describe (self->directory, NULL);
  g_prefix_error (error, "Directory “%s”: ", where);
  return FALSE;
}

gboolean
ob_backup_directory_release (ObBackupDirectory *self, ObWriter *writer, ObNode **root,
                             GError **error)
{
  gboolean ok = TRUE;

  while (self != NULL && drop_hold (self))
    {
      ObBackupDirectory *parent = self->parent;

      ok = ok && store_tree (self, writer, error);
      if (ok && parent != NULL)
        {
          gboolean is_same
            = self->previous != NULL && ob_node_is_equal (self->node, self->previous);

          ob_backup_directory_add (parent, g_steal_pointer (&self->node), is_same);
        }
      else if (ok)
        *root = g_steal_pointer (&self->node);
      backup_directory_free (self);
      self = parent;
    }
  return ok;
}
