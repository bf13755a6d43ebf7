/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-restore-units.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ob-destination.h"
#include "ob-error.h"
#include "ob-fd.h"
#include "ob-io.h"
#include "ob-keyfile.h"
#include "ob-path.h"
#include "ob-restore-previous.h"
#include "ob-restore-swap.h"

/* What tells whether something can be renamed from one directory to another. */
typedef struct
{
  guint64 inode;
  guint64 mount;
  gboolean is_mount_root;
} Place;

/* internal methods */

static gboolean
look_at (int fd, const char *path, Place *place, GError **error)
{
  struct statx info = { 0 };

  if (statx (fd, "", AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW, STATX_INO | STATX_MNT_ID, &info) < 0)
    return ob_set_error_errno (error, errno, "%s cannot be looked at", path);
  place->inode = info.stx_ino;
  place->mount = info.stx_mnt_id;
  place->is_mount_root = (info.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
  return TRUE;
}

/* The directory at @path; *@place is all 0 where there is none. */
static gboolean
look_at_path (const char *path, Place *place, GError **error)
{
  g_autoptr (GError) local = NULL;
  ob_autofd int fd = ob_path_open (path, O_PATH | O_DIRECTORY, &local);

  *place = (Place){ 0 };
  if (fd >= 0)
    return look_at (fd, path, place, error);
  if (g_error_matches (local, OB_ERROR, OB_ERROR_NOT_FOUND))
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&local));
  return FALSE;
}

static gboolean
refuse_mount (const char *path, GError **error)
{
  g_set_error (error, OB_ERROR, OB_ERROR_NOT_SUPPORTED,
               "%s is a mount point, which cannot be exchanged as a whole; restore this part into "
               "a directory on the same file system, and move it from there.",
               path);
  return FALSE;
}

/* Opens the directory @name below @fd, making it where it is missing: as others make it, since the
 * umask of this process keeps out the application's user. *@fd becomes the new one. */
static gboolean
step_into (int *fd, const char *name, const char *path, gboolean *was_made, GError **error)
{
  gboolean made = mkdirat (*fd, name, 0755) == 0;
  int next = -1;

  *was_made = made;
  if (!made && errno != EEXIST)
    return ob_set_error_errno (error, errno, "The directory %s cannot be made", path);
  next = ob_path_open_at (*fd, name, O_RDONLY | O_DIRECTORY, error);
  if (next < 0)
    return FALSE;
  ob_fd_clear (fd);
  *fd = next;
  if (made && fchmod (next, 0755) < 0)
    return ob_set_error_errno (error, errno, "The mode of %s cannot be set", path);
  return TRUE;
}

