/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-tree.h"

#include <string.h>

#include "ob-error.h"
#include "ob-go-mode.h"
#include "ob-json-scanner.h"
#include "ob-quote.h"
#include "ob-time.h"

/* One tree while it is read. The texts are kept from one member to the next. */
typedef struct
{
  ObJsonScanner scanner;
  GString *key;
  GString *text;
  GString *name;
  guint next_member;   /* in members, where the next one is likely */
  gboolean known_type; /* of the node that is being read */
  gboolean has_subtree;
  gboolean has_raw_target;
} Parser;

/* A string without a NUL into parser->text. */
static gboolean
read_text (Parser *parser)
{
  return ob_json_scanner_read_string (&parser->scanner, parser->text)
         && memchr (parser->text->str, '\0', parser->text->len) == NULL;
}

static gboolean
read_text_member (Parser *parser, char **member)
{
  if (!read_text (parser))
    return FALSE;
  g_free (*member);
  *member = g_strndup (parser->text->str, parser->text->len);
  return TRUE;
}

static gboolean
read_name (Parser *parser, ObNode *node)
{
  if (!ob_json_scanner_read_string (&parser->scanner, parser->text))
    return FALSE;
  g_string_truncate (parser->name, 0);
  if (!ob_quote_unquote (parser->name, parser->text->str, parser->text->len)
      || !ob_tree_name_is_valid (parser->name->str, parser->name->len))
    return FALSE;
  g_free (node->name);
  node->name = g_strndup (parser->name->str, parser->name->len);
  return TRUE;
}

static gboolean
read_type (Parser *parser, ObNode *node)
{
  if (!read_text (parser))
    return FALSE;
  parser->known_type = ob_node_type_from_text (parser->text->str, &node->type);
  return TRUE;
}

static gboolean
read_mode (Parser *parser, ObNode *node)
{
  guint64 value;

  if (!ob_json_scanner_read_uint64 (&parser->scanner, &value) || value > G_MAXUINT32)
    return FALSE;
  node->mode = ob_go_mode_to ((guint32) value);
  return TRUE;
}

static gboolean
read_uint32 (Parser *parser, guint32 *member)
{
  guint64 value;

  if (!ob_json_scanner_read_uint64 (&parser->scanner, &value) || value > G_MAXUINT32)
    return FALSE;
  *member = (guint32) value;
  return TRUE;
}

static gboolean
read_time (Parser *parser, struct timespec *member)
{
  return read_text (parser) && ob_time_parse (parser->text->str, member);
}

static gboolean
read_id (Parser *parser, ObId *id)
{
  return read_text (parser) && parser->text->len == OB_ID_HEX_SIZE - 1
         && ob_id_from_hex (parser->text->str, id);
}

/* Base64 into parser->text, in place. */
static gboolean
read_base64 (Parser *parser)
{
  gsize size = 0;

  if (ob_json_scanner_accept_null (&parser->scanner))
    {
      g_string_truncate (parser->text, 0);
      return TRUE;
    }
  /* One digit is no byte. */
  if (!read_text (parser) || parser->text->len == 1)
    return FALSE;
  if (parser->text->len > 0)
    {
      g_base64_decode_inplace (parser->text->str, &size);
      g_string_truncate (parser->text, size);
    }
  return TRUE;
}

static gboolean
read_link_target_raw (Parser *parser, ObNode *node)
{
  if (!read_base64 (parser) || memchr (parser->text->str, '\0', parser->text->len) != NULL)
    return FALSE;
  if (parser->text->len > 0)
    {
      g_free (node->link_target);
      node->link_target = g_strndup (parser->text->str, parser->text->len);
      parser->has_raw_target = TRUE;
    }
  return TRUE;
}

static gboolean
read_xattr (Parser *parser, ObNode *node)
{
  g_autofree char *name = NULL;
  g_autofree char *value = NULL;
  gsize size = 0;

  if (!ob_json_scanner_expect (&parser->scanner, '{'))
    return FALSE;
  while (!ob_json_scanner_accept (&parser->scanner, '}'))
    {
      if (!ob_json_scanner_read_string (&parser->scanner, parser->key)
          || !ob_json_scanner_expect (&parser->scanner, ':'))
        return FALSE;
      if (strcmp (parser->key->str, "name") == 0)
        {
          if (!read_text_member (parser, &name))
            return FALSE;
        }
      else if (strcmp (parser->key->str, "value") == 0)
        {
          if (!read_base64 (parser))
            return FALSE;
          g_free (value);
          size = parser->text->len;
          value = g_memdup2 (parser->text->str, size);
        }
      else if (!ob_json_scanner_skip (&parser->scanner))
        return FALSE;
      ob_json_scanner_accept (&parser->scanner, ',');
    }
  if (name == NULL || name[0] == '\0')
    return FALSE;
  ob_node_add_xattr (node, name, value, size);
  return TRUE;
}

