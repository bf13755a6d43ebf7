/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-cache-directory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "ob-error.h"
#include "ob-fd.h"
#include "ob-io.h"
#include "ob-path.h"

#define TOP "repositories"
#define TEMPORARY '.' /* how the names of files that are being written begin */
#define BLOCK 4096    /* what a file takes is counted in these */
#define HOUR (60 * 60)
#define MOST_KEPT_FREE (G_GUINT64_CONSTANT (1024) * 1024 * 1024)

struct _ObCacheDirectory
{
  gatomicrefcount references;
  char *path;

  pthread_mutex_t mutex; /* guards what follows */
  guint64 limit;
  guint64 used;      /* bytes; rather too many than too few */
  gboolean counted;  /* whether used says anything */
  gint64 complained; /* g_get_monotonic_time() of the last warning, 0: none */
};

/* A file, when there are too many. */
typedef struct
{
  char *path; /* below TOP */
  guint64 size;
  gint64 last_use; /* microseconds since the epoch, or one of those below */
} Entry;

#define LEFT_BEHIND G_MININT64
#define BEING_WRITTEN G_MAXINT64

/* internal methods */

static guint64
round_up (guint64 size)
{
  return (size + BLOCK - 1) / BLOCK * BLOCK;
}

/* That there is no cache is no reason for a job to fail, nor for a log full of it. */
static void
complain (ObCacheDirectory *self, int errnum)
{
  gint64 now = g_get_monotonic_time ();
  gboolean tells;

  pthread_mutex_lock (&self->mutex);
  tells = self->complained == 0 || now - self->complained > (gint64) HOUR * G_USEC_PER_SEC;
  if (tells)
    self->complained = now;
  pthread_mutex_unlock (&self->mutex);
  if (tells)
    g_warning ("The cache in %s cannot be used: %s. Jobs go on without it, and ask the "
               "destinations for more.",
               self->path, g_strerror (errnum));
}

/* The last component. */
static const char *
get_base (const char *name)
{
  const char *slash = strrchr (name, '/');

  return slash != NULL ? slash + 1 : name;
}

static char *
get_directory (const char *place, const char *name)
{
  return g_strdup_printf (TOP "/%s/%.*s", place, (int) strcspn (name, "/"), name);
}

/* Opens what is at @path below the directory, without following links there. -1 with errno. */
static int
open_below (ObCacheDirectory *self, const char *path, int flags)
{
  ob_autofd int root = open (self->path, O_PATH | O_DIRECTORY | O_CLOEXEC);

  return root >= 0 ? ob_path_try_open_at (root, path, flags) : -1;
}

