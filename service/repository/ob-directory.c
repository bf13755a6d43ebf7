/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-directory.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Names of a path that a message shows at most: the first and the last ones. */
#define MAX_SHOWN 16

/* What the directories below one root share. */
typedef struct
{
  pthread_mutex_t mutex;
  char *path;
  guint max_open;
  GQueue idle; /* of ObDirectory: open and unused, the longest unused first */
} Shared;

struct _ObDirectory
{
  gint references; /* atomic */
  Shared *shared;
  ObDirectory *parent;
  char *name;
  dev_t device;
  ino_t inode;
  int fd;
  guint users;
  GList link; /* in shared->idle */
};

ObDirectory *
ob_directory_new_root (int fd, const char *path, guint max_open)
{
  ObDirectory *root = g_new0 (ObDirectory, 1);

  root->references = 1;
  root->fd = fd;
  root->users = 1; /* never idle, never closed */
  root->shared = g_new0 (Shared, 1);
  root->shared->path = g_strdup (path);
  root->shared->max_open = max_open;
  g_queue_init (&root->shared->idle);
  pthread_mutex_init (&root->shared->mutex, NULL);
  return root;
}

ObDirectory *
ob_directory_new_child (ObDirectory *parent, const char *name, dev_t device, ino_t inode)
{
  ObDirectory *directory = g_new0 (ObDirectory, 1);

  directory->references = 1;
  directory->shared = parent->shared;
  directory->parent = ob_directory_ref (parent);
  directory->name = g_strdup (name);
  directory->device = device;
  directory->inode = inode;
  directory->fd = -1;
  directory->link.data = directory;
  return directory;
}

ObDirectory *
ob_directory_ref (ObDirectory *directory)
{
  g_atomic_int_inc (&directory->references);
  return directory;
}

static void
free_root (ObDirectory *root)
{
  pthread_mutex_destroy (&root->shared->mutex);
  g_free (root->shared->path);
  g_free (root->shared);
  g_free (root);
}

void
ob_directory_unref (ObDirectory *directory)
{
  /* A loop: the parents of a deep tree would be a deep recursion. */
  while (directory != NULL && g_atomic_int_dec_and_test (&directory->references))
    {
      ObDirectory *parent = directory->parent;

      if (parent == NULL)
        {
          free_root (directory);
          return;
        }
      pthread_mutex_lock (&directory->shared->mutex);
      if (directory->fd >= 0)
        g_queue_unlink (&directory->shared->idle, &directory->link);
      pthread_mutex_unlock (&directory->shared->mutex);
      if (directory->fd >= 0)
        close (directory->fd);
      g_free (directory->name);
      g_free (directory);
      directory = parent;
    }
}

/* Both with the mutex held. */
static void
begin_use (ObDirectory *directory)
{
  if (directory->users++ == 0)
    g_queue_unlink (&directory->shared->idle, &directory->link);
}

/* The descriptor to be closed now, once the mutex is free; -1 for none. */
static int
end_use (ObDirectory *directory)
{
  Shared *shared = directory->shared;
  ObDirectory *oldest;
  int fd;

  if (--directory->users > 0)
    return -1;
  g_queue_push_tail_link (&shared->idle, &directory->link);
  if (shared->idle.length <= shared->max_open)
    return -1;
  oldest = shared->idle.head->data;
  g_queue_unlink (&shared->idle, &oldest->link);
  fd = oldest->fd;
  oldest->fd = -1;
  return fd;
}

/* Closes what is to be closed, and leaves errno alone. */
static void
close_quietly (int fd)
{
  int saved = errno;

  if (fd >= 0)
    close (fd);
  errno = saved;
}

static gboolean
is_same (const ObDirectory *directory, int fd, struct stat *st)
{
  if (fstat (fd, st) != 0)
    return FALSE;
  if ((directory->device == 0 && directory->inode == 0)
      || (st->st_dev == directory->device && st->st_ino == directory->inode))
    return TRUE;
  errno = ESTALE;
  return FALSE;
}

/* Opens @directory below its parent, which is open and in use. -1 on error. */
static int
open_below_parent (const ObDirectory *directory, struct stat *st)
{
  const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  int fd = openat (directory->parent->fd, directory->name, flags | O_NOATIME);

  if (fd < 0 && errno == EPERM)
    fd = openat (directory->parent->fd, directory->name, flags);
  if (fd >= 0 && !is_same (directory, fd, st))
    {
      close_quietly (fd);
      return -1;
    }
  return fd;
}

