/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-tree.h"

#include <string.h>

#include "ob-error.h"
#include "ob-go-mode.h"
#include "ob-quote.h"
#include "ob-time.h"

static gint
compare_nodes (gconstpointer a, gconstpointer b)
{
  const ObNode *const *node_a = a;
  const ObNode *const *node_b = b;

  return strcmp ((*node_a)->name, (*node_b)->name);
}

gboolean
ob_tree_name_is_valid (const char *name, gsize size)
{
  return size > 0 && size <= OB_TREE_MAX_NAME && memchr (name, '/', size) == NULL
         && memchr (name, '\0', size) == NULL && !(size == 1 && name[0] == '.')
         && !(size == 2 && name[0] == '.' && name[1] == '.');
}

gboolean
ob_tree_search (GPtrArray *nodes, const char *name, guint *position)
{
  guint low = 0;
  guint high = nodes->len;

  while (low < high)
    {
      guint middle = low + (high - low) / 2;
      const ObNode *node = g_ptr_array_index (nodes, middle);
      int order = strcmp (node->name, name);

      if (order == 0)
        {
          *position = middle;
          return TRUE;
        }
      if (order < 0)
        low = middle + 1;
      else
        high = middle;
    }
  return FALSE;
}

ObNode *
ob_tree_find (GPtrArray *nodes, const char *name)
{
  guint position;

  return ob_tree_search (nodes, name, &position) ? g_ptr_array_index (nodes, position) : NULL;
}

static void
append_number (GString *out, const char *member, guint64 value)
{
  char digits[24];
  char *p = digits + sizeof digits;

  g_string_append (out, member);
  do
    *--p = (char) ('0' + value % 10);
  while ((value /= 10) > 0);
  g_string_append_len (out, p, digits + sizeof digits - p);
}

static void
append_number_unless_zero (GString *out, const char *member, guint64 value)
{
  if (value != 0)
    append_number (out, member, value);
}

static void
append_text (GString *out, const char *member, const char *text)
{
  if (text == NULL || text[0] == '\0')
    return;
  g_string_append (out, member);
  ob_quote_append_json (out, text, strlen (text));
}

static void
append_time (GString *out, const char *member, const char *text)
{
  g_string_append (out, member);
  g_string_append_c (out, '"');
  g_string_append (out, text);
  g_string_append_c (out, '"');
}

static void
append_times (GString *out, const ObNode *node)
{
  g_autofree char *mtime = ob_time_format (&node->mtime);
  gboolean same = node->atime.tv_sec == node->mtime.tv_sec
                  && node->atime.tv_nsec == node->mtime.tv_nsec;
  g_autofree char *atime = same ? NULL : ob_time_format (&node->atime);
  g_autofree char *ctime = ob_time_format (&node->ctime);

  append_time (out, ",\"mtime\":", mtime);
  append_time (out, ",\"atime\":", same ? mtime : atime);
  append_time (out, ",\"ctime\":", ctime);
}

static void
append_base64 (GString *out, const void *data, gsize size)
{
  g_autofree char *text = g_base64_encode (data, size);

  g_string_append_c (out, '"');
  g_string_append (out, text);
  g_string_append_c (out, '"');
}

static void
append_link_target (GString *out, const char *target)
{
  append_text (out, ",\"linktarget\":", target);
  if (!g_utf8_validate (target, -1, NULL))
    {
      g_string_append (out, ",\"linktarget_raw\":");
      append_base64 (out, target, strlen (target));
    }
}

static void
append_xattrs (GString *out, GArray *xattrs)
{
  g_string_append (out, ",\"extended_attributes\":[");
  for (guint i = 0; i < xattrs->len; i++)
    {
      const ObXattr *xattr = &g_array_index (xattrs, ObXattr, i);

      g_string_append (out, i == 0 ? "{\"name\":" : ",{\"name\":");
      ob_quote_append_json (out, xattr->name, strlen (xattr->name));
      g_string_append (out, ",\"value\":");
      append_base64 (out, xattr->value, xattr->size);
      g_string_append_c (out, '}');
    }
  g_string_append_c (out, ']');
}

static void
append_id (GString *out, const ObId *id)
{
  char hex[OB_ID_HEX_SIZE];

  ob_id_to_hex (id, hex);
  g_string_append_c (out, '"');
  g_string_append_len (out, hex, OB_ID_HEX_SIZE - 1);
  g_string_append_c (out, '"');
}

/* restic's checker wants a list for a file, even an empty one, and null for all others. */
static void
append_content (GString *out, const ObNode *node)
{
  if (node->type != OB_NODE_FILE)
    {
      g_string_append (out, ",\"content\":null");
      return;
    }
  g_string_append (out, ",\"content\":[");
  for (guint i = 0; node->content != NULL && i < node->content->len; i++)
    {
      if (i > 0)
        g_string_append_c (out, ',');
      append_id (out, &g_array_index (node->content, ObId, i));
    }
  g_string_append_c (out, ']');
}

static void
append_node (GString *out, const ObNode *node)
{
  g_string_append (out, "{\"name\":");
  ob_quote_append_name (out, node->name);
  g_string_append (out, ",\"type\":\"");
  g_string_append (out, ob_node_type_to_text (node->type));
  g_string_append_c (out, '"');
  append_number_unless_zero (out, ",\"mode\":", ob_go_mode_from (node->type, node->mode));
  append_times (out, node);
  append_number (out, ",\"uid\":", node->uid);
  append_number (out, ",\"gid\":", node->gid);
  append_text (out, ",\"user\":", node->user);
  append_text (out, ",\"group\":", node->group);
  append_number_unless_zero (out, ",\"inode\":", node->inode);
  append_number_unless_zero (out, ",\"device_id\":", node->device_id);
  if (node->type == OB_NODE_FILE)
    append_number_unless_zero (out, ",\"size\":", node->size);
  append_number_unless_zero (out, ",\"links\":", node->links);
  if (node->link_target != NULL)
    append_link_target (out, node->link_target);
  if (node->xattrs != NULL && node->xattrs->len > 0)
    append_xattrs (out, node->xattrs);
  append_number_unless_zero (out, ",\"device\":", node->device);
  append_content (out, node);
  if (node->type == OB_NODE_DIRECTORY)
    {
      g_string_append (out, ",\"subtree\":");
      append_id (out, &node->subtree);
    }
  g_string_append_c (out, '}');
}

GString *
ob_tree_to_json (GPtrArray *nodes, GError **error)
{
  g_autoptr (GString) out = g_string_sized_new (64 + 512 * (gsize) nodes->len);
  const char *last = NULL;

  g_ptr_array_sort (nodes, compare_nodes);
  g_string_append (out, "{\"nodes\":[");
  for (guint i = 0; i < nodes->len; i++)
    {
      const ObNode *node = g_ptr_array_index (nodes, i);

      if (!ob_tree_name_is_valid (node->name, strlen (node->name)))
        {
          g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                       "A directory cannot hold an entry called “%s”", node->name);
          return NULL;
        }
      if (last != NULL && strcmp (last, node->name) == 0)
        {
          g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                       "A directory cannot hold two entries called “%s”", node->name);
          return NULL;
        }
      last = node->name;
      if (i > 0)
        g_string_append_c (out, ',');
      append_node (out, node);
    }
  g_string_append (out, "]}\n");
  return g_steal_pointer (&out);
}
