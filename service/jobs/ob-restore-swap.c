/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-restore-swap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ob-error.h"
#include "ob-fd.h"
#include "ob-io.h"
#include "ob-path.h"
#include "ob-wait.h"

/* A former directory that is being removed, in the staging directory. */
#define RELEASED "released"

/* A unit with its directories open. */
typedef struct
{
  const ObRestoreUnit *unit;
  int staging;
  int parent; /* of the living directory */
  char *name; /* of the living directory in it */
} Place;

/* internal methods */

static void
close_place (Place *place)
{
  ob_fd_clear (&place->staging);
  ob_fd_clear (&place->parent);
  g_free (place->name);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Place, close_place)

static gboolean
open_place (const ObRestoreUnit *unit, Place *place, GError **error)
{
  struct stat info = { 0 };

  place->unit = unit;
  place->staging = ob_restore_unit_open_staging (unit, error);
  if (place->staging < 0)
    return FALSE;
  place->parent = ob_path_open_parent (unit->path, &place->name, error);
  if (place->parent < 0)
    return FALSE;
  if (fstat (place->parent, &info) < 0 || info.st_ino != unit->parent_inode)
    {
      g_set_error (error, OB_ERROR, OB_ERROR_FAILED,
                   "The directory that holds %s is another one than when the restore began.",
                   unit->path);
      return FALSE;
    }
  return TRUE;
}

/* 0 where there is none. */
static guint64
get_inode (int directory, const char *name)
{
  struct stat info = { 0 };

  return fstatat (directory, name, &info, AT_SYMLINK_NOFOLLOW) == 0 ? info.st_ino : 0;
}

static gboolean
move (int from, const char *name, int to, const char *new_name, const char *what, GError **error)
{
  if (renameat2 (from, name, to, new_name, RENAME_NOREPLACE) == 0)
    return TRUE;
  /* A file system without the flag: nothing is there, as its callers have seen. */
  if ((errno == EINVAL || errno == ENOSYS) && get_inode (to, new_name) == 0
      && renameat (from, name, to, new_name) == 0)
    return TRUE;
  return ob_set_error_errno (error, errno, "%s cannot be moved", what);
}

/* Exchanges the living directory with @name of the staging directory. Without RENAME_EXCHANGE in
 * two steps, through @spare of the staging directory, where the living one is afterwards; with
 * it the living one is at @name afterwards. */
static gboolean
exchange (Place *place, const char *name, const char *spare, GError **error)
{
  const char *path = place->unit->path;

  if (renameat2 (place->staging, name, place->parent, place->name, RENAME_EXCHANGE) == 0)
    return TRUE;
  if (errno != EINVAL && errno != ENOSYS)
    return ob_set_error_errno (error, errno, "%s cannot be exchanged", path);
  return move (place->parent, place->name, place->staging, spare, path, error)
         && move (place->staging, name, place->parent, place->name, path, error);
}

/* Opens the directories on both sides that hold a nested part. */
static gboolean
open_carry (Place *place, const ObRestoreCarry *carry, int *living, int *staged, char **leaf,
            GError **error)
{
  g_autofree char *directory = g_path_get_dirname (carry->path);
  g_autofree char *in_living = g_build_filename (place->name, directory, NULL);
  g_autofree char *in_staged = g_build_filename (OB_RESTORE_NEW, directory, NULL);

  *leaf = g_path_get_basename (carry->path);
  *living = ob_path_open_at (place->parent, in_living, O_RDONLY | O_DIRECTORY, error);
  if (*living < 0)
    return FALSE;
  *staged = ob_path_open_at (place->staging, in_staged, O_RDONLY | O_DIRECTORY, error);
  return *staged >= 0;
}

/* A nested part comes or goes: the directories that hold it keep their times. */
static gboolean
move_nested (int from, int to, const char *leaf, const char *what, GError **error)
{
  const int directories[] = { from, to };
  struct stat before[G_N_ELEMENTS (directories)] = { 0 };

  for (gsize i = 0; i < G_N_ELEMENTS (directories); i++)
    if (fstat (directories[i], &before[i]) < 0)
      return ob_set_error_errno (error, errno, "The directory of %s cannot be looked at", what);
  if (!move (from, leaf, to, leaf, what, error))
    return FALSE;
  for (gsize i = 0; i < G_N_ELEMENTS (directories); i++)
    futimens (directories[i], (const struct timespec[]){ before[i].st_atim, before[i].st_mtim });
  return TRUE;
}

