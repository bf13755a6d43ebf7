/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "random-tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "ob-fd.h"
#include "ob-id.h"
#include "ob-io.h"

#define MAX_NAME 24
#define MAX_LARGE (3 * 1024 * 1024)
#define MAX_MEDIUM (96 * 1024)
#define BLOCK 4096

static guint
below (GRand *rand, guint limit)
{
  return limit == 0 ? 0 : (guint) g_rand_int_range (rand, 0, (gint32) limit);
}

/* A name of any bytes; mostly letters, so that they collide at times. Transfer full. */
static char *
make_name (GRand *rand)
{
  guint size = 1 + below (rand, below (rand, 3) == 0 ? MAX_NAME : 2);
  gboolean odd = below (rand, 4) == 0;
  char *name = g_malloc0 (size + 1);

  for (guint i = 0; i < size; i++)
    {
      do
        name[i] = (char) (odd ? 1 + below (rand, 255) : 'a' + below (rand, 26));
      while (name[i] == '/');
    }
  if (strcmp (name, ".") == 0 || strcmp (name, "..") == 0)
    name[0] = 'x';
  return name;
}

static guint
pick_size (GRand *rand)
{
  switch (below (rand, 8))
    {
    case 0:
      return 0;
    case 1:
      return MAX_MEDIUM + below (rand, MAX_LARGE);
    case 2:
      return BLOCK * below (rand, 16);
    default:
      return below (rand, MAX_MEDIUM);
    }
}

/* Zeros, a short pattern, or bytes that look like nothing. */
static void
fill (guint8 *data, gsize size, GRand *rand)
{
  guint kind = below (rand, 3);
  guint32 pattern = g_rand_int (rand);

  for (gsize i = 0; i < size; i++)
    data[i] = kind == 0   ? 0
              : kind == 1 ? (guint8) (pattern >> (i % 4 * 8))
                          : (guint8) g_rand_int (rand);
}

/* Writes parts of the file, and leaves holes between them. */
static void
write_content (int fd, guint size, GRand *rand)
{
  g_autofree guint8 *data = g_malloc (size + 1);
  guint at = 0;

  fill (data, size, rand);
  g_assert_cmpint (ftruncate (fd, size), ==, 0);
  while (at < size)
    {
      guint n = 1 + below (rand, size - at);

      if (below (rand, 3) > 0)
        g_assert_cmpint (pwrite (fd, data + at, n, at), ==, n);
      at += n;
    }
}

static void
set_xattr (int fd, GRand *rand)
{
  g_autofree char *name = g_strdup_printf ("user.%c", 'a' + (int) below (rand, 3));
  guint32 value = g_rand_int (rand);

  if (fsetxattr (fd, name, &value, below (rand, sizeof value + 1), 0) != 0)
    g_assert_cmpint (errno, ==, EOPNOTSUPP);
}

static void
set_metadata (int dirfd, const char *name, GRand *rand)
{
  struct timespec times[2] = { { .tv_nsec = UTIME_OMIT } };

  times[1].tv_sec = (time_t) below (rand, G_MAXINT32);
  times[1].tv_nsec = (long) below (rand, 1000000000);
  if (geteuid () == 0 && below (rand, 4) == 0)
    g_assert_cmpint (fchownat (dirfd, name, below (rand, 70000), below (rand, 70000),
                               AT_SYMLINK_NOFOLLOW),
                     ==, 0);
  g_assert_cmpint (utimensat (dirfd, name, times, AT_SYMLINK_NOFOLLOW), ==, 0);
}