/* Makes what is missing of a directory of copies, and opens it. -1 with errno. */
static int
make_directory (ObCacheDirectory *self, const char *path)
{
  g_auto (GStrv) components = g_strsplit (path, "/", -1);
  ob_autofd int fd = ob_make_directories (self->path, 0700, NULL);

  for (char **component = components; fd >= 0 && *component != NULL; component++)
    {
      int next;

      if (mkdirat (fd, *component, 0700) < 0 && errno != EEXIST)
        return -1;
      next = openat (fd, *component, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
      ob_fd_clear (&fd);
      fd = next;
    }
  return ob_fd_steal (&fd);
}

static int
open_to_write (ObCacheDirectory *self, const char *place, const char *name)
{
  g_autofree char *path = get_directory (place, name);
  int fd = open_below (self, path, O_RDONLY | O_DIRECTORY);

  return fd < 0 && errno == ENOENT ? make_directory (self, path) : fd;
}

/* The file system may be one that a database needs too. */
static gboolean
has_room (int fd, guint64 size)
{
  struct statvfs info;
  guint64 kept_free;

  if (fstatvfs (fd, &info) < 0)
    return FALSE;
  kept_free = MIN ((guint64) info.f_blocks * info.f_frsize / 20, MOST_KEPT_FREE);
  return (guint64) info.f_bavail * info.f_frsize >= size + kept_free;
}

static gboolean
write_parts (int fd, const struct iovec *parts, gsize n_parts)
{
  for (gsize i = 0; i < n_parts; i++)
    if (!ob_write_full (fd, parts[i].iov_base, parts[i].iov_len))
      return FALSE;
  return TRUE;
}

/* Without any sync: one that a power cut damages is thrown away when it is read. FALSE with
 * errno. */
static gboolean
write_copy (int dirfd, const char *base, const struct iovec *parts, gsize n_parts)
{
  g_autofree char *temporary
    = g_strdup_printf ("%c%08x%08x", TEMPORARY, g_random_int (), g_random_int ());
  ob_autofd int fd
    = openat (dirfd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  int errnum;

  if (fd < 0)
    return FALSE;
  if (write_parts (fd, parts, n_parts) && renameat (dirfd, temporary, dirfd, base) == 0)
    return TRUE;
  errnum = errno;
  unlinkat (dirfd, temporary, 0);
  errno = errnum;
  return FALSE;
}

/* Whether it was used so long ago that it is worth writing down that it is used again. */
static void
touch (int fd, const struct stat *info)
{
  const struct timespec times[2] = { { .tv_nsec = UTIME_NOW }, { .tv_nsec = UTIME_OMIT } };

  if (info->st_atim.tv_sec + HOUR < time (NULL))
    (void) futimens (fd, times);
}

/* internal methods: keeping to the limit */

static void
entry_clear (gpointer data)
{
  g_free (((Entry *) data)->path);
}

static gint
compare_uses (gconstpointer a, gconstpointer b)
{
  const Entry *x = a;
  const Entry *y = b;

  return x->last_use < y->last_use ? -1 : x->last_use > y->last_use;
}

static gint64
get_microseconds (const struct timespec *time)
{
  return (gint64) time->tv_sec * G_USEC_PER_SEC + time->tv_nsec / 1000;
}

static void
add_file (GArray *entries, int dirfd, const char *path)
{
  Entry entry = { 0 };
  struct stat info;

  if (fstatat (dirfd, get_base (path), &info, AT_SYMLINK_NOFOLLOW) < 0)
    return;
  entry.path = g_strdup (path);
  entry.size = round_up ((guint64) info.st_size);
  entry.last_use = MAX (get_microseconds (&info.st_atim), get_microseconds (&info.st_mtim));
  if (*get_base (path) == TEMPORARY)
    entry.last_use = info.st_mtim.tv_sec + HOUR < time (NULL) ? LEFT_BEHIND : BEING_WRITTEN;
  g_array_append_val (entries, entry);
}

/* All files @depth directories below that of @fd, which is closed. */
static void
add_files (GArray *entries, int fd, const char *path, guint depth)
{
  DIR *directory = fdopendir (fd);
  const struct dirent *found;

  if (directory == NULL)
    {
      ob_fd_clear (&fd);
      return;
    }
  while ((found = readdir (directory)) != NULL)
    {
      g_autofree char *below = g_strconcat (path, *path != '\0' ? "/" : "", found->d_name, NULL);
      int next = -1;

      if (strcmp (found->d_name, ".") == 0 || strcmp (found->d_name, "..") == 0)
        continue;
      if (depth == 0)
        {
          add_file (entries, dirfd (directory), below);
          continue;
        }
      next = openat (dirfd (directory), found->d_name,
                     O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
      if (next >= 0)
        add_files (entries, next, below, depth - 1);
    }
  closedir (directory);
}

static gboolean
remove_entry (int top, const Entry *entry)
{
  const char *base = get_base (entry->path);
  g_autofree char *directory = g_strndup (entry->path, (gsize) (base - entry->path) - 1);
  ob_autofd int fd = ob_path_try_open_at (top, directory, O_RDONLY | O_DIRECTORY);

  return fd >= 0 && unlinkat (fd, base, 0) == 0;
}

/* Counts, and removes what is too much and a tenth of the limit more, so that not every copy from
 * then on begins with a count. Called with the mutex held. */
static void
count_and_trim (ObCacheDirectory *self)
{
  g_autoptr (GArray) entries = g_array_new (FALSE, FALSE, sizeof (Entry));
  ob_autofd int top = open_below (self, TOP, O_RDONLY | O_DIRECTORY);
  guint64 wanted;
  int fd = top >= 0 ? openat (top, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

  g_array_set_clear_func (entries, entry_clear);
  if (fd >= 0)
    add_files (entries, fd, "", 2);
  self->used = 0;
  self->counted = TRUE;
  for (guint i = 0; i < entries->len; i++)
    self->used += g_array_index (entries, Entry, i).size;
  wanted = self->used > self->limit ? self->limit - self->limit / 10 : self->used;
  g_array_sort (entries, compare_uses);
  for (guint i = 0; i < entries->len; i++)
    {
      const Entry *entry = &g_array_index (entries, Entry, i);

      if ((self->used > wanted || entry->last_use == LEFT_BEHIND)
          && entry->last_use != BEING_WRITTEN && remove_entry (top, entry))
        self->used -= entry->size;
    }
}

static void
count_new (ObCacheDirectory *self, guint64 size)
{
  pthread_mutex_lock (&self->mutex);
  self->used += round_up (size);
  if (!self->counted || self->used > self->limit)
    count_and_trim (self);
  pthread_mutex_unlock (&self->mutex);
}

/* public methods */

ObCacheDirectory *
ob_cache_directory_new (const char *path, guint64 limit)
{
  ObCacheDirectory *self = g_new0 (ObCacheDirectory, 1);

  g_atomic_ref_count_init (&self->references);
  self->path = g_strdup (path);
  self->limit = limit;
  pthread_mutex_init (&self->mutex, NULL);
  return self;
}

ObCacheDirectory *
ob_cache_directory_ref (ObCacheDirectory *directory)
{
  g_atomic_ref_count_inc (&directory->references);
  return directory;
}

void
ob_cache_directory_unref (ObCacheDirectory *directory)
{
  if (directory == NULL || !g_atomic_ref_count_dec (&directory->references))
    return;
  pthread_mutex_destroy (&directory->mutex);
  g_free (directory->path);
  g_free (directory);
}

void
ob_cache_directory_set_limit (ObCacheDirectory *directory, guint64 limit)
{
  pthread_mutex_lock (&directory->mutex);
  directory->counted = directory->counted && limit >= directory->limit;
  directory->limit = limit;
  pthread_mutex_unlock (&directory->mutex);
}

guint64
ob_cache_directory_get_limit (ObCacheDirectory *directory)
{
  guint64 limit;

  pthread_mutex_lock (&directory->mutex);
  limit = directory->limit;
  pthread_mutex_unlock (&directory->mutex);
  return limit;
}

gboolean
ob_cache_directory_put (ObCacheDirectory *directory, const char *place, const char *name,
                        const struct iovec *parts, gsize n_parts)
{
  guint64 limit = ob_cache_directory_get_limit (directory);
  guint64 size = 0;
  ob_autofd int fd = -1;

  for (gsize i = 0; i < n_parts; i++)
    size += parts[i].iov_len;
  if (round_up (size) > limit / 4)
    return FALSE;
  fd = open_to_write (directory, place, name);
  if (fd >= 0 && !has_room (fd, size))
    errno = ENOSPC;
  else if (fd >= 0 && write_copy (fd, get_base (name), parts, n_parts))
    {
      count_new (directory, size);
      return TRUE;
    }
  complain (directory, errno);
  return FALSE;
}

int
ob_cache_directory_open (ObCacheDirectory *directory, const char *place, const char *name,
                         struct stat *info)
{
  g_autofree char *parent = get_directory (place, name);
  g_autofree char *path = g_strconcat (parent, "/", get_base (name), NULL);
  ob_autofd int fd = open_below (directory, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);

  if (fd < 0)
    return -1;
  if (fstat (fd, info) < 0 || !S_ISREG (info->st_mode))
    {
      ob_cache_directory_remove (directory, place, name);
      return -1;
    }
  touch (fd, info);
  return ob_fd_steal (&fd);
}

gboolean
ob_cache_directory_remove (ObCacheDirectory *directory, const char *place, const char *name)
{
  g_autofree char *path = get_directory (place, name);
  ob_autofd int fd = open_below (directory, path, O_RDONLY | O_DIRECTORY);
  struct stat info;

  return fd >= 0 && fstatat (fd, get_base (name), &info, AT_SYMLINK_NOFOLLOW) == 0
         && ob_remove_tree_at (fd, get_base (name), NULL, NULL);
}

GHashTable *
ob_cache_directory_list (ObCacheDirectory *directory, const char *place, const char *kind)
{
  GHashTable *names = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autofree char *path = get_directory (place, kind);
  ob_autofd int fd = open_below (directory, path, O_RDONLY | O_DIRECTORY);
  DIR *stream = fd >= 0 ? fdopendir (fd) : NULL;
  const struct dirent *found;

  if (stream == NULL)
    return names;
  ob_fd_steal (&fd);
  while ((found = readdir (stream)) != NULL)
    if (*found->d_name != TEMPORARY)
      g_hash_table_add (names, g_strdup (found->d_name));
  closedir (stream);
  return names;
}

void
ob_cache_directory_forget (ObCacheDirectory *directory, const char *place)
{
  ob_autofd int top = open_below (directory, TOP, O_RDONLY | O_DIRECTORY);

  if (top >= 0)
    ob_remove_tree_at (top, place, NULL, NULL);
  pthread_mutex_lock (&directory->mutex);
  directory->counted = FALSE;
  pthread_mutex_unlock (&directory->mutex);
}

void
ob_cache_directory_trim (ObCacheDirectory *directory)
{
  pthread_mutex_lock (&directory->mutex);
  if (!directory->counted)
    count_and_trim (directory);
  pthread_mutex_unlock (&directory->mutex);
}