/* Moves a nested part that was not asked for from the living tree into the restored one. */
static gboolean
carry_over (Place *place, const ObRestoreCarry *carry, GError **error)
{
  ob_autofd int living = -1;
  ob_autofd int staged = -1;
  g_autofree char *leaf = NULL;

  if (carry->inode == 0)
    return TRUE;
  if (!open_carry (place, carry, &living, &staged, &leaf, error))
    return FALSE;
  if (get_inode (staged, leaf) == carry->inode)
    return TRUE;
  /* Another one would not be known again on the way back, and be lost. */
  if (get_inode (living, leaf) != carry->inode)
    {
      g_set_error (error, OB_ERROR, OB_ERROR_FAILED,
                   "%s in %s is another directory than when the restore began.", carry->path,
                   place->unit->path);
      return FALSE;
    }
  return move_nested (living, staged, leaf, carry->path, error);
}

static gboolean
carry_back (Place *place, const ObRestoreCarry *carry, GError **error)
{
  ob_autofd int living = -1;
  ob_autofd int staged = -1;
  g_autofree char *leaf = NULL;

  if (carry->inode == 0)
    return TRUE;
  if (!open_carry (place, carry, &living, &staged, &leaf, error))
    return FALSE;
  if (get_inode (staged, leaf) != carry->inode)
    return TRUE;
  return move_nested (staged, living, leaf, carry->path, error);
}

static gboolean
sync_place (Place *place, GError **error)
{
  if (fsync (place->staging) < 0 || fsync (place->parent) < 0)
    return ob_set_error_errno (error, errno, "The exchange of %s cannot be made durable",
                               place->unit->path);
  return TRUE;
}

/* After the restored directory is in place: the former one gets its name. */
static gboolean
name_previous (Place *place, GError **error)
{
  if (get_inode (place->staging, OB_RESTORE_NEW) == 0)
    return TRUE;
  return move (place->staging, OB_RESTORE_NEW, place->staging, OB_RESTORE_PREVIOUS,
               place->unit->path, error);
}

static gboolean
put_in_place (Place *place, GError **error)
{
  const ObRestoreUnit *unit = place->unit;
  guint64 living = get_inode (place->parent, place->name);

  if (living == unit->new_inode)
    return TRUE;
  if (get_inode (place->staging, OB_RESTORE_NEW) != unit->new_inode)
    {
      g_set_error (error, OB_ERROR, OB_ERROR_FAILED, "The restored copy of %s is not in %s/%s.",
                   unit->path, unit->staging_parent, unit->staging_name);
      return FALSE;
    }
  /* Where the former one has gone already, the second of two renames is still to do. */
  if (living == 0)
    return move (place->staging, OB_RESTORE_NEW, place->parent, place->name, unit->path, error);
  for (guint i = 0; i < unit->carries->len; i++)
    if (!carry_over (place, g_ptr_array_index (unit->carries, i), error))
      return FALSE;
  return exchange (place, OB_RESTORE_NEW, OB_RESTORE_PREVIOUS, error);
}

/* Takes the restored directory out of its place again. */
static gboolean
take_out (Place *place, GError **error)
{
  const ObRestoreUnit *unit = place->unit;
  const char *former = OB_RESTORE_PREVIOUS;

  if (get_inode (place->staging, former) == 0)
    former = OB_RESTORE_NEW;
  if (get_inode (place->staging, former) == 0)
    return move (place->parent, place->name, place->staging, OB_RESTORE_NEW, unit->path, error);
  return exchange (place, former, "taken-out", error);
}

