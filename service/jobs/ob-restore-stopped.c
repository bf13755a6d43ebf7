/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-restore-stopped.h"

#include <string.h>

#include "ob-io.h"

#define MAX_TEXT (64 * 1024)

/* internal methods */

static char *
get_file_name (const char *instance)
{
  return g_strconcat (instance, ".stopped", NULL);
}

/* methods of this room */

void
ob_restore_stopped_set (ObContext *context, const char *instance, const char *text)
{
  g_autofree char *name = get_file_name (instance);
  g_autoptr (GError) error = NULL;

  if (!ob_replace_file_at (context->restores_fd, name, text, strnlen (text, MAX_TEXT), 0600,
                           &error))
    g_warning ("The application of %s is stopped, which cannot be written down: %s", instance,
               error->message);
}

void
ob_restore_stopped_clear (ObContext *context, const char *instance)
{
  g_autofree char *name = get_file_name (instance);

  ob_remove_tree_at (context->restores_fd, name, NULL, NULL);
}

char *
ob_restore_stopped_get (ObContext *context, const char *instance)
{
  g_autofree char *name = get_file_name (instance);
  g_autoptr (GBytes) bytes = ob_read_file_at (context->restores_fd, name, MAX_TEXT, NULL);
  gsize size = 0;
  const char *text = bytes != NULL ? g_bytes_get_data (bytes, &size) : NULL;

  return text != NULL && size > 0 ? g_utf8_make_valid (text, (gssize) size) : NULL;
}
