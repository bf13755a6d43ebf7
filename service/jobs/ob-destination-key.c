/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-destination-key.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ob-error.h"
#include "ob-fd.h"
#include "ob-io.h"
#include "ob-secret.h"

#define MAX_PASSPHRASE 4096
#define MAX_KEPT 10000

/* internal methods */

static char *
get_file_name (const char *name)
{
  return g_strconcat (name, ".key", NULL);
}

/* A second name for the present file, the first that is free. */
static char *
keep (int keys_fd, const char *file, GError **error)
{
  for (guint i = 1; i <= MAX_KEPT; i++)
    {
      g_autofree char *kept = g_strdup_printf ("%s.%u", file, i);

      if (linkat (keys_fd, file, keys_fd, kept, 0) == 0)
        return g_steal_pointer (&kept);
      if (errno != EEXIST)
        {
          ob_set_error_errno (error, errno, "The key file %s cannot be kept as %s", file, kept);
          return NULL;
        }
    }
  g_set_error (error, OB_ERROR, OB_ERROR_FAILED,
               "There are too many former versions of the key file %s; move them elsewhere.", file);
  return NULL;
}

/* public methods */

char *
ob_destination_key_read (int keys_fd, const char *name, GError **error)
{
  g_autofree char *file = get_file_name (name);
  ob_autofd int fd = openat (keys_fd, file, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
  char *passphrase = NULL;

  if (fd < 0)
    {
      ob_set_error_errno (error, errno, "The key file %s cannot be read", file);
      return NULL;
    }
  passphrase = ob_secret_read (fd, MAX_PASSPHRASE, error);
  if (passphrase == NULL)
    g_prefix_error (error, "The key file %s: ", file);
  return passphrase;
}

gboolean
ob_destination_key_write (int keys_fd, const char *name, const char *passphrase,
                          gboolean *written, char **kept, GError **error)
{
  g_autofree char *file = get_file_name (name);
  g_autofree char *former_name = NULL;
  g_autoptr (GError) local = NULL;
  ob_autosecret char *former = ob_destination_key_read (keys_fd, name, &local);
  ob_autosecret char *text = NULL;

  if (written != NULL)
    *written = FALSE;
  if (kept != NULL)
    *kept = NULL;
  if (former != NULL && strcmp (former, passphrase) == 0)
    return TRUE;
  if (former != NULL || !g_error_matches (local, OB_ERROR, OB_ERROR_NOT_FOUND))
    {
      former_name = keep (keys_fd, file, error);
      if (former_name == NULL)
        return FALSE;
    }

  text = g_strconcat (passphrase, "\n", NULL);
  if (!ob_replace_file_at (keys_fd, file, text, strlen (text), 0600, error))
    return FALSE;
  if (written != NULL)
    *written = TRUE;
  if (kept != NULL)
    *kept = g_steal_pointer (&former_name);
  return TRUE;
}

void
ob_destination_key_take_back (int keys_fd, const char *name, const char *kept)
{
  g_autofree char *file = get_file_name (name);

  if (kept != NULL)
    renameat (keys_fd, kept, keys_fd, file);
  else
    unlinkat (keys_fd, file, 0);
}
