/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-tree.h"

#include <string.h>

#include "core-fixture.h"
#include "ob-blob-reader.h"
#include "ob-error.h"
#include "restic-vectors.h"

#define ID "\"5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03\""

static GPtrArray *
parse (const char *text)
{
  g_autoptr (GError) error = NULL;
  GPtrArray *nodes = ob_tree_from_json (text, strlen (text), &error);

  g_assert_no_error (error);
  return nodes;
}

static GString *
print (GPtrArray *nodes)
{
  g_autoptr (GError) error = NULL;
  GString *text = ob_tree_to_json (nodes, &error);

  g_assert_no_error (error);
  return text;
}

/* What restic wrote we write as well, byte for byte: its blob has the same name. */
static void
test_restic (CoreFixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ObBlobReader) reader = NULL;
  g_autoptr (GPtrArray) nodes = NULL;
  g_autoptr (GString) text = NULL;
  const ObNode *node;
  ObId wanted, id;

  fixture->repository = ob_repository_open (fixture->store, RESTIC_PASSPHRASE, NULL, &error);
  g_assert_no_error (error);
  ob_repository_load_index (fixture->repository, NULL, &error);
  g_assert_no_error (error);
  reader = ob_blob_reader_new (fixture->repository);
  g_assert_true (ob_id_from_hex (RESTIC_TREE_BLOB, &wanted));
  nodes = ob_blob_reader_load_tree (reader, &wanted, NULL, &error);
  g_assert_no_error (error);

  g_assert_cmpuint (nodes->len, ==, 1);
  node = g_ptr_array_index (nodes, 0);
  g_assert_cmpstr (node->name, ==, "hello.txt");
  g_assert_cmpint (node->type, ==, OB_NODE_FILE);
  g_assert_cmpuint (node->size, ==, 6);
  g_assert_cmpuint (node->content->len, ==, 1);

  text = print (nodes);
  g_assert_cmpuint (text->len, ==, RESTIC_TREE_PLAIN_LENGTH);
  ob_id_of (text->str, text->len, &id);
  g_assert_true (ob_id_equal (&id, &wanted));
}

static ObNode *
make_node (const char *name, ObNodeType type)
{
  ObNode *node = g_new0 (ObNode, 1);

  node->type = type;
  node->name = g_strdup (name);
  node->mode = 0751;
  node->mtime = (struct timespec){ 1680674828, 123456789 };
  node->atime = (struct timespec){ 1680674829, 0 };
  node->ctime = (struct timespec){ -1, 5 };
  node->uid = 1000;
  node->gid = 4294967294;
  node->links = 1;
  if (type == OB_NODE_FILE)
    node->content = g_array_new (FALSE, FALSE, sizeof (ObId));
  return node;
}

static void
assert_equal_times (const struct timespec *a, const struct timespec *b)
{
  g_assert_cmpint (a->tv_sec, ==, b->tv_sec);
  g_assert_cmpint (a->tv_nsec, ==, b->tv_nsec);
}

static void
assert_equal_nodes (const ObNode *a, const ObNode *b)
{
  g_assert_cmpint (a->type, ==, b->type);
  g_assert_cmpstr (a->name, ==, b->name);
  g_assert_cmpuint (a->mode, ==, b->mode);
  assert_equal_times (&a->mtime, &b->mtime);
  assert_equal_times (&a->atime, &b->atime);
  assert_equal_times (&a->ctime, &b->ctime);
  g_assert_cmpuint (a->uid, ==, b->uid);
  g_assert_cmpuint (a->gid, ==, b->gid);
  g_assert_cmpstr (a->user, ==, b->user);
  g_assert_cmpstr (a->group, ==, b->group);
  g_assert_cmpuint (a->inode, ==, b->inode);
  g_assert_cmpuint (a->device_id, ==, b->device_id);
  g_assert_cmpuint (a->links, ==, b->links);
  g_assert_cmpuint (a->size, ==, b->size);
  g_assert_cmpuint (a->device, ==, b->device);
  g_assert_cmpstr (a->link_target, ==, b->link_target);
  g_assert_cmpmem (a->content != NULL ? a->content->data : NULL,
                   a->content != NULL ? a->content->len * sizeof (ObId) : 0,
                   b->content != NULL ? b->content->data : NULL,
                   b->content != NULL ? b->content->len * sizeof (ObId) : 0);
  g_assert_true (ob_id_equal (&a->subtree, &b->subtree));
  g_assert_cmpuint (a->xattrs != NULL ? a->xattrs->len : 0, ==,
                    b->xattrs != NULL ? b->xattrs->len : 0);
  for (guint i = 0; a->xattrs != NULL && i < a->xattrs->len; i++)
    {
      const ObXattr *x = &g_array_index (a->xattrs, ObXattr, i);
      const ObXattr *y = &g_array_index (b->xattrs, ObXattr, i);

      g_assert_cmpstr (x->name, ==, y->name);
      g_assert_cmpmem (x->value, x->size, y->value, y->size);
    }
}

