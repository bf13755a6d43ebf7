/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-hook-file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ob-error.h"
#include "ob-fd.h"
#include "ob-io.h"

#define ANY_EXECUTE (S_IXUSR | S_IXGRP | S_IXOTH)
/* Entries of the directory that are looked at. */
#define MAX_ENTRIES 10000
/* Symbolic links on the way to one file, as the kernel has it. */
#define MAX_LINKS 40

/* A path on which we are. */
typedef struct
{
  int fd;           /* what is reached */
  GString *reached; /* its canonical path, "" for the root */
  GQueue rest;      /* names still to be walked */
  guint links;
  struct stat info; /* of @fd */
} Walk;

G_DEFINE_AUTOPTR_CLEANUP_FUNC (DIR, closedir)

/* names */

gboolean
ob_hook_file_is_name (const char *name)
{
  static const char *const set_aside[] = { ".dpkg-", ".rpm", ".ucf-" };
  const char *last = strrchr (name, '.');

  if (*name == '\0' || *name == '.' || g_str_has_suffix (name, "~"))
    return FALSE;
  if (last == NULL)
    return TRUE;
  for (gsize i = 0; i < G_N_ELEMENTS (set_aside); i++)
    if (g_str_has_prefix (last, set_aside[i]))
      return FALSE;
  return strcmp (last, ".bak") != 0 && strcmp (last, ".swp") != 0;
}

static gboolean
is_hook (int dirfd, const char *name)
{
  struct stat info;

  if (!ob_hook_file_is_name (name))
    return FALSE;
  /* A link that leads nowhere was meant to be one: who resolves it says what is wrong. */
  if (fstatat (dirfd, name, &info, 0) != 0)
    return fstatat (dirfd, name, &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK (info.st_mode);
  return S_ISREG (info.st_mode) && (info.st_mode & ANY_EXECUTE) != 0;
}

static int
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

GPtrArray *
ob_hook_file_list (const char *directory, gboolean *more, GError **error)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (DIR) stream = opendir (directory);
  const struct dirent *entry;
  guint entries = 0;

  *more = FALSE;
  if (stream == NULL && errno == ENOENT)
    return g_steal_pointer (&names);
  if (stream == NULL)
    {
      ob_set_error_errno (error, errno, "The hooks in %s cannot be listed", directory);
      return NULL;
    }
  while ((entry = readdir (stream)) != NULL && entries++ < MAX_ENTRIES)
    if (is_hook (dirfd (stream), entry->d_name))
      g_ptr_array_add (names, g_strdup (entry->d_name));

  g_ptr_array_sort (names, compare_names);
  *more = entry != NULL || names->len > OB_HOOK_FILE_MAX;
  if (names->len > OB_HOOK_FILE_MAX)
    g_ptr_array_set_size (names, OB_HOOK_FILE_MAX);
  return g_steal_pointer (&names);
}

/* trust */

static gboolean
check_owner (const char *path, const struct stat *info, GError **error)
{
  if (info->st_uid == 0 || info->st_uid == geteuid ())
    return TRUE;
  g_set_error (error, OB_ERROR, OB_ERROR_NOT_AUTHORIZED,
               "%s belongs to user number %u, who could exchange what is run; give it to root "
               "(chown root)",
               path, info->st_uid);
  return FALSE;
}

static gboolean
check_mode (const char *path, const struct stat *info, GError **error)
{
  if ((info->st_mode & (S_IWGRP | S_IWOTH)) == 0)
    return TRUE;
  g_set_error (error, OB_ERROR, OB_ERROR_NOT_AUTHORIZED,
               "%s can be written to by others, who could change what is run; take that from them "
               "(chmod go-w)",
               path);
  return FALSE;
}

/* Takes the directories of @path into what is still to be walked, before what is there. */
static void
walk_push (Walk *walk, const char *path)
{
  g_auto (GStrv) components = g_strsplit (path, "/", -1);

  for (guint i = g_strv_length (components); i-- > 0;)
    if (*components[i] != '\0' && strcmp (components[i], ".") != 0)
      g_queue_push_head (&walk->rest, g_strdup (components[i]));
}

static void
walk_clear (Walk *walk)
{
  ob_fd_clear (&walk->fd);
  g_string_free (walk->reached, TRUE);
  g_queue_clear_full (&walk->rest, g_free);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Walk, walk_clear)

