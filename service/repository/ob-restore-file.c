/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-restore.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "ob-io.h"

/* Files that lie in many blobs are kept open between two of them, up to this many. */
#define MAX_OPEN_FILES 128

/* Zeros of this size become a hole: a page, the unit of most file systems. */
#define ZERO_BLOCK 4096

/* --- directories --- */

ObRestoreDirectory *
ob_restore_directory_new (ObRestoreDirectory *parent, ObDirectory *directory, ObNode *node)
{
  ObRestoreDirectory *self = g_new0 (ObRestoreDirectory, 1);

  if (parent != NULL)
    ob_restore_directory_hold (parent);
  self->parent = parent;
  self->directory = ob_directory_ref (directory);
  self->node = node;
  self->holds = 1;
  return self;
}

void
ob_restore_directory_hold (ObRestoreDirectory *self)
{
  g_atomic_int_inc (&self->holds);
}

static void
apply_to_directory (ObRestore *restore, ObRestoreDirectory *self)
{
  int fd = ob_directory_acquire (self->directory);

  if (fd < 0)
    {
      g_autofree char *where = ob_directory_describe (self->directory, NULL);
      GError *error = NULL;

      ob_set_error_errno (&error, errno, "The restored directory “%s” cannot be opened", where);
      ob_first_error_take (restore->first_error, error);
      return;
    }
  ob_node_apply (&restore->apply, self->node, fd, self->directory, NULL);
  ob_directory_release (self->directory);
}

void
ob_restore_directory_release (ObRestore *restore, ObRestoreDirectory *self)
{
  while (self != NULL && g_atomic_int_dec_and_test (&self->holds))
    {
      ObRestoreDirectory *parent = self->parent;

      if (!ob_first_error_is_set (restore->first_error))
        apply_to_directory (restore, self);
      ob_directory_unref (self->directory);
      ob_node_free (self->node);
      g_free (self);
      self = parent;
    }
}

/* --- files --- */

static gboolean
set_file_error (ObRestoreFile *file, const char *what, GError **error)
{
  int errnum = errno;
  g_autofree char *where
    = ob_directory_describe (file->directory->directory, file->node->name);

  return ob_set_error_errno (error, errnum, "“%s” cannot be %s", where, what);
}

static void
file_free (ObRestoreFile *file)
{
  if (file->fd >= 0)
    close (file->fd);
  ob_node_free (file->node);
  pthread_mutex_destroy (&file->mutex);
  g_free (file);
}

/* Opens it, and makes it the first time. Called with the file's mutex held. */
static gboolean
open_file (ObRestore *restore, ObRestoreFile *file, GError **error)
{
  const int flags = O_WRONLY | O_NOFOLLOW | O_CLOEXEC;
  int dirfd;

  if (file->fd >= 0)
    return TRUE;
  dirfd = ob_directory_acquire (file->directory->directory);
  if (dirfd < 0)
    return set_file_error (file, "made: its directory cannot be opened", error);
  file->fd = file->created ? openat (dirfd, file->node->name, flags)
                           : openat (dirfd, file->node->name, flags | O_CREAT | O_EXCL, 0600);
  ob_directory_release (file->directory->directory);
  if (file->fd < 0)
    return set_file_error (file, "made", error);
  file->created = TRUE;
  pthread_mutex_lock (&restore->mutex);
  restore->open_files++;
  pthread_mutex_unlock (&restore->mutex);
  return TRUE;
}

static gboolean
close_file (ObRestore *restore, ObRestoreFile *file, GError **error)
{
  int result = close (file->fd);

  file->fd = -1;
  pthread_mutex_lock (&restore->mutex);
  restore->open_files--;
  pthread_mutex_unlock (&restore->mutex);
  return result == 0 || set_file_error (file, "written", error);
}

/* All of it is written. Frees it where that worked. */
static gboolean
complete_file (ObRestore *restore, ObRestoreFile *file, GError **error)
{
  if (file->end < file->size && ftruncate (file->fd, (off_t) file->size) != 0)
    return set_file_error (file, "given its size", error);
  ob_node_apply (&restore->apply, file->node, file->fd, file->directory->directory,
                 file->node->name);
  if (!close_file (restore, file, error))
    return FALSE;

  pthread_mutex_lock (&restore->mutex);
  g_hash_table_remove (restore->unfinished, file);
  pthread_mutex_unlock (&restore->mutex);
  ob_restore_directory_release (restore, file->directory);
  file_free (file);
  return TRUE;
}