/* The restored directory gets its name again, whichever way it came back. */
static gboolean
name_new (Place *place, GError **error)
{
  static const char *const names[] = { OB_RESTORE_PREVIOUS, "taken-out" };

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    if (get_inode (place->staging, names[i]) == place->unit->new_inode)
      return move (place->staging, names[i], place->staging, OB_RESTORE_NEW, place->unit->path,
                   error);
  return TRUE;
}

/* Whether a nested part has been carried over into "new". */
static gboolean
has_carried (const ObRestoreUnit *unit, int staging)
{
  for (guint i = 0; i < unit->carries->len; i++)
    {
      const ObRestoreCarry *carry = g_ptr_array_index (unit->carries, i);
      g_autofree char *path = g_build_filename (OB_RESTORE_NEW, carry->path, NULL);

      if (carry->inode != 0 && get_inode (staging, path) == carry->inode)
        return TRUE;
    }
  return FALSE;
}

/* Where its staging directory is gone or another one: whether what lives is not the restored
 * directory, and whole. */
static gboolean
is_living_former (const ObRestoreUnit *unit)
{
  ob_autofd int living = ob_path_open (unit->path, O_PATH | O_DIRECTORY, NULL);
  struct stat info = { 0 };

  if (living < 0 || fstat (living, &info) < 0 || info.st_ino == unit->new_inode)
    return FALSE;
  for (guint i = 0; i < unit->carries->len; i++)
    {
      const ObRestoreCarry *carry = g_ptr_array_index (unit->carries, i);

      if (carry->inode != 0 && get_inode (living, carry->path) != carry->inode)
        return FALSE;
    }
  return TRUE;
}

/* Whether nothing was exchanged, or all is back: then it does not matter what somebody did with the
 * directories around it meanwhile. */
static gboolean
is_untouched (const ObRestoreUnit *unit)
{
  ob_autofd int staging = ob_restore_unit_open_staging (unit, NULL);

  if (staging < 0)
    return is_living_former (unit);
  return unit->new_inode != 0 && get_inode (staging, OB_RESTORE_NEW) == unit->new_inode
         && get_inode (staging, OB_RESTORE_PREVIOUS) == 0 && !has_carried (unit, staging);
}

/* The staging directory in *@staging; -1 where it is gone already. */
static gboolean
open_staging_if_there (const ObRestoreUnit *unit, int *staging, GError **error)
{
  g_autoptr (GError) local = NULL;

  *staging = ob_restore_unit_open_staging (unit, &local);
  if (*staging >= 0 || g_error_matches (local, OB_ERROR, OB_ERROR_NOT_FOUND))
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&local));
  return FALSE;
}

/* Removes @name of the staging directory, and that one. */
static gboolean
remove_staged (const ObRestoreUnit *unit, const char *name, GCancellable *cancellable,
               GError **error)
{
  ob_autofd int parent = -1;
  ob_autofd int staging = -1;

  if (!open_staging_if_there (unit, &staging, error))
    return FALSE;
  if (staging < 0)
    return TRUE;
  if (!ob_remove_tree_at (staging, name, cancellable, error))
    return FALSE;
  parent = ob_path_open (unit->staging_parent, O_RDONLY | O_DIRECTORY, error);
  if (parent < 0)
    return FALSE;
  if (unlinkat (parent, unit->staging_name, AT_REMOVEDIR) < 0)
    return ob_set_error_errno (error, errno, "%s/%s cannot be removed", unit->staging_parent,
                               unit->staging_name);
  return TRUE;
}

/* What is about to be removed gets another name: whoever looks for the former directory finds all of
 * it, or nothing. */
static gboolean
give_up_previous (const ObRestoreUnit *unit, GError **error)
{
  ob_autofd int staging = -1;

  if (!open_staging_if_there (unit, &staging, error))
    return FALSE;
  if (staging < 0 || get_inode (staging, OB_RESTORE_PREVIOUS) == 0)
    return TRUE;
  if (!move (staging, OB_RESTORE_PREVIOUS, staging, RELEASED, unit->path, error))
    return FALSE;
  if (fsync (staging) < 0)
    return ob_set_error_errno (error, errno, "What is kept of %s cannot be named anew", unit->path);
  return TRUE;
}

