/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-hard-links.h"

#include <fcntl.h>

#include "ob-fd.h"

typedef struct
{
  int fd;
  ObDirectory *root;
  ObDirectory *below;
  ObHardLinks *links;
} Links;

static void
set_up (Links *links, gconstpointer data)
{
  links->fd = open ("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  g_assert_cmpint (links->fd, >=, 0);
  links->root = ob_directory_new_root (links->fd, "/", 4);
  links->below = ob_directory_new_child (links->root, "below", 0, 0);
  links->links = ob_hard_links_new ();
}

static void
tear_down (Links *links, gconstpointer data)
{
  ob_hard_links_free (links->links);
  ob_directory_unref (links->below);
  ob_directory_unref (links->root);
  ob_fd_clear (&links->fd);
}

/* With two names, inode 7 of device 3. */
static ObNode *
make_node (ObNodeType type, const char *name)
{
  ObNode *node = g_new0 (ObNode, 1);

  node->type = type;
  node->name = g_strdup (name);
  node->links = 2;
  node->inode = 7;
  node->device_id = 3;
  return node;
}

static ObNode *
make_file (const char *name, const char *content)
{
  ObNode *node = make_node (OB_NODE_FILE, name);
  ObId id;

  node->content = g_array_new (FALSE, FALSE, sizeof (ObId));
  for (const char *p = content; *p != '\0'; p++)
    {
      ob_id_of (p, 1, &id);
      g_array_append_val (node->content, id);
      node->size += 10;
    }
  return node;
}

/* Asks for @node, which is freed then: the links must not live on it. NULL: it is the first. */
static const char *
ask (Links *links, ObNode *node)
{
  const ObHardLink *link = ob_hard_links_find (links->links, links->below, node);

  ob_node_free (node);
  if (link == NULL)
    return NULL;
  g_assert_true (ob_hard_link_get_directory (link) == links->below);
  return ob_hard_link_get_name (link);
}

static void
test_files (Links *links, gconstpointer data)
{
  ObNode *other;

  g_assert_null (ask (links, make_file ("first", "ab")));
  g_assert_cmpstr (ask (links, make_file ("second", "ab")), ==, "first");
  g_assert_cmpstr (ask (links, make_file ("third", "ab")), ==, "first");

  other = make_file ("elsewhere", "ab");
  other->inode = 8;
  g_assert_null (ask (links, other));
  other = make_file ("other disk", "ab");
  other->device_id = 4;
  g_assert_null (ask (links, other));
  /* where the first was restored, not where it is asked for */
  other = make_file ("fourth", "ab");
  g_assert_true (ob_hard_link_get_directory (ob_hard_links_find (links->links, links->root, other))
                 == links->below);
  ob_node_free (other);
}

static void
test_empty (Links *links, gconstpointer data)
{
  ObNode *no_content = make_node (OB_NODE_FILE, "third");

  g_assert_null (ask (links, make_file ("first", "")));
  g_assert_cmpstr (ask (links, make_file ("second", "")), ==, "first");
  g_assert_cmpstr (ask (links, no_content), ==, "first");
}

/* Backups of several hosts may have other files under the same inode. */
static void
test_content_decides (Links *links, gconstpointer data)
{
  ObNode *size = make_file ("size", "ab");

  g_assert_null (ask (links, make_file ("ab", "ab")));
  g_assert_null (ask (links, make_file ("ba", "ba")));
  g_assert_null (ask (links, make_file ("a", "a")));
  g_assert_null (ask (links, make_file ("abc", "abc")));
  size->size++;
  g_assert_null (ask (links, size));
  g_assert_cmpstr (ask (links, make_file ("again", "ab")), ==, "ab");
  g_assert_cmpstr (ask (links, make_file ("again", "ba")), ==, "ba");
}

static ObNode *
make_symlink (const char *name, const char *target)
{
  ObNode *node = make_node (OB_NODE_SYMLINK, name);

  node->link_target = g_strdup (target);
  return node;
}

static ObNode *
make_device (const char *name, ObNodeType type, guint64 device)
{
  ObNode *node = make_node (type, name);

  node->device = device;
  return node;
}

/* What has no content is told apart by its type and by what it stands for. */
static void
test_type_and_target_decide (Links *links, gconstpointer data)
{
  g_assert_null (ask (links, make_file ("file", "")));
  g_assert_null (ask (links, make_symlink ("to a", "a")));
  g_assert_null (ask (links, make_symlink ("to b", "b")));
  g_assert_null (ask (links, make_node (OB_NODE_FIFO, "fifo")));
  g_assert_null (ask (links, make_device ("tty", OB_NODE_CHARACTER_DEVICE, 0x501)));
  g_assert_null (ask (links, make_device ("disk", OB_NODE_BLOCK_DEVICE, 0x501)));
  g_assert_null (ask (links, make_device ("null", OB_NODE_CHARACTER_DEVICE, 0x103)));

  g_assert_cmpstr (ask (links, make_file ("x", "")), ==, "file");
  g_assert_cmpstr (ask (links, make_symlink ("x", "a")), ==, "to a");
  g_assert_cmpstr (ask (links, make_symlink ("x", "b")), ==, "to b");
  g_assert_cmpstr (ask (links, make_node (OB_NODE_FIFO, "x")), ==, "fifo");
  g_assert_cmpstr (ask (links, make_device ("x", OB_NODE_CHARACTER_DEVICE, 0x501)), ==, "tty");
  g_assert_cmpstr (ask (links, make_device ("x", OB_NODE_BLOCK_DEVICE, 0x501)), ==, "disk");
  g_assert_cmpstr (ask (links, make_device ("x", OB_NODE_CHARACTER_DEVICE, 0x103)), ==, "null");
}

/* One name only, or none to know it by: never a link, and never what another one is a link to. */
static void
test_single (Links *links, gconstpointer data)
{
  for (guint i = 0; i < 2; i++)
    {
      ObNode *single = make_file ("single", "ab");
      ObNode *none = make_file ("none", "ab");
      ObNode *nameless = make_file ("nameless", "ab");

      single->links = 1;
      none->links = 0;
      nameless->inode = 0;
      g_assert_null (ask (links, single));
      g_assert_null (ask (links, none));
      g_assert_null (ask (links, nameless));
    }
  g_assert_null (ask (links, make_file ("first", "ab")));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, func) g_test_add ("/hard-links/" name, Links, NULL, set_up, func, tear_down)
  ADD ("files", test_files);
  ADD ("empty", test_empty);
  ADD ("content-decides", test_content_decides);
  ADD ("type-and-target-decide", test_type_and_target_decide);
  ADD ("single", test_single);
  return g_test_run ();
}
