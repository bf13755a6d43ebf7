/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-instance-path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config.h"

#include "ob-error.h"
#include "ob-fd.h"
#include "ob-io.h"
#include "ob-path.h"

#define MAX_LINKS 40

/* Directories of the operating system: nothing in them is part of an installation… */
static const char *const system_trees[] = {
  "/bin",  "/boot", "/dev", "/etc",  "/lib",  "/lib32", "/lib64",
  "/libx32", "/proc", "/run", "/sbin", "/sys", "/usr",
};

/* …but for what lies below these, where application servers are installed… */
static const char *const site_prefixes[] = { "/usr/local/", "/usr/share/tomcat" };

/* …and these are too much to be one, though an installation may lie below them. */
static const char *const common_roots[] = {
  "/",     "/home",    "/media",     "/mnt",      "/opt",      "/root",
  "/srv",  "/tmp",     "/usr/local/bin", "/usr/local/etc", "/usr/local/lib", "/usr/local/sbin",
  "/var",  "/var/cache", "/var/lib", "/var/log", "/var/opt", "/var/spool", "/var/tmp", "/var/www",
};

static const char *const own_directories[] = { OB_CONFIG_DIR, OB_STATE_DIR, OB_CACHE_DIR,
                                               OB_RUNTIME_DIR };

/* A walk from "/" along a path. */
typedef struct
{
  const char *path; /* what was asked for */
  GQueue pending;   /* components still to walk, char * */
  GString *walked;  /* canonical, without a trailing "/" ("" is the root) */
  int directory;    /* what @walked names, O_PATH */
  gboolean trusted; /* only root can change what is in @directory */
  gboolean root_only; /* ob_instance_path_check_roots_own(): anything else ends the walk */
  guint links;
} Walk;

/* internal methods */
static void
walk_clear (Walk *walk)
{
  g_queue_clear_full (&walk->pending, g_free);
  g_string_free (walk->walked, TRUE);
  ob_fd_clear (&walk->directory);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Walk, walk_clear)

static gboolean
is_roots_own (const struct stat *info)
{
  return info->st_uid == 0 && (S_ISLNK (info->st_mode) || (info->st_mode & 0022) == 0);
}

static void
push_components (Walk *walk, const char *path)
{
  g_auto (GStrv) components = g_strsplit (path, "/", -1);

  for (guint i = g_strv_length (components); i-- > 0;)
    if (*components[i] != '\0' && strcmp (components[i], ".") != 0)
      g_queue_push_head (&walk->pending, g_strdup (components[i]));
}

/* Stands at @canonical, which has been walked before or is "". */
static gboolean
walk_from (Walk *walk, const char *canonical, GError **error)
{
  g_autofree char *ahead = g_strdup (canonical);
  struct stat info;

  ob_fd_clear (&walk->directory);
  walk->directory = open ("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (walk->directory < 0 || fstat (walk->directory, &info) != 0)
    return ob_set_error_errno (error, errno, "The root directory cannot be opened");

  walk->trusted = is_roots_own (&info);
  g_string_truncate (walk->walked, 0);
  push_components (walk, ahead);
  return TRUE;
}

/* ".." comes from the targets of links alone, and what was walked holds none any more. */
static gboolean
walk_up (Walk *walk, GError **error)
{
  const char *slash = strrchr (walk->walked->str, '/');
  g_autofree char *parent = NULL;

  if (slash != NULL)
    parent = g_strndup (walk->walked->str, (gsize) (slash - walk->walked->str));
  return walk_from (walk, parent != NULL ? parent : "", error);
}

static gboolean
walk_link (Walk *walk, const char *name, const struct stat *info, GError **error)
{
  char target[PATH_MAX];
  gssize length;

  if (!walk->trusted || info->st_uid != 0)
    {
      g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                   "%s cannot be used: %s/%s is a symbolic link that somebody other than root can "
                   "change. Give the path that it leads to",
                   walk->path, walk->walked->str, name);
      return FALSE;
    }
  if (++walk->links > MAX_LINKS)
    return ob_set_error_errno (error, ELOOP, "%s cannot be used", walk->path);

  length = readlinkat (walk->directory, name, target, sizeof target - 1);
  if (length < 0)
    return ob_set_error_errno (error, errno, "The link %s/%s cannot be read", walk->walked->str,
                               name);
  target[length] = '\0';

  push_components (walk, target);
  return target[0] != '/' || walk_from (walk, "", error);
}

/* Goes on to @name, which is no link. */
static gboolean
walk_into (Walk *walk, const char *name, GError **error)
{
  ob_autofd int next = openat (walk->directory, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  struct stat info;

  if (next < 0 || fstat (next, &info) != 0)
    return ob_set_error_errno (error, errno, "%s cannot be used because of %s/%s", walk->path,
                               walk->walked->str, name);

  g_string_append_printf (walk->walked, "/%s", name);
  if (S_ISLNK (info.st_mode) || (!S_ISDIR (info.st_mode) && walk->pending.length > 0))
    return ob_set_error_errno (error, ENOTDIR, "%s cannot be used because of %s", walk->path,
                               walk->walked->str);

  walk->trusted = walk->trusted && is_roots_own (&info);
  if (walk->root_only && !walk->trusted)
    {
      g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                   "%s cannot be run as root, because somebody else can change %s. Name another "
                   "user to run it, or give the file and its directories to root alone",
                   walk->path, walk->walked->str);
      return FALSE;
    }

  ob_fd_clear (&walk->directory);
  walk->directory = ob_fd_steal (&next);
  return TRUE;
}