/* methods of this room */

int
ob_restore_unit_open_staging (const ObRestoreUnit *unit, GError **error)
{
  ob_autofd int parent = ob_path_open (unit->staging_parent, O_RDONLY | O_DIRECTORY, error);
  ob_autofd int fd = -1;
  struct stat info = { 0 };

  if (parent < 0)
    return -1;
  fd = openat (parent, unit->staging_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0 || fstat (fd, &info) < 0)
    {
      ob_set_error_errno (error, errno, "%s/%s cannot be opened", unit->staging_parent,
                          unit->staging_name);
      return -1;
    }
  if (info.st_uid != geteuid () || (info.st_mode & 07777) != 0700
      || (unit->staging_inode != 0 && info.st_ino != unit->staging_inode))
    {
      g_set_error (error, OB_ERROR, OB_ERROR_FAILED,
                   "%s/%s is not the directory that the restore made; somebody has replaced it.",
                   unit->staging_parent, unit->staging_name);
      return -1;
    }
  return ob_fd_steal (&fd);
}

gboolean
ob_restore_unit_swap (const ObRestoreUnit *unit, GError **error)
{
  g_auto (Place) place = { .staging = -1, .parent = -1 };

  return open_place (unit, &place, error) && put_in_place (&place, error)
         && name_previous (&place, error) && sync_place (&place, error);
}

gboolean
ob_restore_unit_swap_back (const ObRestoreUnit *unit, GError **error)
{
  g_auto (Place) place = { .staging = -1, .parent = -1 };
  guint64 living = 0;

  if (is_untouched (unit))
    return TRUE;
  if (!open_place (unit, &place, error))
    return FALSE;
  living = get_inode (place.parent, place.name);
  if (living == unit->new_inode && !take_out (&place, error))
    return FALSE;
  if (!name_new (&place, error))
    return FALSE;
  /* Between two renames the former one is aside, and nothing is in its place. */
  if (get_inode (place.parent, place.name) == 0
      && get_inode (place.staging, OB_RESTORE_PREVIOUS) != 0
      && !move (place.staging, OB_RESTORE_PREVIOUS, place.parent, place.name, unit->path, error))
    return FALSE;
  for (guint i = 0; i < unit->carries->len; i++)
    if (get_inode (place.parent, place.name) != 0
        && !carry_back (&place, g_ptr_array_index (unit->carries, i), error))
      return FALSE;
  return sync_place (&place, error);
}

gboolean
ob_restore_unit_discard (const ObRestoreUnit *unit, GError **error)
{
  return remove_staged (unit, OB_RESTORE_NEW, NULL, error);
}

gboolean
ob_restore_unit_release (const ObRestoreUnit *unit, GCancellable *cancellable, GError **error)
{
  return ob_check_cancelled (cancellable, error) && give_up_previous (unit, error)
         && remove_staged (unit, RELEASED, cancellable, error);
}

gboolean
ob_restore_unit_turn (const ObRestoreUnit *unit, gboolean previous_to_new, GError **error)
{
  const char *from = previous_to_new ? OB_RESTORE_PREVIOUS : OB_RESTORE_NEW;
  const char *to = previous_to_new ? OB_RESTORE_NEW : OB_RESTORE_PREVIOUS;
  ob_autofd int staging = ob_restore_unit_open_staging (unit, error);

  if (staging < 0)
    return FALSE;
  if (get_inode (staging, from) == 0 && get_inode (staging, to) != 0)
    return TRUE;
  if (!move (staging, from, staging, to, unit->path, error))
    return FALSE;
  if (fsync (staging) < 0)
    return ob_set_error_errno (error, errno, "What is kept of %s cannot be named anew", unit->path);
  return TRUE;
}

void
ob_restore_unit_tidy (const ObRestoreUnit *unit)
{
  ob_autofd int parent = ob_path_open (unit->staging_parent, O_RDONLY | O_DIRECTORY, NULL);

  /* Where something is kept in it the call fails, as it should. */
  if (parent >= 0)
    unlinkat (parent, unit->staging_name, AT_REMOVEDIR);
}
