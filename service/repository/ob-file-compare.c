/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-file-compare.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ob-blob-reader.h"
#include "ob-directory.h"
#include "ob-error.h"
#include "ob-fd.h"
#include "ob-hasher.h"
#include "ob-io.h"
#include "ob-listing.h"
#include "ob-tree.h"
#include "ob-wait.h"

/* Directories kept open where nobody uses them. */
#define MAX_OPEN_DIRECTORIES 128
#define BUFFER_SIZE (256 * 1024)

/* A directory whose entries are still to be compared. */
typedef struct
{
  ObDirectory *directory;
  ObId tree;
} Visit;

typedef struct
{
  ObBlobReader *reader;
  ObHasher *hasher;
  ObProgress *progress;
  ObFileRestoreStats *stats;
  GCancellable *cancellable;
  GArray *visits; /* of Visit */
  guint8 *buffer; /* BUFFER_SIZE */
} Compare;

/* internal methods */

static void
visit_clear (gpointer data)
{
  ob_directory_unref (((Visit *) data)->directory);
}

static gboolean
differ (ObDirectory *directory, const char *name, const char *how, GError **error)
{
  g_autofree char *where = ob_directory_describe (directory, name);

  g_set_error (error, OB_ERROR, OB_ERROR_CORRUPT,
               "“%s” differs from the backup after it was restored: %s", where, how);
  return FALSE;
}

static gboolean
fail_errno (ObDirectory *directory, const char *name, int errnum, GError **error)
{
  g_autofree char *where = ob_directory_describe (directory, name);

  return ob_set_error_errno (error, errnum, "“%s”, which was just restored, cannot be read", where);
}

/* internal methods: one file */

/* Hashes the next @size bytes of @fd. Less is a difference. */
static gboolean
hash_range (Compare *self, ObDirectory *directory, const char *name, int fd, gsize size,
            GError **error)
{
  while (size > 0)
    {
      gssize n;

      if (!ob_check_cancelled (self->cancellable, error))
        return FALSE;
      n = ob_read_full (fd, self->buffer, MIN (size, BUFFER_SIZE));
      if (n < 0)
        return fail_errno (directory, name, errno, error);
      if (n == 0)
        return differ (directory, name, "it is too short", error);
      ob_hasher_update (self->hasher, self->buffer, (gsize) n);
      ob_progress_add_done (self->progress, (guint64) n);
      self->stats->bytes += (guint64) n;
      size -= (gsize) n;
    }
  return TRUE;
}

static gboolean
compare_content (Compare *self, ObDirectory *directory, const ObNode *node, int fd, GError **error)
{
  guint8 beyond;
  gssize n;

  for (guint i = 0; node->content != NULL && i < node->content->len; i++)
    {
      const ObId *id = &g_array_index (node->content, ObId, i);
      ObBlobLocation location;
      gsize size;
      ObId found;

      if (!ob_blob_reader_locate (self->reader, OB_BLOB_DATA, id, &location, error))
        return FALSE;
      size = ob_blob_location_get_plain_size (&location);
      if (!hash_range (self, directory, node->name, fd, size, error))
        return FALSE;
      ob_hasher_finish (self->hasher, &found);
      if (memcmp (&found, id, sizeof found) != 0)
        return differ (directory, node->name, "its content is another one", error);
    }
  n = ob_read_full (fd, &beyond, 1);
  if (n < 0)
    return fail_errno (directory, node->name, errno, error);
  return n == 0 || differ (directory, node->name, "it is too long", error);
}

static gboolean
compare_file (Compare *self, ObDirectory *directory, int dirfd, const ObNode *node,
              const struct stat *info, GError **error)
{
  ob_autofd int fd = openat (dirfd, node->name, O_RDONLY | O_NOFOLLOW | O_NOATIME | O_CLOEXEC);

  if (fd < 0)
    return fail_errno (directory, node->name, errno, error);
  if ((guint64) info->st_size != node->size)
    return differ (directory, node->name, "it has another size", error);
  posix_fadvise (fd, 0, 0, POSIX_FADV_DONTNEED);
  posix_fadvise (fd, 0, 0, POSIX_FADV_SEQUENTIAL);
  self->stats->files++;
  return compare_content (self, directory, node, fd, error);
}

/* internal methods: one directory */

static gboolean
compare_link (ObDirectory *directory, int dirfd, const ObNode *node, GError **error)
{
  char target[PATH_MAX + 1];
  ssize_t size = readlinkat (dirfd, node->name, target, sizeof target - 1);

  if (size < 0)
    return fail_errno (directory, node->name, errno, error);
  target[size] = '\0';
  return g_strcmp0 (target, node->link_target) == 0
         || differ (directory, node->name, "the link leads somewhere else", error);
}