ObRestoreFile *
ob_restore_file_new (ObRestore *restore, ObRestoreDirectory *directory, ObNode *node,
                     guint n_places)
{
  ObRestoreFile *file = g_new0 (ObRestoreFile, 1);
  GError *error = NULL;

  ob_restore_directory_hold (directory);
  file->directory = directory;
  file->node = node;
  file->fd = -1;
  file->remaining = n_places;
  pthread_mutex_init (&file->mutex, NULL);
  pthread_mutex_lock (&restore->mutex);
  g_hash_table_add (restore->unfinished, file);
  pthread_mutex_unlock (&restore->mutex);
  if (n_places > 0)
    return file;

  if (!open_file (restore, file, &error) || !complete_file (restore, file, &error))
    ob_first_error_take (restore->first_error, error);
  return NULL;
}

void
ob_restore_file_abandon (ObRestore *restore, ObRestoreFile *file)
{
  ob_restore_directory_release (restore, file->directory);
  file_free (file);
}

static gboolean
is_zero (const guint8 *data, gsize size)
{
  return data[0] == 0 && memcmp (data, data + 1, size - 1) == 0;
}

/* The length of the run of zero blocks, or of blocks with data, that begins at @data. Blocks are
 * those of the file: the first one may be a part of one. */
static gsize
measure_run (const guint8 *data, gsize size, guint64 offset, gboolean *zero)
{
  gsize length = 0;

  do
    {
      gsize block = MIN (size - length, ZERO_BLOCK - (offset + length) % ZERO_BLOCK);
      gboolean is_hole = block == ZERO_BLOCK && is_zero (data + length, block);

      if (length == 0)
        *zero = is_hole;
      else if (is_hole != *zero)
        break;
      length += block;
    }
  while (length < size);
  return length;
}

/* Writes all but blocks of zeros. */
static gboolean
write_data (int fd, const guint8 *data, gsize size, guint64 offset)
{
  while (size > 0)
    {
      gboolean zero;
      gsize run = measure_run (data, size, offset, &zero);

      data += run;
      size -= run;
      offset += run;
      while (!zero && run > 0)
        {
          gssize n = pwrite (fd, data - run, run, (off_t) (offset - run));

          if (n < 0 && errno != EINTR)
            return FALSE;
          if (n > 0)
            run -= (gsize) n;
        }
    }
  return TRUE;
}

static gboolean
begin_write (ObRestore *restore, ObRestoreFile *file, GError **error)
{
  gboolean ok;

  pthread_mutex_lock (&file->mutex);
  ok = open_file (restore, file, error);
  if (ok)
    file->users++;
  pthread_mutex_unlock (&file->mutex);
  return ok;
}

static gboolean
has_many_open (ObRestore *restore)
{
  gboolean many;

  pthread_mutex_lock (&restore->mutex);
  many = restore->open_files > MAX_OPEN_FILES;
  pthread_mutex_unlock (&restore->mutex);
  return many;
}

static gboolean
end_write (ObRestore *restore, ObRestoreFile *file, guint64 end, GError **error)
{
  gboolean complete;
  gboolean ok = TRUE;

  pthread_mutex_lock (&file->mutex);
  file->users--;
  file->end = MAX (file->end, end);
  complete = --file->remaining == 0;
  if (!complete && file->users == 0 && has_many_open (restore))
    ok = close_file (restore, file, error);
  pthread_mutex_unlock (&file->mutex);
  /* With no place left nobody else knows the file. */
  return ok && (!complete || complete_file (restore, file, error));
}

gboolean
ob_restore_file_write (ObRestore *restore, ObRestoreFile *file, guint64 offset, const guint8 *data,
                       gsize size, GError **error)
{
  gboolean ends_in_hole
    = size >= ZERO_BLOCK && (offset + size) % ZERO_BLOCK == 0
      && is_zero (data + size - ZERO_BLOCK, ZERO_BLOCK);

  if (!begin_write (restore, file, error))
    return FALSE;
  if (!write_data (file->fd, data, size, offset))
    return set_file_error (file, "written", error);
  ob_progress_add_done (restore->progress, size);
  return end_write (restore, file, ends_in_hole ? 0 : offset + size, error);
}
