/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-setup-place.h"

#include <dirent.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "ob-setup-found.h"

#define MAX_ENTRIES 1024
#define DIRECTORY "obbackup"

/* internal methods */

/* The file system of @path, or of the first directory above it that is there. */
static dev_t
device_of (const char *path)
{
  g_autofree char *parent = g_path_get_dirname (path);
  struct stat info = { 0 };

  if (stat (path, &info) == 0)
    return info.st_dev;
  return g_path_is_absolute (path) && parent[1] != '\0' ? device_of (parent) : 0;
}

static guint64
free_bytes_of (const char *path)
{
  g_autofree char *parent = g_path_get_dirname (path);
  struct statvfs info = { 0 };

  if (statvfs (path, &info) == 0 || statvfs (parent, &info) == 0)
    return (guint64) info.f_bavail * info.f_frsize;
  return 0;
}

/* Whether a repository may be put into it unasked. */
static gboolean
is_roots_own (const char *path)
{
  struct stat info = { 0 };
  struct statvfs system = { 0 };

  return lstat (path, &info) == 0 && S_ISDIR (info.st_mode) && info.st_uid == 0
         && (info.st_mode & (S_IWGRP | S_IWOTH)) == 0 && statvfs (path, &system) == 0
         && (system.f_flag & ST_RDONLY) == 0;
}

/* Takes a place in @directory where that is better than *@best. Not on the file system @no: a disk
 * that is not mounted just now has a directory that is. */
static void
consider (ObSetupPlace **best, const char *directory, dev_t no, const char *properties)
{
  g_autofree char *path = g_build_filename (directory, DIRECTORY, NULL);
  g_autoptr (ObSetupPlace) place = NULL;

  if (!ob_setup_path_is_plain (path) || !is_roots_own (directory) || device_of (directory) == no)
    return;
  place = ob_setup_place_look (path, properties);
  if (place->same || (*best != NULL && (*best)->free_bytes >= place->free_bytes))
    return;
  g_clear_pointer (best, ob_setup_place_free);
  *best = g_steal_pointer (&place);
}

/* @parent and the directories in it, down to @depth. */
static void
consider_below (ObSetupPlace **best, const char *parent, guint depth, dev_t no,
                const char *properties)
{
  DIR *stream = depth > 0 ? opendir (parent) : NULL;
  const struct dirent *entry = NULL;

  consider (best, parent, no, properties);
  if (stream == NULL)
    return;
  for (guint n = 0; n < MAX_ENTRIES && (entry = readdir (stream)) != NULL; n++)
    if (*entry->d_name != '.' && (entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN))
      {
        g_autofree char *path = g_build_filename (parent, entry->d_name, NULL);

        consider_below (best, path, depth - 1, no, properties);
      }
  closedir (stream);
}

/* public methods */

void
ob_setup_place_free (ObSetupPlace *place)
{
  g_free (place->path);
  g_free (place);
}

ObSetupPlace *
ob_setup_place_find (const char *root, const char *properties)
{
  static const struct
  {
    const char *path;
    guint depth;
    gboolean is_mounted; /* what lies there is, or is no disk */
  } places[] = { { "/mnt", 1, TRUE }, { "/media", 2, TRUE }, { "/srv/backup", 0, FALSE } };
  g_autofree char *top = g_strconcat (root, "/", NULL);
  g_autofree char *fallback = g_strconcat (root, "/var/backups", NULL);
  g_autofree char *path = g_build_filename (fallback, DIRECTORY, NULL);
  ObSetupPlace *best = NULL;

  for (gsize i = 0; i < G_N_ELEMENTS (places); i++)
    {
      g_autofree char *parent = g_strconcat (root, places[i].path, NULL);

      consider_below (&best, parent, places[i].depth, places[i].is_mounted ? device_of (top) : 0,
                      properties);
    }
  if (best == NULL && is_roots_own (fallback))
    best = ob_setup_place_look (path, properties);
  return best;
}

ObSetupPlace *
ob_setup_place_look (const char *path, const char *properties)
{
  ObSetupPlace *place = g_new0 (ObSetupPlace, 1);

  place->path = g_strdup (path);
  place->free_bytes = free_bytes_of (path);
  place->same = device_of (path) == device_of (properties);
  return place;
}