/* One component. *@missing: it does not exist. */
static gboolean
walk_step (Walk *walk, gboolean *missing, GError **error)
{
  g_autofree char *name = g_queue_pop_head (&walk->pending);
  struct stat info;

  if (strcmp (name, "..") == 0)
    return walk_up (walk, error);

  if (fstatat (walk->directory, name, &info, AT_SYMLINK_NOFOLLOW) != 0)
    {
      if (errno != ENOENT)
        return ob_set_error_errno (error, errno, "%s cannot be used because of %s/%s", walk->path,
                                   walk->walked->str, name);
      g_queue_push_head (&walk->pending, g_steal_pointer (&name));
      *missing = TRUE;
      return TRUE;
    }
  if (S_ISLNK (info.st_mode))
    return walk_link (walk, name, &info, error);
  return walk_into (walk, name, error);
}

static gboolean
walk_run (Walk *walk, gboolean *missing, GError **error)
{
  g_autofree char *normal = ob_path_normalize (walk->path);

  *missing = FALSE;
  if (normal == NULL)
    {
      g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                   "\"%s\" cannot be used: a path from \"/\" on, without \"..\", is needed",
                   walk->path);
      return FALSE;
    }

  push_components (walk, normal);
  if (!walk_from (walk, "", error))
    return FALSE;
  while (walk->pending.length > 0 && !*missing)
    if (!walk_step (walk, missing, error))
      return FALSE;
  return TRUE;
}

static gboolean
is_printable (const char *path)
{
  for (const char *c = path; *c != '\0'; c++)
    if (g_ascii_iscntrl (*c))
      return FALSE;
  return g_utf8_validate (path, -1, NULL);
}

static gboolean
is_systems (const char *path)
{
  for (gsize i = 0; i < G_N_ELEMENTS (common_roots); i++)
    if (strcmp (path, common_roots[i]) == 0)
      return TRUE;
  for (gsize i = 0; i < G_N_ELEMENTS (site_prefixes); i++)
    if (g_str_has_prefix (path, site_prefixes[i]))
      return FALSE;
  for (gsize i = 0; i < G_N_ELEMENTS (system_trees); i++)
    if (ob_path_is_below (path, system_trees[i], NULL))
      return TRUE;
  return FALSE;
}

static gboolean
check_reserved (const char *path, const char *what, const char *reserved, GError **error)
{
  if (!ob_path_is_below (path, reserved, NULL) && !ob_path_is_below (reserved, path, NULL))
    return TRUE;

  g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
               "%s cannot be %s, because that overlaps with %s, which belongs to the backup itself",
               what, path, reserved);
  return FALSE;
}

/* public methods */
char *
ob_instance_path_resolve (const char *path, gboolean *exists, GError **error)
{
  g_auto (Walk) walk = { .path = path, .walked = g_string_new (NULL), .directory = -1 };
  gboolean missing;

  g_queue_init (&walk.pending);
  if (!is_printable (path))
    {
      g_autofree char *shown = g_strescape (path, NULL);

      g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                   "\"%s\" cannot be used: it is not UTF-8 text without control characters",
                   shown);
      return NULL;
    }
  if (!walk_run (&walk, &missing, error))
    return NULL;

  for (GList *rest = walk.pending.head; rest != NULL; rest = rest->next)
    {
      if (strcmp (rest->data, "..") == 0)
        {
          ob_set_error_errno (error, ENOENT, "%s cannot be used because of %s/%s", path,
                              walk.walked->str, (const char *) walk.pending.head->data);
          return NULL;
        }
      g_string_append_printf (walk.walked, "/%s", (const char *) rest->data);
    }
  if (exists != NULL)
    *exists = !missing;
  return walk.walked->len > 0 ? g_strndup (walk.walked->str, walk.walked->len) : g_strdup ("/");
}

gboolean
ob_instance_path_check_part (const char *path, const char *what, const char *const *reserved,
                             GError **error)
{
  if (is_systems (path))
    {
      g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                   "%s cannot be %s, which belongs to the operating system. Correct the path in "
                   "Openbravo.properties",
                   what, path);
      return FALSE;
    }

  for (gsize i = 0; i < G_N_ELEMENTS (own_directories); i++)
    if (!check_reserved (path, what, own_directories[i], error))
      return FALSE;
  for (gsize i = 0; reserved != NULL && reserved[i] != NULL; i++)
    if (!check_reserved (path, what, reserved[i], error))
      return FALSE;
  return TRUE;
}

gboolean
ob_instance_path_check_roots_own (const char *path, GError **error)
{
  g_auto (Walk) walk
      = { .path = path, .walked = g_string_new (NULL), .directory = -1, .root_only = TRUE };
  gboolean missing;

  g_queue_init (&walk.pending);
  if (!walk_run (&walk, &missing, error))
    return FALSE;
  if (missing)
    return ob_set_error_errno (error, ENOENT, "%s cannot be used", path);
  return TRUE;
}
