/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-local-checkup.h"

#include <errno.h>
#include <gio/gunixmounts.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "ob-io.h"

#define DIRECTORY "directory"
#define MAX_ENTRY (64 * 1024)

/* internal methods */

static void
fail_errno (ObCheckup *checkup, int errnum, const char *path)
{
  GError *error = NULL;

  ob_set_error_errno (&error, errnum, "The directory %s cannot be looked at", path);
  ob_checkup_fail (checkup, error);
}

/* Transfer full; a number where it has no name. */
static char *
get_user_name (uid_t uid)
{
  g_autofree char *buffer = g_malloc (MAX_ENTRY);
  struct passwd entry;
  struct passwd *found = NULL;

  if (getpwuid_r (uid, &entry, buffer, MAX_ENTRY, &found) == 0 && found != NULL)
    return g_strdup (found->pw_name);
  return g_strdup_printf ("%u", (guint) uid);
}

static void
check_permissions (const char *path, int root_fd, ObCheckup *checkup)
{
  g_autofree char *owner = NULL;
  struct stat info;
  guint mode;

  if (!ob_checkup_begin (checkup, "permissions", DIRECTORY))
    return;
  if (fstat (root_fd, &info) != 0)
    {
      fail_errno (checkup, errno, path);
      return;
    }
  mode = info.st_mode & 07777;
  owner = get_user_name (info.st_uid);
  ob_checkup_add_figure (checkup, "mode", g_variant_new_uint32 (mode));
  ob_checkup_add_figure (checkup, "owner", g_variant_new_uint32 (info.st_uid));
  if ((mode & S_IWOTH) != 0)
    ob_checkup_end (checkup, OB_CHECKUP_WARNING,
                    "of %s, mode %04o: everybody on this machine can remove the backups; chmod "
                    "o-rwx %s",
                    owner, mode, path);
  else if ((mode & S_IRWXO) != 0)
    ob_checkup_end (checkup, OB_CHECKUP_WARNING,
                    "of %s, mode %04o: everybody on this machine can look into it; chmod o-rwx %s",
                    owner, mode, path);
  else
    ob_checkup_end (checkup, OB_CHECKUP_OK, "of %s, mode %04o", owner, mode);
}

static void
check_file_system (const char *path, int root_fd, ObCheckup *checkup)
{
  g_autofree char *real = realpath (path, NULL);
  GUnixMountEntry *mount = real != NULL ? g_unix_mount_for (real, NULL) : NULL;
  struct statvfs info;
  gboolean read_only;

  if (!ob_checkup_begin (checkup, "file-system", DIRECTORY))
    g_clear_pointer (&mount, g_unix_mount_free);
  else if (fstatvfs (root_fd, &info) != 0)
    fail_errno (checkup, errno, path);
  else if (mount == NULL)
    ob_checkup_end (checkup, OB_CHECKUP_NOT_TOLD, "the kernel does not say where it is mounted");
  else
    {
      const char *where = g_unix_mount_get_mount_path (mount);
      const char *type = g_unix_mount_get_fs_type (mount);
      g_autofree char *shown = g_filename_display_name (where);

      read_only = (info.f_flag & ST_RDONLY) != 0;
      ob_checkup_add_figure (checkup, "mount-point", g_variant_new_string (shown));
      ob_checkup_add_figure (checkup, "type", g_variant_new_string (type));
      ob_checkup_add_figure (checkup, "read-only", g_variant_new_boolean (read_only));
      ob_checkup_end (checkup, read_only ? OB_CHECKUP_WARNING : OB_CHECKUP_OK,
                      "%s, mounted at %s%s", type, shown,
                      read_only ? ", read-only: it serves to restore, but nothing can be written"
                                : "");
    }
  g_clear_pointer (&mount, g_unix_mount_free);
}

/* public methods */

void
ob_local_checkup (const char *path, int root_fd, ObCheckup *checkup)
{
  check_permissions (path, root_fd, checkup);
  check_file_system (path, root_fd, checkup);
}
