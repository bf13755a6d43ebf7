/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-go-mode.h"

#include <string.h>

#define GO_DIR (1u << 31)
#define GO_SYMLINK (1u << 27)
#define GO_DEVICE (1u << 26)
#define GO_NAMED_PIPE (1u << 25)
#define GO_SETUID (1u << 23)
#define GO_SETGID (1u << 22)
#define GO_CHAR_DEVICE (1u << 21)
#define GO_STICKY (1u << 20)

static const struct
{
  const char *text;
  guint32 bits;
} types[] = {
  [OB_NODE_FILE] = { "file", 0 },
  [OB_NODE_DIRECTORY] = { "dir", GO_DIR },
  [OB_NODE_SYMLINK] = { "symlink", GO_SYMLINK },
  [OB_NODE_FIFO] = { "fifo", GO_NAMED_PIPE },
  [OB_NODE_CHARACTER_DEVICE] = { "chardev", GO_DEVICE | GO_CHAR_DEVICE },
  [OB_NODE_BLOCK_DEVICE] = { "dev", GO_DEVICE },
};

guint32
ob_go_mode_from (ObNodeType type, mode_t mode)
{
  return types[type].bits | (mode & 0777) | ((mode & S_ISUID) != 0 ? GO_SETUID : 0)
         | ((mode & S_ISGID) != 0 ? GO_SETGID : 0) | ((mode & S_ISVTX) != 0 ? GO_STICKY : 0);
}

mode_t
ob_go_mode_to (guint32 go_mode)
{
  return (go_mode & 0777) | ((go_mode & GO_SETUID) != 0 ? S_ISUID : 0)
         | ((go_mode & GO_SETGID) != 0 ? S_ISGID : 0) | ((go_mode & GO_STICKY) != 0 ? S_ISVTX : 0);
}

const char *
ob_node_type_to_text (ObNodeType type)
{
  return types[type].text;
}

gboolean
ob_node_type_from_text (const char *text, ObNodeType *type)
{
  for (guint i = 0; i < G_N_ELEMENTS (types); i++)
    if (strcmp (types[i].text, text) == 0)
      {
        *type = i;
        return TRUE;
      }
  return FALSE;
}
