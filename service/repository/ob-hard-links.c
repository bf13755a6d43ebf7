/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-hard-links.h"

#include <string.h>

struct _ObHardLink
{
  guint64 device_id;
  guint64 inode;
  guint64 size;
  GArray *content; /* of ObId, or NULL */
  ObNodeType type;
  guint64 device;    /* of a device node */
  char *link_target; /* or NULL */
  ObDirectory *directory;
  char *name;
};

struct _ObHardLinks
{
  GHashTable *links; /* of ObHardLink: key and value */
};

static guint
hash_link (gconstpointer data)
{
  const ObHardLink *link = data;

  return (guint) (link->inode * G_GUINT64_CONSTANT (0x9e3779b97f4a7c15) >> 32)
         ^ (guint) link->device_id;
}

static gboolean
equal_content (const GArray *a, const GArray *b)
{
  guint n = a != NULL ? a->len : 0;

  return n == (b != NULL ? b->len : 0)
         && (n == 0 || memcmp (a->data, b->data, n * sizeof (ObId)) == 0);
}

static gboolean
equal_links (gconstpointer a, gconstpointer b)
{
  const ObHardLink *link_a = a;
  const ObHardLink *link_b = b;

  return link_a->inode == link_b->inode && link_a->device_id == link_b->device_id
         && link_a->size == link_b->size && link_a->type == link_b->type
         && link_a->device == link_b->device
         && g_strcmp0 (link_a->link_target, link_b->link_target) == 0
         && equal_content (link_a->content, link_b->content);
}

static void
link_free (gpointer data)
{
  ObHardLink *link = data;

  g_clear_pointer (&link->content, g_array_unref);
  ob_directory_unref (link->directory);
  g_free (link->link_target);
  g_free (link->name);
  g_free (link);
}

ObHardLinks *
ob_hard_links_new (void)
{
  ObHardLinks *links = g_new0 (ObHardLinks, 1);

  links->links = g_hash_table_new_full (hash_link, equal_links, link_free, NULL);
  return links;
}

void
ob_hard_links_free (ObHardLinks *links)
{
  g_hash_table_unref (links->links);
  g_free (links);
}

const ObHardLink *
ob_hard_links_find (ObHardLinks *links, ObDirectory *directory, const ObNode *node)
{
  ObHardLink probe = { .device_id = node->device_id,
                       .inode = node->inode,
                       .size = node->size,
                       .content = node->content,
                       .type = node->type,
                       .device = node->device,
                       .link_target = node->link_target };
  ObHardLink *link;

  if (node->links <= 1 || node->inode == 0)
    return NULL;
  link = g_hash_table_lookup (links->links, &probe);
  if (link != NULL)
    return link;

  link = g_memdup2 (&probe, sizeof probe);
  link->content = node->content != NULL ? g_array_ref (node->content) : NULL;
  link->link_target = g_strdup (node->link_target);
  link->directory = ob_directory_ref (directory);
  link->name = g_strdup (node->name);
  g_hash_table_add (links->links, link);
  return NULL;
}

ObDirectory *
ob_hard_link_get_directory (const ObHardLink *link)
{
  return link->directory;
}

const char *
ob_hard_link_get_name (const ObHardLink *link)
{
  return link->name;
}