static GPtrArray *
make_nodes (void)
{
  GPtrArray *nodes = g_ptr_array_new_with_free_func ((GDestroyNotify) ob_node_free);
  ObNode *file = make_node ("caf\xe9 \n\"\\\xe2\x80\xa8", OB_NODE_FILE);
  ObNode *directory = make_node ("a", OB_NODE_DIRECTORY);
  ObNode *link = make_node ("\xff\xfe", OB_NODE_SYMLINK);
  ObNode *device = make_node ("B", OB_NODE_CHARACTER_DEVICE);
  ObId id;

  for (guint i = 0; i < 3; i++)
    {
      ob_id_of (&i, sizeof i, &id);
      g_array_append_val (file->content, id);
    }
  file->mode = 06755;
  file->size = G_MAXUINT64;
  file->inode = G_MAXUINT64;
  file->device_id = 7;
  file->links = 3;
  file->user = g_strdup ("jürgen");
  file->group = g_strdup ("x\"<y>");
  ob_node_add_xattr (file, "user.empty", NULL, 0);
  ob_node_add_xattr (file, "user.bytes", "\0\xff\n", 3);
  directory->mode = 01777;
  ob_id_of ("x", 1, &directory->subtree);
  link->link_target = g_strdup ("../\xe9/\xff");
  device->device = 0x501;
  g_ptr_array_add (nodes, link);
  g_ptr_array_add (nodes, file);
  g_ptr_array_add (nodes, make_node ("z", OB_NODE_FIFO));
  g_ptr_array_add (nodes, directory);
  g_ptr_array_add (nodes, device);
  g_ptr_array_add (nodes, make_node ("b", OB_NODE_BLOCK_DEVICE));
  return nodes;
}

static void
test_round_trip (void)
{
  g_autoptr (GPtrArray) nodes = make_nodes ();
  g_autoptr (GString) text = print (nodes);
  g_autoptr (GPtrArray) back = parse (text->str);
  g_autoptr (GString) again = print (back);

  g_assert_cmpuint (back->len, ==, nodes->len);
  for (guint i = 0; i < nodes->len; i++)
    assert_equal_nodes (g_ptr_array_index (nodes, i), g_ptr_array_index (back, i));
  g_assert_cmpstr (text->str, ==, again->str);
}

/* By bytes, as restic has it: its checker complains otherwise. */
static void
test_order (void)
{
  static const char *const wanted[] = {
    "B", "a", "b", "caf\xe9 \n\"\\\xe2\x80\xa8", "z", "\xff\xfe"
  };
  g_autoptr (GPtrArray) nodes = make_nodes ();
  g_autoptr (GString) text = print (nodes);
  g_autoptr (GPtrArray) unsorted =
    parse ("{\"nodes\":[{\"name\":\"b\",\"type\":\"fifo\"},{\"name\":\"a\",\"type\":\"fifo\"}]}");
  guint position;

  for (guint i = 0; i < nodes->len; i++)
    {
      g_assert_cmpstr (((ObNode *) g_ptr_array_index (nodes, i))->name, ==, wanted[i]);
      g_assert_true (ob_tree_search (nodes, wanted[i], &position));
      g_assert_cmpuint (position, ==, i);
      g_assert_true (ob_tree_find (nodes, wanted[i]) == g_ptr_array_index (nodes, i));
    }
  g_assert_null (ob_tree_find (nodes, ""));
  g_assert_null (ob_tree_find (nodes, "aa"));
  g_assert_null (ob_tree_find (nodes, "\xff\xff"));
  g_assert_cmpstr (((ObNode *) g_ptr_array_index (unsorted, 0))->name, ==, "a");
}

static void
test_print_refuses (void)
{
  static const char *const names[] = { "", ".", "..", "a/b", "/" };
  g_autoptr (GPtrArray) twice = g_ptr_array_new_with_free_func ((GDestroyNotify) ob_node_free);
  g_autofree char *longest = g_strnfill (OB_TREE_MAX_NAME, 'n');
  g_autofree char *too_long = g_strnfill (OB_TREE_MAX_NAME + 1, 'n');
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i <= G_N_ELEMENTS (names); i++)
    {
      g_autoptr (GPtrArray) nodes = g_ptr_array_new_with_free_func ((GDestroyNotify) ob_node_free);
      g_autoptr (GError) name_error = NULL;

      g_ptr_array_add (nodes,
                       make_node (i < G_N_ELEMENTS (names) ? names[i] : too_long, OB_NODE_FIFO));
      g_assert_null (ob_tree_to_json (nodes, &name_error));
      g_assert_error (name_error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT);
    }
  g_ptr_array_add (twice, make_node (longest, OB_NODE_FIFO));
  g_string_free (print (twice), TRUE);
  g_ptr_array_add (twice, make_node ("a", OB_NODE_FIFO));
  g_ptr_array_add (twice, make_node (longest, OB_NODE_FIFO));
  g_assert_null (ob_tree_to_json (twice, &error));
  g_assert_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT);
}

