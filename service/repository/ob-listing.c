/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-listing.h"

#include <dirent.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#define ROOM (32 * 1024)

/* What linux/magic.h of Debian 12 does not name. */
#define CONFIGFS_MAGIC 0x62656570
#define FUSECTL_MAGIC 0x65735543
#define MQUEUE_MAGIC 0x19800202
#define RPC_PIPEFS_MAGIC 0x67596969
#define NFSD_MAGIC 0x6e667364

static gint
compare_inodes (gconstpointer a, gconstpointer b)
{
  const ObListingEntry *const *entry_a = a;
  const ObListingEntry *const *entry_b = b;

  if ((*entry_a)->inode != (*entry_b)->inode)
    return (*entry_a)->inode < (*entry_b)->inode ? -1 : 1;
  return strcmp ((*entry_a)->name, (*entry_b)->name);
}

static void
add_entry (GPtrArray *entries, const struct dirent64 *dirent)
{
  const char *name = dirent->d_name;
  gsize size = strlen (name) + 1;
  ObListingEntry *entry;

  if (strcmp (name, ".") == 0 || strcmp (name, "..") == 0)
    return;
  entry = g_malloc (sizeof *entry + size);
  entry->inode = dirent->d_ino;
  entry->type = dirent->d_type;
  memcpy (entry->name, name, size);
  g_ptr_array_add (entries, entry);
}

GPtrArray *
ob_listing_read (int fd)
{
  g_autoptr (GPtrArray) entries = g_ptr_array_new_with_free_func (g_free);
  _Alignas (struct dirent64) char room[ROOM];
  gssize n;

  if (lseek (fd, 0, SEEK_SET) < 0)
    return NULL;
  while ((n = getdents64 (fd, room, ROOM)) > 0)
    for (gssize at = 0; at < n;)
      {
        const struct dirent64 *dirent = (gconstpointer) (room + at);

        add_entry (entries, dirent);
        at += dirent->d_reclen;
      }
  if (n < 0)
    return NULL;
  g_ptr_array_sort (entries, compare_inodes);
  return g_steal_pointer (&entries);
}

gboolean
ob_listing_is_excluded (const GPtrArray *excludes, const char *name, GPtrArray **below)
{
  gsize length = strlen (name);

  *below = NULL;
  for (guint i = 0; excludes != NULL && i < excludes->len; i++)
    {
      const char *path = g_ptr_array_index (excludes, i);
      const char *rest = path + length;

      if (strncmp (path, name, length) != 0 || (*rest != '\0' && *rest != '/'))
        continue;
      while (*rest == '/')
        rest++;
      if (*rest == '\0')
        {
          g_clear_pointer (below, g_ptr_array_unref);
          return TRUE;
        }
      if (*below == NULL)
        *below = g_ptr_array_new ();
      g_ptr_array_add (*below, (gpointer) rest);
    }
  return FALSE;
}

GPtrArray *
ob_listing_make_excludes (const char *const *paths)
{
  GPtrArray *excludes = NULL;

  for (; paths != NULL && *paths != NULL; paths++)
    {
      const char *path = *paths + strspn (*paths, "/");

      if (*path == '\0')
        continue;
      if (excludes == NULL)
        excludes = g_ptr_array_new ();
      g_ptr_array_add (excludes, (gpointer) path);
    }
  return excludes;
}

gboolean
ob_listing_is_pseudo (int fd)
{
  static const guint32 magics[] = {
    PROC_SUPER_MAGIC,     SYSFS_MAGIC,       DEVPTS_SUPER_MAGIC, CGROUP_SUPER_MAGIC,
    CGROUP2_SUPER_MAGIC,  DEBUGFS_MAGIC,     TRACEFS_MAGIC,      SECURITYFS_MAGIC,
    SELINUX_MAGIC,        BPF_FS_MAGIC,      PSTOREFS_MAGIC,     EFIVARFS_MAGIC,
    BINFMTFS_MAGIC,       NSFS_MAGIC,        AUTOFS_SUPER_MAGIC, CONFIGFS_MAGIC,
    FUSECTL_MAGIC,        MQUEUE_MAGIC,      RPC_PIPEFS_MAGIC,   NFSD_MAGIC,
  };
  struct statfs fs;

  if (fstatfs (fd, &fs) != 0)
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (magics); i++)
    if ((guint32) fs.f_type == magics[i])
      return TRUE;
  return FALSE;
}