/* Puts the directory, open as @fd now, into use in place of its parent. Another thread may have
 * opened it meanwhile. */
static void
descend (ObDirectory *directory, int fd)
{
  int old = -1;
  int victim;

  pthread_mutex_lock (&directory->shared->mutex);
  if (directory->fd >= 0)
    {
      begin_use (directory);
      old = fd;
    }
  else
    {
      directory->fd = fd;
      directory->users = 1;
    }
  victim = end_use (directory->parent);
  pthread_mutex_unlock (&directory->shared->mutex);
  close_quietly (old);
  close_quietly (victim);
}

/* The nearest ancestor that is open, or the directory itself, is in use then; @closed gets those
 * below it, the lowest first. */
static ObDirectory *
begin_at_open (ObDirectory *directory, GPtrArray *closed)
{
  ObDirectory *at = directory;

  pthread_mutex_lock (&directory->shared->mutex);
  for (; at->fd < 0; at = at->parent)
    g_ptr_array_add (closed, at);
  begin_use (at);
  pthread_mutex_unlock (&directory->shared->mutex);
  return at;
}

/* Opens from the nearest open ancestor down, and never with the mutex held: other threads walk
 * elsewhere meanwhile. Those between stay open for the next who comes this way. *@is_open: it was
 * open already, and @st is not set. */
static int
acquire (ObDirectory *directory, gboolean *is_open, struct stat *st)
{
  g_autoptr (GPtrArray) closed = g_ptr_array_new ();
  ObDirectory *at = begin_at_open (directory, closed);

  *is_open = at == directory;
  for (guint i = closed->len; i > 0; i--)
    {
      ObDirectory *next = g_ptr_array_index (closed, i - 1);
      int fd = open_below_parent (next, st);

      if (fd < 0)
        {
          ob_directory_release (at);
          return -1;
        }
      descend (next, fd);
      at = next;
    }
  return directory->fd;
}

int
ob_directory_acquire (ObDirectory *directory)
{
  gboolean is_open;
  struct stat st;

  return acquire (directory, &is_open, &st);
}

int
ob_directory_acquire_with_stat (ObDirectory *directory, struct stat *st)
{
  gboolean is_open;
  int fd = acquire (directory, &is_open, st);

  if (fd < 0 || !is_open || fstat (fd, st) == 0)
    return fd;
  ob_directory_release (directory);
  return -1;
}

void
ob_directory_release (ObDirectory *directory)
{
  int victim;

  pthread_mutex_lock (&directory->shared->mutex);
  victim = end_use (directory);
  pthread_mutex_unlock (&directory->shared->mutex);
  close_quietly (victim);
}

char *
ob_directory_describe (ObDirectory *directory, const char *name)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new ();
  g_autoptr (GString) path = g_string_new (directory->shared->path);

  if (name != NULL)
    g_ptr_array_add (names, (gpointer) name);
  for (ObDirectory *at = directory; at->parent != NULL; at = at->parent)
    g_ptr_array_add (names, at->name);
  for (guint i = names->len; i > 0; i--)
    {
      if (names->len > MAX_SHOWN && i == names->len - MAX_SHOWN / 2)
        {
          g_string_append (path, "/…");
          i = MAX_SHOWN / 2;
        }
      if (path->len == 0 || path->str[path->len - 1] != '/')
        g_string_append_c (path, '/');
      g_string_append (path, g_ptr_array_index (names, i - 1));
    }
  return g_filename_display_name (path->str);
}

gboolean
ob_directory_takes_name (ObDirectory *directory, int fd, const char *name, ObProgress *progress)
{
  g_autofree char *where = NULL;
  struct stat st;

  if (strlen (name) <= NAME_MAX || fstatat (fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0
      || errno != ENAMETOOLONG)
    return TRUE;
  where = ob_directory_describe (directory, name);
  ob_progress_warn (progress, TRUE,
                    "“%s” cannot be restored here: this file system takes no name of "
                    "%" G_GSIZE_FORMAT " bytes",
                    where, strlen (name));
  return FALSE;
}