static void
make_file (int dirfd, const char *name, GRand *rand)
{
  ob_autofd int fd = openat (dirfd, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

  if (fd < 0)
    return; /* something else has the name */
  write_content (fd, pick_size (rand), rand);
  if (below (rand, 4) == 0)
    set_xattr (fd, rand);
  g_assert_cmpint (fchmod (fd, 0600 | below (rand, 07777 + 1)), ==, 0);
}

/* Makes one entry in @dirfd; @file, if there is one, may become one more name of it. */
static void
make_entry (int dirfd, const char *name, const char *file, GRand *rand)
{
  struct stat st;

  if (fstatat (dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
    return;
  switch (below (rand, 12))
    {
    case 0:
      g_assert_cmpint (symlinkat (below (rand, 2) == 0 ? "/nowhere" : "../a", dirfd, name), ==, 0);
      break;
    case 1:
      g_assert_cmpint (mkfifoat (dirfd, name, 0600), ==, 0);
      break;
    case 2:
      if (file != NULL)
        {
          g_assert_cmpint (linkat (dirfd, file, dirfd, name, 0), ==, 0);
          return;
        }
      make_file (dirfd, name, rand);
      break;
    default:
      make_file (dirfd, name, rand);
      break;
    }
  set_metadata (dirfd, name, rand);
}

void
random_tree_make (int fd, guint n, GRand *rand)
{
  g_autofree char *file = NULL;

  while (n > 0)
    {
      g_autofree char *name = make_name (rand);
      guint inside = n > 1 && below (rand, 5) == 0 ? 1 + below (rand, n - 1) : 0;

      if (inside > 0 && mkdirat (fd, name, 0700) == 0)
        {
          ob_autofd int child = openat (fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

          random_tree_make (child, inside, rand);
          g_assert_cmpint (fchmod (child, 0700 | below (rand, 07777 + 1)), ==, 0);
          set_metadata (fd, name, rand);
        }
      else
        {
          struct stat st;

          make_entry (fd, name, file, rand);
          if (fstatat (fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG (st.st_mode))
            {
              g_free (file);
              file = g_strdup (name);
            }
          inside = 0;
        }
      n -= inside + 1;
    }
}

static gint
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

/* The names in @fd, sorted. Transfer full. */
static GPtrArray *
list (int fd)
{
  GPtrArray *names = g_ptr_array_new_with_free_func (g_free);
  DIR *directory = fdopendir (openat (fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  struct dirent *entry;

  g_assert_nonnull (directory);
  while ((entry = readdir (directory)) != NULL)
    if (strcmp (entry->d_name, ".") != 0 && strcmp (entry->d_name, "..") != 0)
      g_ptr_array_add (names, g_strdup (entry->d_name));
  closedir (directory);
  g_ptr_array_sort (names, compare_names);
  return names;
}

static void
change_entry (int fd, const char *name, mode_t type, GRand *rand)
{
  g_autofree char *other = make_name (rand);
  ob_autofd int file = -1;

  switch (below (rand, 4))
    {
    case 0:
      g_assert_cmpint (unlinkat (fd, name, 0), ==, 0);
      break;
    case 1:
      /* Where a directory has the other name it stays as it is. */
      renameat (fd, name, fd, other);
      break;
    default:
      if (S_ISREG (type))
        file = openat (fd, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
      if (file >= 0)
        write_content (file, pick_size (rand), rand);
      set_metadata (fd, name, rand);
      break;
    }
}

void
random_tree_change (int fd, GRand *rand)
{
  g_autoptr (GPtrArray) names = list (fd);

  for (guint i = 0; i < names->len; i++)
    {
      const char *name = g_ptr_array_index (names, i);
      struct stat st;

      if (fstatat (fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        continue; /* replaced by a rename */
      if (S_ISDIR (st.st_mode))
        {
          ob_autofd int child = openat (fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

          if (below (rand, 4) == 0)
            g_assert_cmpint (fchmod (child, 0700 | below (rand, 0100)), ==, 0);
          random_tree_change (child, rand);
        }
      else if (below (rand, 4) == 0)
        change_entry (fd, name, st.st_mode, rand);
    }
  random_tree_make (fd, below (rand, 4), rand);
}

static void
add_content (GString *out, int dirfd, const char *name)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes = ob_read_file_at (dirfd, name, 64 << 20, &error);
  char hex[OB_ID_HEX_SIZE];
  ObId id;

  g_assert_no_error (error);
  ob_id_of (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), &id);
  ob_id_to_hex (&id, hex);
  g_string_append_printf (out, " %s", hex);
}

static void
add_xattrs (GString *out, int dirfd, const char *name)
{
  ob_autofd int fd = openat (dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

  for (int i = 'a'; fd >= 0 && i <= 'c'; i++)
    {
      char attribute[] = { 'u', 's', 'e', 'r', '.', (char) i, '\0' };
      guint32 value = 0;
      gssize size = fgetxattr (fd, attribute, &value, sizeof value);

      if (size >= 0)
        g_string_append_printf (out, " %c=%x/%d", i, value, (int) size);
    }
}

/* @links: device and inode → the first path that has it. */
static void
describe (GString *out, int fd, const char *prefix, GHashTable *links)
{
  g_autoptr (GPtrArray) names = list (fd);

  for (guint i = 0; i < names->len; i++)
    {
      const char *name = g_ptr_array_index (names, i);
      g_autofree char *path = g_strconcat (prefix, "/", name, NULL);
      g_autofree char *quoted = g_strescape (path, NULL);
      g_autofree char *key = NULL;
      char target[4096] = "";
      struct stat st;

      g_assert_cmpint (fstatat (fd, name, &st, AT_SYMLINK_NOFOLLOW), ==, 0);
      g_string_append_printf (out, "%s mode %o owner %u:%u time %ld.%09ld", quoted, st.st_mode,
                              st.st_uid, st.st_gid, (long) st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
      key = g_strdup_printf ("%lu:%lu", (gulong) st.st_dev, (gulong) st.st_ino);
      if (!S_ISDIR (st.st_mode) && st.st_nlink > 1 && g_hash_table_contains (links, key))
        g_string_append_printf (out, " is %s", (char *) g_hash_table_lookup (links, key));
      g_hash_table_insert (links, g_steal_pointer (&key), g_strdup (quoted));
      if (S_ISREG (st.st_mode))
        add_content (out, fd, name);
      if (S_ISREG (st.st_mode) || S_ISDIR (st.st_mode))
        add_xattrs (out, fd, name);
      if (S_ISLNK (st.st_mode) && readlinkat (fd, name, target, sizeof target - 1) > 0)
        g_string_append_printf (out, " to %s", target);
      g_string_append_c (out, '\n');
      if (S_ISDIR (st.st_mode))
        {
          ob_autofd int child = openat (fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

          describe (out, child, path, links);
        }
    }
}

char *
random_tree_describe (int fd)
{
  GString *out = g_string_new (NULL);
  g_autoptr (GHashTable) links = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);

  describe (out, fd, "", links);
  return g_string_free (out, FALSE);
}

void
random_tree_assert_same (const char *a, const char *b)
{
  g_auto (GStrv) left = g_strsplit (a, "\n", -1);
  g_auto (GStrv) right = g_strsplit (b, "\n", -1);

  for (gsize i = 0; left[i] != NULL || right[i] != NULL; i++)
    {
      g_assert_cmpstr (left[i], ==, right[i]);
      if (left[i] == NULL || right[i] == NULL)
        break;
    }
}