static gboolean
read_xattrs (Parser *parser, ObNode *node)
{
  g_clear_pointer (&node->xattrs, g_array_unref);
  if (ob_json_scanner_accept_null (&parser->scanner))
    return TRUE;
  if (!ob_json_scanner_expect (&parser->scanner, '['))
    return FALSE;
  while (!ob_json_scanner_accept (&parser->scanner, ']'))
    {
      if (!read_xattr (parser, node))
        return FALSE;
      ob_json_scanner_accept (&parser->scanner, ',');
    }
  return TRUE;
}

static gboolean
read_content (Parser *parser, ObNode *node)
{
  g_clear_pointer (&node->content, g_array_unref);
  if (ob_json_scanner_accept_null (&parser->scanner))
    return TRUE;
  if (!ob_json_scanner_expect (&parser->scanner, '['))
    return FALSE;
  node->content = g_array_new (FALSE, FALSE, sizeof (ObId));
  while (!ob_json_scanner_accept (&parser->scanner, ']'))
    {
      ObId id;

      if (!read_id (parser, &id))
        return FALSE;
      g_array_append_val (node->content, id);
      ob_json_scanner_accept (&parser->scanner, ',');
    }
  return TRUE;
}

static gboolean
read_subtree (Parser *parser, ObNode *node)
{
  parser->has_subtree = FALSE;
  if (ob_json_scanner_accept_null (&parser->scanner))
    return TRUE;
  parser->has_subtree = TRUE;
  return read_id (parser, &node->subtree);
}

static gboolean
read_user (Parser *parser, ObNode *node)
{
  return read_text_member (parser, &node->user);
}

static gboolean
read_group (Parser *parser, ObNode *node)
{
  return read_text_member (parser, &node->group);
}

static gboolean
read_link_target (Parser *parser, ObNode *node)
{
  return parser->has_raw_target ? ob_json_scanner_skip (&parser->scanner)
                                : read_text_member (parser, &node->link_target);
}

/* How a member of a node is read: by a function of its own, or as a number or a time into the field
 * at this offset. */
typedef struct
{
  const char *key;
  gboolean (*read) (Parser *parser, ObNode *node);
  enum { BY_FUNCTION, UINT32, UINT64, TIME } kind;
  gsize offset;
} Member;

#define NUMBER(key, kind, field) { key, NULL, kind, G_STRUCT_OFFSET (ObNode, field) }

/* In the order in which restic and we write them: the next one is found at once. */
static const Member members[] = {
  { "name", read_name, BY_FUNCTION, 0 },
  { "type", read_type, BY_FUNCTION, 0 },
  { "mode", read_mode, BY_FUNCTION, 0 },
  NUMBER ("mtime", TIME, mtime),
  NUMBER ("atime", TIME, atime),
  NUMBER ("ctime", TIME, ctime),
  NUMBER ("uid", UINT32, uid),
  NUMBER ("gid", UINT32, gid),
  { "user", read_user, BY_FUNCTION, 0 },
  { "group", read_group, BY_FUNCTION, 0 },
  NUMBER ("inode", UINT64, inode),
  NUMBER ("device_id", UINT64, device_id),
  NUMBER ("size", UINT64, size),
  NUMBER ("links", UINT64, links),
  { "linktarget", read_link_target, BY_FUNCTION, 0 },
  { "linktarget_raw", read_link_target_raw, BY_FUNCTION, 0 },
  { "extended_attributes", read_xattrs, BY_FUNCTION, 0 },
  NUMBER ("device", UINT64, device),
  { "content", read_content, BY_FUNCTION, 0 },
  { "subtree", read_subtree, BY_FUNCTION, 0 },
};

G_STATIC_ASSERT (sizeof (uid_t) == sizeof (guint32) && sizeof (gid_t) == sizeof (guint32));

/* The member that parser->key names, looked for from the one behind the last; NULL: unknown. */
static const Member *
find_member (Parser *parser)
{
  for (guint i = 0; i < G_N_ELEMENTS (members); i++)
    {
      const Member *member = &members[(parser->next_member + i) % G_N_ELEMENTS (members)];

      if (strcmp (parser->key->str, member->key) == 0)
        {
          parser->next_member = (guint) (member - members) + 1;
          return member;
        }
    }
  return NULL;
}

/* The value of the member that parser->key names. */
static gboolean
read_member (Parser *parser, ObNode *node)
{
  const Member *member = find_member (parser);
  gpointer field;

  if (member == NULL)
    return ob_json_scanner_skip (&parser->scanner);
  field = (guint8 *) node + member->offset;
  switch (member->kind)
    {
    case UINT32:
      return read_uint32 (parser, field);
    case UINT64:
      return ob_json_scanner_read_uint64 (&parser->scanner, field);
    case TIME:
      return read_time (parser, field);
    default:
      return member->read (parser, node);
    }
}