/* On shares of Windows a name has 255 units of UTF-16, each of them up to three bytes. */
static void
test_long_name (void)
{
  g_autoptr (GPtrArray) nodes = g_ptr_array_new_with_free_func ((GDestroyNotify) ob_node_free);
  g_autoptr (GString) name = g_string_new (NULL);
  g_autoptr (GString) text = NULL;
  g_autoptr (GPtrArray) parsed = NULL;

  for (guint i = 0; i < 255; i++)
    g_string_append (name, "\u65e5");
  g_assert_cmpuint (name->len, ==, 765);
  g_ptr_array_add (nodes, make_node (name->str, OB_NODE_FIFO));
  text = print (nodes);
  parsed = parse (text->str);
  g_assert_cmpuint (parsed->len, ==, 1);
  g_assert_cmpstr (((ObNode *) g_ptr_array_index (parsed, 0))->name, ==, name->str);
}

/* Whoever has the key may have written a tree: none of these may come through. */
static void
test_hostile (void)
{
  static const char *const texts[] = {
    "",
    "{}",
    "[]",
    "null",
    "{\"nodes\":{}}",
    "{\"nodes\":[]",
    "{\"nodes\":[]}x",
    "{\"nodes\":[],\"nodes\":[]}",
    "{\"nodes\":[{}]}",
    "{\"nodes\":[1]}",
    "{\"nodes\":[{\"type\":\"file\"}]}",
    "{\"nodes\":[{\"name\":\"\",\"type\":\"file\"}]}",
    "{\"nodes\":[{\"name\":\".\",\"type\":\"file\"}]}",
    "{\"nodes\":[{\"name\":\"..\",\"type\":\"dir\",\"subtree\":" ID "}]}",
    "{\"nodes\":[{\"name\":\"\\\\x2e\\\\056\",\"type\":\"dir\",\"subtree\":" ID "}]}",
    "{\"nodes\":[{\"name\":\"a/b\",\"type\":\"file\"}]}",
    "{\"nodes\":[{\"name\":\"a\\u002fb\",\"type\":\"file\"}]}",
    "{\"nodes\":[{\"name\":\"a\\\\x2fb\",\"type\":\"file\"}]}",
    "{\"nodes\":[{\"name\":\"a\\u0000b\",\"type\":\"file\"}]}",
    "{\"nodes\":[{\"name\":\"a\\\\x00b\",\"type\":\"file\"}]}",
    "{\"nodes\":[{\"name\":\"a\\\\q\",\"type\":\"file\"}]}",
    "{\"nodes\":[{\"name\":\"a\",\"type\":\"file\"},{\"name\":\"a\",\"type\":\"file\"}]}",
    "{\"nodes\":[{\"name\":\"a\",\"type\":\"file\"},{\"name\":\"\\\\x61\",\"type\":\"symlink\","
    "\"linktarget\":\"/etc\"}]}",
    "{\"nodes\":[{\"name\":\"a\",\"type\":\"dir\"}]}",
    "{\"nodes\":[{\"name\":\"a\",\"type\":\"dir\",\"subtree\":null}]}",
    "{\"nodes\":[{\"name\":\"a\",\"type\":\"dir\",\"subtree\":\"58\"}]}",
    "{\"nodes\":[{\"name\":\"a\",\"type\":\"symlink\"}]}",
    "{\"nodes\":[{\"name\":\"a\",\"type\":\"symlink\",\"linktarget\":\"\"}]}",
    "{\"nodes\":[{\"name\":\"a\",\"type\":\"symlink\",\"linktarget\":\"a\\u0000b\"}]}",
    "{\"nodes\":[{\"name\":\"a\",\"type\":\"symlink\",\"linktarget_raw\":\"YQBi\"}]}",
    "{\"nodes\":[{\"name\":\"a\",\"type\":\"file\",\"mode\":4294967296}]}",
    "{\"nodes\":[{\"name\":\"a\",\"type\":\"file\",\"uid\":-1}]}",
    "{\"nodes\":[{\"name\":\"a\",\"type\":\"file\",\"uid\":4294967296}]}",
    "{\"nodes\":[{\"name\":\"a\",\"type\":\"file\",\"size\":1.5}]}",
    "{\"nodes\":[{\"name\":\"a\",\"type\":\"file\",\"mtime\":\"yesterday\"}]}",
    "{\"nodes\":[{\"name\":\"a\",\"type\":\"file\",\"content\":[\"58\"]}]}",
    "{\"nodes\":[{\"name\":\"a\",\"type\":\"file\",\"content\":[null]}]}",
    "{\"nodes\":[{\"name\":\"a\",\"type\":\"file\",\"extended_attributes\":[{\"value\":\"YQ==\"}]}]}",
    "{\"nodes\":[{\"name\":\"a\",\"type\":\"file\",\"user\":\"a\\u0000b\"}]}",
  };

  for (gsize i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GPtrArray) nodes = ob_tree_from_json (texts[i], strlen (texts[i]), &error);

      if (nodes != NULL)
        g_error ("%s", texts[i]);
      g_assert_error (error, OB_ERROR, OB_ERROR_CORRUPT);
    }
}

