/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A directory as restic stores it: anybody may have written it who has the key. */
#include "ob-tree.h"

#include <string.h>

#include "driver.h"

static const ObFuzzSeed seeds[] = {
  OB_FUZZ_SEED ("{\"nodes\":[{\"name\":\"hello.txt\",\"type\":\"file\",\"mode\":420,\"mtime\":\"2"
                "023-04-05T06:07:08.123456789+02:00\",\"atime\":\"2023-04-05T06:07:08Z\",\"ctime"
                "\":\"2026-11-25T05:15:10.9Z\",\"uid\":1000,\"gid\":1000,\"user\":\"erp\",\"group"
                "\":\"erp\",\"inode\":4711,\"device_id\":64768,\"size\":6,\"links\":1,\"content\""
                ":[\"5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03\",\"5891b5b"
                "522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03\"]}]}\n"),
  OB_FUZZ_SEED ("{\"nodes\":[{\"name\":\"caf\\\\xe9 \\\\u200b\\\\\\\"\",\"type\":\"dir\",\"mode\""
                ":2147484141,\"mtime\":\"2023-04-05T06:07:08Z\",\"atime\":\"2023-04-05T06:07:08Z"
                "\",\"ctime\":\"2023-04-05T06:07:08Z\",\"uid\":0,\"gid\":0,\"content\":null,\"sub"
                "tree\":\"52354c32f4c023e02c10ba57a6765018b701cba99397cfc7fc73d6161cd3fe56\"},{\""
                "name\":\"l\\u00e4nk\",\"type\":\"symlink\",\"mode\":134218239,\"mtime\":\"0001-0"
                "1-01T00:00:00Z\",\"uid\":0,\"gid\":0,\"links\":1,\"linktarget\":\"../x\\ufffd\","
                "\"linktarget_raw\":\"Li4veP8=\",\"content\":null},{\"name\":\"p\",\"type\":\"fif"
                "o\",\"mode\":33554852,\"extended_attributes\":[{\"name\":\"user.a\",\"value\":\""
                "AAEC\"},{\"name\":\"security.selinux\",\"value\":null}]},{\"name\":\"s\",\"type"
                "\":\"socket\"},{\"name\":\"t\",\"type\":\"chardev\",\"mode\":69206416,\"device\""
                ":1283,\"new\":{\"a\":[1,-2.5e3,null,true]}}]}"),
  OB_FUZZ_SEED ("{\"nodes\":null}"),
  OB_FUZZ_SEED ("{\"nodes\":[{\"name\":\"l\",\"type\":\"symlink\",\"linktarget_raw\":\"L\"}]}"),
  OB_FUZZ_SEED ("{\"new\":[[],{}],\"nodes\":[{\"subtree\":\"52354c32f4c023e02c10ba57a6765018b701c"
                "ba99397cfc7fc73d6161cd3fe56\",\"type\":\"dir\",\"name\":\"b\"},{\"name\":\"a\","
                "\"type\":\"file\",\"content\":[]},{\"name\":\"\\u002e\\u002e\",\"type\":\"file\""
                "},{\"name\":\"\\\\x2e\\\\x2e/\\\\057\",\"type\":\"dir\"}]}"),
};

OB_FUZZ_EXPORT_SEEDS (seeds)


/* What is made of a tree is within its text, and its names stay in their directory. */
static void
check_nodes (GPtrArray *nodes, gsize size)
{
  gsize content = 0;

  g_assert_cmpuint (nodes->len, <=, size / strlen ("{\"name\":\"\"}"));
  for (guint i = 0; i < nodes->len; i++)
    {
      const ObNode *node = g_ptr_array_index (nodes, i);
      const ObNode *before = i > 0 ? g_ptr_array_index (nodes, i - 1) : NULL;

      g_assert_true (ob_tree_name_is_valid (node->name, strlen (node->name)));
      g_assert_null (strchr (node->name, '/'));
      g_assert_cmpstr (node->name, !=, "..");
      g_assert_cmpstr (node->name, !=, ".");
      g_assert_true (before == NULL || strcmp (before->name, node->name) < 0);
      g_assert_true (ob_tree_find (nodes, node->name) == node);
      g_assert_true (node->type != OB_NODE_SYMLINK || *node->link_target != '\0');
      g_assert_cmpuint (node->mode & ~(mode_t) 07777, ==, 0);
      content += node->content != NULL ? node->content->len : 0;
    }
  g_assert_cmpuint (content, <=, size / (OB_ID_HEX_SIZE - 1));
}

static GString *
print (GPtrArray *nodes)
{
  g_autoptr (GError) error = NULL;
  GString *text = ob_tree_to_json (nodes, &error);

  g_assert_no_error (error);
  return text;
}

static GPtrArray *
parse (const GString *text)
{
  g_autoptr (GError) error = NULL;
  GPtrArray *nodes = ob_tree_from_json (text->str, text->len, &error);

  g_assert_no_error (error);
  return nodes;
}

/* What we write of it we read again as it was; but for texts that are no UTF-8, which are the same
 * from the second time on, as with Go. */
static void
check_again (GPtrArray *nodes)
{
  g_autoptr (GString) text = print (nodes);
  g_autoptr (GPtrArray) again = parse (text);
  g_autoptr (GString) text_again = print (again);
  g_autoptr (GPtrArray) third = parse (text_again);
  g_autoptr (GString) text_third = print (third);

  g_assert_cmpuint (again->len, ==, nodes->len);
  for (guint i = 0; i < nodes->len; i++)
    {
      const ObNode *node = g_ptr_array_index (nodes, i);
      const ObNode *other = g_ptr_array_index (again, i);

      g_assert_cmpstr (node->name, ==, other->name);
      g_assert_cmpint (node->type, ==, other->type);
      g_assert_cmpuint (node->mode, ==, other->mode);
      if (node->type == OB_NODE_SYMLINK)
        g_assert_cmpstr (node->link_target, ==, other->link_target);
    }
  g_assert_cmpstr (text_again->str, ==, text_third->str);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) nodes = ob_tree_from_json ((const char *) data, size, &error);

  g_assert_true ((nodes == NULL) == (error != NULL));
  if (nodes != NULL)
    {
      check_nodes (nodes, size);
      check_again (nodes);
    }
  return 0;
}