static gboolean
is_whole (const Parser *parser, const ObNode *node)
{
  if (node->name == NULL)
    return FALSE;
  if (!parser->known_type)
    return TRUE;
  switch (node->type)
    {
    case OB_NODE_DIRECTORY:
      return parser->has_subtree;
    case OB_NODE_SYMLINK:
      return node->link_target != NULL && node->link_target[0] != '\0';
    default:
      return TRUE;
    }
}

/* A node, or NULL. */
static ObNode *
read_node (Parser *parser)
{
  g_autoptr (ObNode) node = g_new0 (ObNode, 1);

  parser->known_type = FALSE;
  parser->has_subtree = FALSE;
  parser->has_raw_target = FALSE;
  if (!ob_json_scanner_expect (&parser->scanner, '{'))
    return NULL;
  while (!ob_json_scanner_accept (&parser->scanner, '}'))
    {
      if (!ob_json_scanner_read_string (&parser->scanner, parser->key)
          || !ob_json_scanner_expect (&parser->scanner, ':') || !read_member (parser, node))
        return NULL;
      ob_json_scanner_accept (&parser->scanner, ',');
    }
  return is_whole (parser, node) ? g_steal_pointer (&node) : NULL;
}

static gboolean
read_nodes (Parser *parser, GPtrArray *nodes)
{
  if (ob_json_scanner_accept_null (&parser->scanner))
    return TRUE;
  if (!ob_json_scanner_expect (&parser->scanner, '['))
    return FALSE;
  while (!ob_json_scanner_accept (&parser->scanner, ']'))
    {
      ObNode *node = read_node (parser);

      if (node == NULL)
        return FALSE;
      if (parser->known_type)
        g_ptr_array_add (nodes, node);
      else
        ob_node_free (node);
      ob_json_scanner_accept (&parser->scanner, ',');
    }
  return TRUE;
}

static gboolean
read_tree (Parser *parser, GPtrArray *nodes)
{
  gboolean found = FALSE;

  if (!ob_json_scanner_expect (&parser->scanner, '{'))
    return FALSE;
  while (!ob_json_scanner_accept (&parser->scanner, '}'))
    {
      if (!ob_json_scanner_read_string (&parser->scanner, parser->key)
          || !ob_json_scanner_expect (&parser->scanner, ':'))
        return FALSE;
      if (strcmp (parser->key->str, "nodes") == 0)
        {
          if (found || !read_nodes (parser, nodes))
            return FALSE;
          found = TRUE;
        }
      else if (!ob_json_scanner_skip (&parser->scanner))
        return FALSE;
      ob_json_scanner_accept (&parser->scanner, ',');
    }
  return found && ob_json_scanner_at_end (&parser->scanner);
}

static gint
compare_nodes (gconstpointer a, gconstpointer b)
{
  const ObNode *const *node_a = a;
  const ObNode *const *node_b = b;

  return strcmp ((*node_a)->name, (*node_b)->name);
}

/* Sorts where it must; FALSE where two names are the same. */
static gboolean
sort_nodes (GPtrArray *nodes)
{
  gboolean sorted = TRUE;

  for (guint i = 1; i < nodes->len && sorted; i++)
    sorted = compare_nodes (&nodes->pdata[i - 1], &nodes->pdata[i]) < 0;
  if (sorted)
    return TRUE;

  g_ptr_array_sort (nodes, compare_nodes);
  for (guint i = 1; i < nodes->len; i++)
    if (compare_nodes (&nodes->pdata[i - 1], &nodes->pdata[i]) == 0)
      return FALSE;
  return TRUE;
}

GPtrArray *
ob_tree_from_json (const char *text, gsize size, GError **error)
{
  g_autoptr (GPtrArray) nodes = g_ptr_array_new_with_free_func ((GDestroyNotify) ob_node_free);
  g_autoptr (GString) key = g_string_sized_new (64);
  g_autoptr (GString) value = g_string_sized_new (256);
  g_autoptr (GString) name = g_string_sized_new (256);
  Parser parser = { .key = key, .text = value, .name = name };

  ob_json_scanner_init (&parser.scanner, text, size);
  if (!read_tree (&parser, nodes))
    {
      g_set_error (error, OB_ERROR, OB_ERROR_CORRUPT,
                   "The directory's text is not a valid tree at byte %" G_GSIZE_FORMAT,
                   (gsize) (parser.scanner.p - text));
      return NULL;
    }
  if (!sort_nodes (nodes))
    {
      g_set_error_literal (error, OB_ERROR, OB_ERROR_CORRUPT,
                           "Two entries of the directory have the same name");
      return NULL;
    }
  return g_steal_pointer (&nodes);
}