/* No beginning of a tree is a tree. */
static void
test_truncated (void)
{
  g_autoptr (GPtrArray) nodes = make_nodes ();
  g_autoptr (GString) text = print (nodes);
  gsize whole = strlen (g_strchomp (text->str));

  for (gsize size = 0; size < whole; size++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (ob_tree_from_json (text->str, size, &error));
      g_assert_error (error, OB_ERROR, OB_ERROR_CORRUPT);
    }
}

/* However deep what we do not know is nested, it takes no stack. */
static void
test_too_deep (void)
{
  static const char *const before[] = { "{\"nodes\":[],\"new\":", "{\"nodes\":[{\"new\":", "" };

  for (gsize i = 0; i < G_N_ELEMENTS (before); i++)
    for (guint depth = 100; depth <= 1000000; depth *= 100)
      {
        g_autoptr (GString) text = g_string_new (before[i]);
        g_autoptr (GError) error = NULL;

        for (guint j = 0; j < depth; j++)
          g_string_append (text, j % 2 == 0 ? "[" : "{\"a\":");
        g_assert_null (ob_tree_from_json (text->str, text->len, &error));
        g_assert_error (error, OB_ERROR, OB_ERROR_CORRUPT);
      }
}

/* Members of other programs, nulls, and nodes that are never restored. */
static void
test_lenient (void)
{
  g_autoptr (GPtrArray) none = parse ("{\"nodes\":null}");
  g_autoptr (GPtrArray) nodes =
    parse (" {\"new\":[{}], \"nodes\" : [ {\"name\":\"s\",\"type\":\"socket\"},"
           "{\"name\":\"i\",\"type\":\"irregular\"},{\"name\":\"f\",\"type\":\"file\","
           "\"content\":null,\"extended_attributes\":null,\"generic_attributes\":{\"a\":[1]}},"
           "{\"linktarget_raw\":\"/w==\",\"linktarget\":\"\\ufffd\",\"type\":\"symlink\","
           "\"name\":\"l\"} ] }\n");

  g_assert_cmpuint (none->len, ==, 0);
  g_assert_cmpuint (nodes->len, ==, 2);
  g_assert_cmpstr (((ObNode *) g_ptr_array_index (nodes, 0))->name, ==, "f");
  g_assert_cmpstr (((ObNode *) g_ptr_array_index (nodes, 1))->link_target, ==, "\xff");
}

static void
test_mutations (void)
{
  g_autoptr (GPtrArray) nodes = make_nodes ();
  g_autoptr (GString) text = print (nodes);

  for (guint i = 0; i < 20000; i++)
    {
      g_autoptr (GBytes) mutated = core_mutate (text->str, text->len);
      g_autoptr (GError) error = NULL;
      g_autoptr (GPtrArray) back =
        ob_tree_from_json (g_bytes_get_data (mutated, NULL), g_bytes_get_size (mutated), &error);

      g_assert_true ((back == NULL) == (error != NULL));
      for (guint j = 0; back != NULL && j < back->len; j++)
        {
          const ObNode *node = g_ptr_array_index (back, j);

          g_assert_true (ob_tree_name_is_valid (node->name, strlen (node->name)));
        }
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/tree/restic", CoreFixture, NULL, core_fixture_set_up_restic, test_restic,
              core_fixture_tear_down);
  g_test_add_func ("/tree/round-trip", test_round_trip);
  g_test_add_func ("/tree/order", test_order);
  g_test_add_func ("/tree/print-refuses", test_print_refuses);
  g_test_add_func ("/tree/long-name", test_long_name);
  g_test_add_func ("/tree/hostile", test_hostile);
  g_test_add_func ("/tree/truncated", test_truncated);
  g_test_add_func ("/tree/too-deep", test_too_deep);
  g_test_add_func ("/tree/lenient", test_lenient);
  g_test_add_func ("/tree/mutations", test_mutations);
  return g_test_run ();
}