/* mkdir -p of the directory that holds the unit's, following no link. */
static gboolean
make_parents (ObRestoreUnit *unit, GError **error)
{
  g_autofree char *parent = g_path_get_dirname (unit->path);
  g_auto (GStrv) names = g_strsplit (parent, "/", -1);
  g_autoptr (GString) above = g_string_new (NULL);
  ob_autofd int fd = open ("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

  for (gsize i = 0; names[i] != NULL; i++)
    {
      gboolean made = FALSE, ok = FALSE;

      if (*names[i] == '\0')
        continue;
      g_string_append_printf (above, "/%s", names[i]);
      ok = step_into (&fd, names[i], parent, &made, error);
      if (made && unit->made == NULL)
        unit->made = g_strdup (above->str);
      if (!ok)
        return FALSE;
    }
  return TRUE;
}

/* Where it is empty. */
static gboolean
remove_directory (const char *path)
{
  g_autofree char *parent = g_path_get_dirname (path);
  g_autofree char *name = g_path_get_basename (path);
  ob_autofd int fd = ob_path_open (parent, O_RDONLY | O_DIRECTORY, NULL);

  return fd >= 0 && unlinkat (fd, name, AT_REMOVEDIR) == 0;
}

/* Whether @path is the directory that the application server deploys from, or lies in it. */
static gboolean
is_deployed_from (ObInstance *instance, const char *path)
{
  const char *webapp = ob_instance_get_path (instance, OB_PART_WEBAPP);
  g_autofree char *deployed = webapp != NULL ? g_path_get_dirname (webapp) : NULL;

  return deployed != NULL && strcmp (deployed, "/") != 0 && ob_path_is_below (path, deployed, NULL);
}

static gboolean
is_in_a_part (ObInstance *instance, const char *path)
{
  for (ObParts part = OB_PART_SOURCES; part < OB_PART_ALL; part <<= 1)
    {
      const char *directory = ob_instance_get_path (instance, part);

      if (directory != NULL && ob_path_is_below (path, directory, NULL))
        return TRUE;
    }
  return FALSE;
}

/* The nearest directory above the unit's where something can be made without being deployed; with
 * @outside, without lying in another part either, which would carry it away when that part is
 * restored in its turn. Transfer full. */
static char *
find_staging_parent (const ObRestoreUnit *unit, ObInstance *instance, gboolean outside)
{
  char *directory = g_path_get_dirname (unit->path);

  while (is_deployed_from (instance, directory) || (outside && is_in_a_part (instance, directory)))
    {
      char *above = g_path_get_dirname (directory);

      g_free (directory);
      directory = above;
    }
  return directory;
}

/* It has to be on the same mount as the unit's directory, which is renamed into it. */
static gboolean
choose_staging_parent (ObRestoreUnit *unit, ObInstance *instance, guint64 mount, GError **error)
{
  g_autofree char *last = NULL;

  for (gint outside = TRUE; outside >= FALSE; outside--)
    {
      g_autofree char *directory = find_staging_parent (unit, instance, outside);
      Place place = { 0 };

      if (!look_at_path (directory, &place, error))
        return FALSE;
      if (place.mount == mount)
        {
          unit->staging_parent = g_steal_pointer (&directory);
          return TRUE;
        }
      g_free (last);
      last = g_steal_pointer (&directory);
    }
  g_set_error (error, OB_ERROR, OB_ERROR_NOT_SUPPORTED,
               "%s cannot be restored in place: what would have to be made beside it would be "
               "deployed by the application server, and %s is on another file system. Restore it "
               "into a directory instead.",
               unit->path, last);
  return FALSE;
}

/* @path, or the nearest directory above it that is there. Transfer full. */
static char *
find_existing (const char *path)
{
  char *directory = g_strdup (path);

  while (strcmp (directory, "/") != 0 && access (directory, F_OK) != 0)
    {
      char *above = g_path_get_dirname (directory);

      g_free (directory);
      directory = above;
    }
  return directory;
}

static gboolean
plan_unit (ObRestoreUnit *unit, ObRestoreJournal *journal, ObInstance *instance, gboolean dry,
           GError **error)
{
  g_autofree char *parent = g_path_get_dirname (unit->path);
  Place living = { 0 };
  Place holder = { 0 };

  if ((!dry && !make_parents (unit, error)) || !look_at_path (unit->path, &living, error)
      || !look_at_path (parent, &holder, error))
    return FALSE;
  if (living.is_mount_root)
    return refuse_mount (unit->path, error);
  unit->parent_inode = holder.inode;
  unit->had_former = living.inode != 0;
  unit->staging_name = g_strdup_printf (".obbackup-%s-%s-%s", journal->instance,
                                        ob_part_get_name (unit->part), journal->time);
  if (holder.inode != 0)
    return choose_staging_parent (unit, instance, holder.mount, error);
  unit->staging_parent = find_existing (parent);
  return TRUE;
}

static gboolean
add_carry (ObRestoreUnit *unit, const char *path, const char *relative, GError **error)
{
  ObRestoreCarry *carry = NULL;
  Place place = { 0 };

  if (!look_at_path (path, &place, error))
    return FALSE;
  if (place.is_mount_root)
    return refuse_mount (path, error);
  carry = g_new0 (ObRestoreCarry, 1);
  carry->path = g_strdup (relative);
  carry->inode = place.inode;
  g_ptr_array_add (unit->carries, carry);
  return TRUE;
}

/* Whether another part that is carried over holds @path. */
static gboolean
is_carried (const ObRestoreUnit *unit, const char *path)
{
  for (guint i = 0; i < unit->carries->len; i++)
    {
      const ObRestoreCarry *carry = g_ptr_array_index (unit->carries, i);
      g_autofree char *carried = g_build_filename (unit->path, carry->path, NULL);

      if (ob_path_is_below (path, carried, NULL))
        return TRUE;
    }
  return FALSE;
}

/* A part strictly below the unit's directory; @wanted is the part that is restored there, or 0.
 * Outer parts come first. */
static gboolean
add_nested (ObRestoreUnit *unit, const ObInstanceTree *tree, const char *relative, ObParts wanted,
            GError **error)
{
  const char *path = tree->path;
  Place place = { 0 };

  if (is_carried (unit, path))
    {
      if (wanted == 0)
        return TRUE;
      g_set_error (error, OB_ERROR, OB_ERROR_NOT_SUPPORTED,
                   "The %s (%s) lie in another part that is not to be restored; restore that one "
                   "too, or the %s alone.",
                   ob_part_get_name (wanted), path, ob_part_get_name (wanted));
      return FALSE;
    }
  if (wanted == 0)
    return add_carry (unit, path, relative, error);
  if (!look_at_path (path, &place, error))
    return FALSE;
  if (place.is_mount_root)
    return refuse_mount (path, error);
  unit->parts |= wanted;
  return TRUE;
}

static gint
compare_lengths (gconstpointer a, gconstpointer b)
{
  const ObInstanceTree *left = *(ObInstanceTree *const *) a;
  const ObInstanceTree *right = *(ObInstanceTree *const *) b;
  gsize left_length = strlen (left->path);
  gsize right_length = strlen (right->path);

  return left_length < right_length ? -1 : left_length > right_length;
}

/* The part of @trees whose directory is @path; 0 for none. */
static ObParts
find_part (GPtrArray *trees, const char *path)
{
  for (guint i = 0; i < trees->len; i++)
    {
      const ObInstanceTree *tree = g_ptr_array_index (trees, i);

      if (strcmp (tree->path, path) == 0)
        return tree->part;
    }
  return 0;
}

static ObRestoreUnit *
find_unit (ObRestoreJournal *journal, const char *path, const char **relative)
{
  for (guint i = 0; i < journal->units->len; i++)
    {
      ObRestoreUnit *unit = g_ptr_array_index (journal->units, i);

      if (ob_path_is_below (path, unit->path, relative))
        return unit;
    }
  return NULL;
}

/* Opens the directory that holds @relative below @fd, making what is missing of it. */
static int
open_nested_parent (int fd, const char *relative, char **leaf, GError **error)
{
  g_auto (GStrv) names = g_strsplit (relative, "/", -1);
  guint n = g_strv_length (names);
  ob_autofd int parent = ob_path_open_at (fd, ".", O_RDONLY | O_DIRECTORY, error);
  gboolean made = FALSE;

  for (guint i = 0; parent >= 0 && i + 1 < n; i++)
    if (!step_into (&parent, names[i], relative, &made, error))
      return -1;
  *leaf = g_strdup (names[n - 1]);
  return ob_fd_steal (&parent);
}

/* Whether the exchange would take @path, which has to stay where it is, away with the former state.
 * What lies in a part that is carried over stays. */
static gboolean
takes_away (const ObRestoreUnit *unit, const char *path)
{
  return ob_path_is_below (path, unit->path, NULL) && !is_carried (unit, path);
}

static gboolean
check_repositories (const ObRestoreUnit *unit, ObContext *context, GError **error)
{
  g_auto (GStrv) names = ob_keyfile_list (context->destinations_fd, error);

  if (names == NULL)
    return FALSE;
  for (gsize i = 0; names[i] != NULL; i++)
    {
      g_autoptr (ObDestination) destination = ob_destination_load (context, names[i], NULL);
      g_autofree char *path
        = destination != NULL ? realpath (ob_destination_get_path (destination), NULL) : NULL;

      if (path == NULL || !takes_away (unit, path))
        continue;
      g_set_error (error, OB_ERROR, OB_ERROR_NOT_SUPPORTED,
                   "The repository of destination %s (%s) lies in %s, and would be taken away with "
                   "its former state; move it out of there, or restore with --into.",
                   names[i], path, unit->path);
      return FALSE;
    }
  return TRUE;
}

static gboolean
check_kept (const ObRestoreUnit *unit, ObContext *context, GError **error)
{
  g_autoptr (GPtrArray) kept = ob_restore_previous_list_paths (context);

  for (guint i = 0; i < kept->len; i++)
    {
      g_autofree char *path = realpath (g_ptr_array_index (kept, i), NULL);

      if (path == NULL || !takes_away (unit, path))
        continue;
      g_set_error (error, OB_ERROR, OB_ERROR_NOT_SUPPORTED,
                   "The former state that another restore kept (%s) lies in %s, and would be taken "
                   "away with this one; move or remove it, or restore with --into.",
                   path, unit->path);
      return FALSE;
    }
  return TRUE;
}

/* A mount goes with the directory that it lies in, and the restored one would be without. */
static gboolean
check_mounts (const ObRestoreUnit *unit, GError **error)
{
  g_autofree char *text = NULL;
  g_auto (GStrv) lines = NULL;

  if (!g_file_get_contents ("/proc/self/mountinfo", &text, NULL, error))
    return FALSE;
  lines = g_strsplit (text, "\n", -1);
  for (gsize i = 0; lines[i] != NULL; i++)
    {
      g_auto (GStrv) words = g_strsplit (lines[i], " ", 6);
      /* Spaces and the like are octal in it: \040. */
      g_autofree char *path = g_strv_length (words) == 6 ? g_strcompress (words[4]) : NULL;

      if (path == NULL || strcmp (path, unit->path) == 0 || !takes_away (unit, path))
        continue;
      g_set_error (error, OB_ERROR, OB_ERROR_NOT_SUPPORTED,
                   "%s, which lies in %s, is a mount point, and would be taken away with its "
                   "former state; unmount it for the restore, or restore with --into.",
                   path, unit->path);
      return FALSE;
    }
  return TRUE;
}

static gboolean
check_units (ObRestoreJournal *journal, ObContext *context, GError **error)
{
  for (guint i = 0; i < journal->units->len; i++)
    {
      const ObRestoreUnit *unit = g_ptr_array_index (journal->units, i);

      if (!check_repositories (unit, context, error) || !check_kept (unit, context, error)
          || !check_mounts (unit, error))
        return FALSE;
    }
  return TRUE;
}

/* methods of this room */

gboolean
ob_restore_units_plan (ObRestoreJournal *journal, ObInstance *instance, ObContext *context,
                       ObParts parts, gboolean dry, GError **error)
{
  g_autoptr (GPtrArray) trees = ob_instance_get_trees (instance, OB_PART_ALL);
  g_autoptr (GPtrArray) wanted = ob_instance_get_trees (instance, parts);

  g_ptr_array_sort (trees, compare_lengths);
  g_ptr_array_sort (wanted, compare_lengths);

  for (guint i = 0; i < wanted->len; i++)
    {
      const ObInstanceTree *tree = g_ptr_array_index (wanted, i);

      if (find_unit (journal, tree->path, NULL) == NULL
          && !plan_unit (ob_restore_journal_add_unit (journal, tree->part, tree->path), journal,
                         instance, dry, error))
        return FALSE;
    }
  for (guint i = 0; i < trees->len; i++)
    {
      const ObInstanceTree *tree = g_ptr_array_index (trees, i);
      const char *relative = NULL;
      ObRestoreUnit *unit = find_unit (journal, tree->path, &relative);

      if (unit != NULL && *relative != '\0'
          && !add_nested (unit, tree, relative, find_part (wanted, tree->path), error))
        return FALSE;
    }
  return check_units (journal, context, error);
}

void
ob_restore_units_remove_parents (ObRestoreJournal *journal)
{
  for (guint i = 0; i < journal->units->len; i++)
    {
      const ObRestoreUnit *unit = g_ptr_array_index (journal->units, i);
      g_autofree char *path = g_path_get_dirname (unit->path);

      while (unit->made != NULL && ob_path_is_below (path, unit->made, NULL)
             && remove_directory (path))
        {
          char *above = g_path_get_dirname (path);

          g_free (path);
          path = above;
        }
    }
}

int
ob_restore_unit_make_staging (ObRestoreUnit *unit, GError **error)
{
  ob_autofd int parent = ob_path_open (unit->staging_parent, O_RDONLY | O_DIRECTORY, error);
  ob_autofd int staging = -1;
  ob_autofd int fd = -1;
  Place place = { 0 };

  if (parent < 0)
    return -1;
  if (mkdirat (parent, unit->staging_name, 0700) < 0)
    {
      ob_set_error_errno (error, errno, "The directory %s/%s cannot be made", unit->staging_parent,
                          unit->staging_name);
      return -1;
    }
  staging = ob_restore_unit_open_staging (unit, error);
  if (staging < 0 || !look_at (staging, unit->staging_name, &place, error))
    return -1;
  unit->staging_inode = place.inode;
  if (mkdirat (staging, OB_RESTORE_NEW, 0700) < 0)
    {
      ob_set_error_errno (error, errno, "A directory cannot be made in %s/%s",
                          unit->staging_parent, unit->staging_name);
      return -1;
    }
  fd = ob_path_open_at (staging, OB_RESTORE_NEW, O_RDONLY | O_DIRECTORY, error);
  if (fd < 0 || !look_at (fd, OB_RESTORE_NEW, &place, error))
    return -1;
  unit->new_inode = place.inode;
  return ob_fd_steal (&fd);
}

int
ob_restore_unit_make_nested (int fd, const char *relative, GError **error)
{
  g_autofree char *leaf = NULL;
  ob_autofd int parent = open_nested_parent (fd, relative, &leaf, error);
  struct stat info = { 0 };
  int result = -1;

  if (parent < 0)
    return -1;
  if (fstat (parent, &info) < 0 || !ob_remove_tree_at (parent, leaf, NULL, error))
    return -1;
  if (mkdirat (parent, leaf, 0700) < 0)
    {
      ob_set_error_errno (error, errno, "The directory %s cannot be made", relative);
      return -1;
    }
  result = ob_path_open_at (parent, leaf, O_RDONLY | O_DIRECTORY, error);
  futimens (parent, (const struct timespec[]){ info.st_atim, info.st_mtim });
  return result;
}

gboolean
ob_restore_unit_make_room (int fd, const char *relative, GError **error)
{
  g_autofree char *leaf = NULL;
  ob_autofd int parent = open_nested_parent (fd, relative, &leaf, error);
  struct stat info = { 0 };

  if (parent < 0)
    return FALSE;
  if (fstatat (parent, leaf, &info, AT_SYMLINK_NOFOLLOW) < 0)
    return TRUE;
  if (fstat (parent, &info) < 0 || !ob_remove_tree_at (parent, leaf, NULL, error))
    return FALSE;
  futimens (parent, (const struct timespec[]){ info.st_atim, info.st_mtim });
  return TRUE;
}
