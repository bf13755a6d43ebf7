/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-state-file.h"

#include <errno.h>
#include <unistd.h>

#include "ob-error.h"
#include "ob-fd.h"
#include "ob-io.h"
#include "ob-keyfile.h"

static int
open_folder (ObContext *context, const char *folder, GError **error)
{
  g_autofree char *path = g_build_filename (context->state_path, folder, NULL);

  return ob_make_directories (path, 0700, error);
}

static char *
get_file_name (const char *name)
{
  return g_strconcat (name, ".conf", NULL);
}

GKeyFile *
ob_state_file_load (ObContext *context, const char *folder, const char *name)
{
  g_autofree char *file_name = get_file_name (name);
  g_autoptr (GError) error = NULL;
  ob_autofd int dirfd = open_folder (context, folder, &error);
  GKeyFile *file = dirfd >= 0 ? ob_keyfile_load_at (dirfd, file_name, &error) : NULL;

  if (file != NULL)
    return file;
  if (!g_error_matches (error, OB_ERROR, OB_ERROR_NOT_FOUND))
    g_warning ("What is remembered of %s/%s cannot be read: %s", folder, name, error->message);
  return g_key_file_new ();
}

void
ob_state_file_save (ObContext *context, const char *folder, const char *name, GKeyFile *file)
{
  g_autofree char *file_name = get_file_name (name);
  g_autoptr (GError) error = NULL;
  ob_autofd int dirfd = open_folder (context, folder, &error);

  if (dirfd < 0 || !ob_keyfile_save_at (dirfd, file_name, file, &error))
    g_warning ("The state of %s/%s cannot be written: %s", folder, name, error->message);
}

void
ob_state_file_remove (ObContext *context, const char *folder, const char *name)
{
  g_autofree char *file_name = get_file_name (name);
  ob_autofd int dirfd = open_folder (context, folder, NULL);

  if (dirfd >= 0 && unlinkat (dirfd, file_name, 0) != 0 && errno != ENOENT)
    g_warning ("The state of %s/%s cannot be removed: %s", folder, name, g_strerror (errno));
}
