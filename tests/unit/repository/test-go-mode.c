/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-go-mode.h"

/* The bits of Go's package io/fs, and what restic stores for each type. */
static const struct
{
  ObNodeType type;
  const char *text;
  mode_t mode;
  guint32 go_mode;
} cases[] = {
  { OB_NODE_FILE, "file", 0644, 0644 },
  { OB_NODE_FILE, "file", 04755, 1u << 23 | 0755 },
  { OB_NODE_FILE, "file", 02755, 1u << 22 | 0755 },
  { OB_NODE_FILE, "file", 0, 0 },
  { OB_NODE_DIRECTORY, "dir", 01777, 1u << 31 | 1u << 20 | 0777 },
  { OB_NODE_DIRECTORY, "dir", 07777, 1u << 31 | 1u << 23 | 1u << 22 | 1u << 20 | 0777 },
  { OB_NODE_SYMLINK, "symlink", 0777, 1u << 27 | 0777 },
  { OB_NODE_FIFO, "fifo", 0600, 1u << 25 | 0600 },
  { OB_NODE_CHARACTER_DEVICE, "chardev", 0620, 1u << 26 | 1u << 21 | 0620 },
  { OB_NODE_BLOCK_DEVICE, "dev", 0660, 1u << 26 | 0660 },
};

static void
test_modes (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_assert_cmpuint (ob_go_mode_from (cases[i].type, cases[i].mode), ==, cases[i].go_mode);
      g_assert_cmpuint (ob_go_mode_to (cases[i].go_mode), ==, cases[i].mode);
    }
  g_assert_cmpuint (ob_go_mode_to (G_MAXUINT32), ==, 07777);
}

static void
test_types (void)
{
  ObNodeType type;

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_assert_cmpstr (ob_node_type_to_text (cases[i].type), ==, cases[i].text);
      g_assert_true (ob_node_type_from_text (cases[i].text, &type));
      g_assert_cmpint (type, ==, cases[i].type);
    }
  g_assert_false (ob_node_type_from_text ("socket", &type));
  g_assert_false (ob_node_type_from_text ("irregular", &type));
  g_assert_false (ob_node_type_from_text ("", &type));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/go-mode/modes", test_modes);
  g_test_add_func ("/go-mode/types", test_types);
  return g_test_run ();
}
