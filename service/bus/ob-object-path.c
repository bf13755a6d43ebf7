/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-object-path.h"

char *
ob_object_path_new (const char *folder, const char *name)
{
  GString *path = g_string_new (OB_ROOT_PATH "/");

  g_return_val_if_fail (*name != '\0', NULL);

  g_string_append_printf (path, "%s/", folder);
  for (const char *byte = name; *byte != '\0'; byte++)
    if (g_ascii_isalnum (*byte))
      g_string_append_c (path, *byte);
    else
      g_string_append_printf (path, "_%02x", (guint) (guchar) *byte);
  return g_string_free (path, FALSE);
}