/* Goes on at @fd (transfer full), which is @name of the directory reached so far; "/" begins
 * anew. */
static gboolean
walk_enter (Walk *walk, int fd, const char *name, GError **error)
{
  ob_fd_clear (&walk->fd);
  walk->fd = fd;
  if (strcmp (name, "..") == 0)
    g_string_truncate (walk->reached,
                       (gsize) (strrchr (walk->reached->str, '/') - walk->reached->str));
  else if (strcmp (name, "/") == 0)
    g_string_truncate (walk->reached, 0);
  else
    g_string_append_printf (walk->reached, "/%s", name);

  name = walk->reached->len == 0 ? "/" : walk->reached->str;
  if (fstat (fd, &walk->info) != 0)
    return ob_set_error_errno (error, errno, "%s cannot be looked at", name);
  if (!check_owner (name, &walk->info, error))
    return FALSE;
  /* Who may write to it still cannot exchange what is not his. */
  if (S_ISDIR (walk->info.st_mode) && (walk->info.st_mode & S_ISVTX) != 0)
    return TRUE;
  return check_mode (name, &walk->info, error);
}

static gboolean
walk_enter_root (Walk *walk, GError **error)
{
  int fd = open ("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

  if (fd < 0)
    return ob_set_error_errno (error, errno, "/ cannot be opened");
  return walk_enter (walk, fd, "/", error);
}

/* Follows the symbolic link @fd, which is @path: whoever made it has a say in where it leads. */
static gboolean
walk_follow (Walk *walk, int fd, const char *path, GError **error)
{
  char target[PATH_MAX];
  ssize_t size = readlinkat (fd, "", target, sizeof target - 1);
  struct stat info;

  if (size <= 0 || fstat (fd, &info) != 0)
    return ob_set_error_errno (error, errno, "The symbolic link %s cannot be read", path);
  if (!check_owner (path, &info, error))
    return FALSE;
  if (++walk->links > MAX_LINKS)
    return ob_set_error_errno (error, ELOOP, "%s cannot be followed", path);
  target[size] = '\0';
  walk_push (walk, target);
  return *target != '/' || walk_enter_root (walk, error);
}

static gboolean
walk_step (Walk *walk, const char *name, GError **error)
{
  g_autofree char *path = g_strdup_printf ("%s/%s", walk->reached->str, name);
  ob_autofd int fd = -1;
  struct stat info;

  if (strcmp (name, "..") == 0 && walk->reached->len == 0)
    return TRUE;
  fd = openat (walk->fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0 || fstat (fd, &info) != 0)
    return ob_set_error_errno (error, errno, "%s cannot be opened", path);
  if (S_ISLNK (info.st_mode))
    return walk_follow (walk, fd, path, error);
  return walk_enter (walk, ob_fd_steal (&fd), name, error);
}

/* Walks the absolute @path by descriptors, checking each step. Its canonical form, and what it
 * is. */
static char *
resolve (const char *path, struct stat *info, GError **error)
{
  g_auto (Walk) walk = { .fd = -1, .reached = g_string_new (NULL), .rest = G_QUEUE_INIT };

  walk_push (&walk, path);
  if (!walk_enter_root (&walk, error))
    return NULL;
  while (!g_queue_is_empty (&walk.rest))
    {
      g_autofree char *name = g_queue_pop_head (&walk.rest);

      if (!walk_step (&walk, name, error))
        return NULL;
    }
  *info = walk.info;
  return g_strdup (walk.reached->str);
}

char *
ob_hook_file_resolve (const char *directory, const char *name, GError **error)
{
  struct stat info;
  g_autofree char *canonical = resolve (directory, &info, error);
  g_autofree char *path = NULL;
  g_autofree char *program = NULL;

  if (canonical == NULL || !check_mode (canonical, &info, error))
    return NULL;
  path = g_build_filename (canonical, name, NULL);
  program = resolve (path, &info, error);
  if (program == NULL)
    return NULL;
  if (!S_ISREG (info.st_mode) || (info.st_mode & ANY_EXECUTE) == 0)
    {
      g_set_error (error, OB_ERROR, OB_ERROR_NOT_FOUND, "%s is not an executable file", program);
      return NULL;
    }
  return g_steal_pointer (&program);
}