static gboolean
is_of_type (mode_t mode, ObNodeType type)
{
  static const mode_t modes[] = {
    [OB_NODE_FILE] = S_IFREG,
    [OB_NODE_DIRECTORY] = S_IFDIR,
    [OB_NODE_SYMLINK] = S_IFLNK,
    [OB_NODE_FIFO] = S_IFIFO,
    [OB_NODE_CHARACTER_DEVICE] = S_IFCHR,
    [OB_NODE_BLOCK_DEVICE] = S_IFBLK,
  };

  return (mode & S_IFMT) == modes[type];
}

static void
visit_later (Compare *self, ObDirectory *directory, const ObId *tree)
{
  Visit visit = { .directory = directory, .tree = *tree };

  g_array_append_val (self->visits, visit);
}

static gboolean
compare_node (Compare *self, ObDirectory *directory, int dirfd, const ObNode *node, GError **error)
{
  struct stat info;

  if (!ob_directory_takes_name (directory, dirfd, node->name, self->progress))
    return TRUE;
  if (fstatat (dirfd, node->name, &info, AT_SYMLINK_NOFOLLOW) < 0)
    return errno == ENOENT ? differ (directory, node->name, "it is missing", error)
                           : fail_errno (directory, node->name, errno, error);
  if (!is_of_type (info.st_mode, node->type))
    return differ (directory, node->name, "it is of another kind", error);
  if (node->type == OB_NODE_FILE)
    return compare_file (self, directory, dirfd, node, &info, error);
  if (node->type == OB_NODE_SYMLINK)
    return compare_link (directory, dirfd, node, error);
  if (node->type == OB_NODE_DIRECTORY)
    visit_later (self,
                 ob_directory_new_child (directory, node->name, info.st_dev, info.st_ino),
                 &node->subtree);
  return TRUE;
}

/* Whether nothing else is there. */
static gboolean
compare_listing (ObDirectory *directory, int dirfd, GPtrArray *nodes, GError **error)
{
  g_autoptr (GPtrArray) entries = ob_listing_read (dirfd);

  if (entries == NULL)
    return fail_errno (directory, NULL, errno, error);
  for (guint i = 0; i < entries->len; i++)
    {
      const ObListingEntry *entry = g_ptr_array_index (entries, i);

      if (ob_tree_find (nodes, entry->name) == NULL)
        return differ (directory, entry->name, "the backup does not hold it", error);
    }
  return TRUE;
}

static gboolean
compare_directory (Compare *self, ObDirectory *directory, const ObId *tree, GError **error)
{
  g_autoptr (GPtrArray) nodes
    = ob_blob_reader_load_tree (self->reader, tree, self->cancellable, error);
  gboolean ok;
  int fd;

  if (nodes == NULL)
    return FALSE;
  fd = ob_directory_acquire (directory);
  if (fd < 0)
    return fail_errno (directory, NULL, errno, error);
  self->stats->directories++;
  ok = compare_listing (directory, fd, nodes, error);
  for (guint i = 0; ok && i < nodes->len; i++)
    ok = compare_node (self, directory, fd, g_ptr_array_index (nodes, i), error);
  ob_directory_release (directory);
  return ok;
}

/* public methods */

gboolean
ob_file_compare_run (ObRepository *repository, const ObNode *node, int fd, const char *path,
                     ObProgress *progress, ObFileRestoreStats *stats, GCancellable *cancellable,
                     GError **error)
{
  g_autoptr (ObBlobReader) reader = ob_blob_reader_new (repository);
  g_autoptr (ObHasher) hasher = ob_hasher_new ();
  g_autoptr (GArray) visits = g_array_new (FALSE, FALSE, sizeof (Visit));
  g_autofree guint8 *buffer = g_malloc (BUFFER_SIZE);
  ObFileRestoreStats own = { 0 };
  Compare self = { .reader = reader,
                   .hasher = hasher,
                   .progress = progress,
                   .stats = &own,
                   .cancellable = cancellable,
                   .visits = visits,
                   .buffer = buffer };
  gboolean ok = TRUE;

  g_array_set_clear_func (visits, visit_clear);
  visit_later (&self, ob_directory_new_root (fd, path, MAX_OPEN_DIRECTORIES), &node->subtree);
  while (ok && visits->len > 0)
    {
      Visit last = g_array_index (visits, Visit, visits->len - 1);
      g_autoptr (ObDirectory) directory = ob_directory_ref (last.directory);

      g_array_set_size (visits, visits->len - 1);
      ok = ob_check_cancelled (cancellable, error)
           && compare_directory (&self, directory, &last.tree, error);
    }
  if (stats != NULL)
    *stats = own;
  return ok;
}
