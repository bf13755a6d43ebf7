/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-setup-find.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "ob-setup-property.h"

#define MAX_DIRECTORIES 20000
#define MAX_ENTRIES 4096
#define MAX_PROCESSES 20000
#define MAX_COMMAND_LINE (128 * 1024)
#define DEPTH 3
#define FILE_NAME "Openbravo.properties"

/* Where installations lie. What lies in a home its owner may have put there to be found. */
static const struct
{
  const char *path;
  gboolean certain;
} places[] = {
  { "/opt", TRUE },   { "/srv", TRUE }, { "/usr/local", TRUE }, { "/var/lib/openbravo", TRUE },
  { "/home", FALSE },
};

typedef struct
{
  char *path;
  guint depth; /* 0: one of the places */
  gboolean certain;
} Directory;

typedef struct
{
  const char *root;
  gint64 deadline;
  GPtrArray *found;
  GQueue queue;     /* of Directory */
  GHashTable *seen; /* directories, "DEVICE:INODE" */
} Search;

/* internal methods */

static void
directory_free (Directory *directory)
{
  g_free (directory->path);
  g_free (directory);
}

static gboolean
is_over (Search *self)
{
  return g_get_monotonic_time () >= self->deadline
         || g_hash_table_size (self->seen) >= MAX_DIRECTORIES;
}

static void
push (Search *self, const char *path, guint depth, gboolean certain)
{
  Directory *directory = NULL;

  if (g_queue_get_length (&self->queue) >= MAX_DIRECTORIES)
    return;
  directory = g_new0 (Directory, 1);
  directory->path = g_strdup (path);
  directory->depth = depth;
  directory->certain = certain;
  g_queue_push_tail (&self->queue, directory);
}

/* Takes the file @path over where it is one. */
static gboolean
take (Search *self, const char *path, gboolean certain)
{
  ObSetupFound *found = ob_setup_found_new (path, certain);

  if (found == NULL)
    return FALSE;
  for (guint i = 0; i < self->found->len; i++)
    {
      const ObSetupFound *other = self->found->pdata[i];

      if (other->device == found->device && other->inode == found->inode)
        {
          ob_setup_found_free (found);
          return TRUE;
        }
    }
  g_ptr_array_add (self->found, found);
  return TRUE;
}

static gboolean
take_sources (Search *self, const char *sources, gboolean certain)
{
  g_autofree char *path = g_build_filename (sources, "config", FILE_NAME, NULL);

  return take (self, path, certain);
}

/* Links are followed where root alone makes them; what is deeper may be a circle, or lead
 * anywhere. */
static gboolean
may_be_directory (const struct dirent *entry, guint depth)
{
  if (*entry->d_name == '.' || strcmp (entry->d_name, "lost+found") == 0)
    return FALSE;
  return entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN
         || (entry->d_type == DT_LNK && depth == 0);
}

static void
push_children (Search *self, DIR *stream, const Directory *directory)
{
  const struct dirent *entry = NULL;

  for (guint n = 0; n < MAX_ENTRIES && (entry = readdir (stream)) != NULL; n++)
    if (may_be_directory (entry, directory->depth))
      {
        g_autofree char *path = g_build_filename (directory->path, entry->d_name, NULL);

        push (self, path, directory->depth + 1, directory->certain);
      }
}

/* Whether the directory has not been looked into before. */
static gboolean
is_new (Search *self, int fd)
{
  struct stat info = { 0 };

  if (fstat (fd, &info) != 0)
    return FALSE;
  return g_hash_table_add (
    self->seen, g_strdup_printf ("%ju:%ju", (uintmax_t) info.st_dev, (uintmax_t) info.st_ino));
}

static void
look_into (Search *self, const Directory *directory)
{
  int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | (directory->depth > 1 ? O_NOFOLLOW : 0);
  int fd = open (directory->path, flags);
  DIR *stream = NULL;

  if (fd < 0)
    return;
  if (is_new (self, fd) && !take_sources (self, directory->path, directory->certain)
      && directory->depth < DEPTH)
    stream = fdopendir (fd);
  if (stream == NULL)
    {
      close (fd);
      return;
    }
  push_children (self, stream, directory);
  closedir (stream);
}

static void
search_places (Search *self)
{
  for (gsize i = 0; i < G_N_ELEMENTS (places); i++)
    {
      g_autofree char *path = g_strconcat (self->root, places[i].path, NULL);

      push (self, path, 0, places[i].certain);
    }
  while (!g_queue_is_empty (&self->queue))
    {
      Directory *directory = g_queue_pop_head (&self->queue);

      if (!is_over (self))
        look_into (self, directory);
      directory_free (directory);
    }
}

/* ---- running application servers */

/* A deployed web application has a copy of the properties, which names the sources. */
static void
take_webapp (Search *self, const char *path)
{
  g_autofree char *copy = g_build_filename (path, "WEB-INF", FILE_NAME, NULL);
  g_autofree char *text = NULL;
  g_autofree char *sources = NULL;
  g_autofree char *moved = NULL;
  gsize size = 0;

  text = ob_setup_read_file (copy, &size);
  sources = text != NULL ? ob_setup_property (text, size, "source.path") : NULL;
  if (sources == NULL || !g_path_is_absolute (sources))
    return;
  moved = g_strconcat (self->root, sources, NULL);
  take_sources (self, moved, FALSE);
}

static void
take_catalina_base (Search *self, const char *base)
{
  g_autofree char *path = g_strconcat (self->root, base, "/webapps", NULL);
  DIR *stream = opendir (path);
  const struct dirent *entry = NULL;

  if (stream == NULL)
    return;
  for (guint n = 0; n < MAX_ENTRIES && !is_over (self) && (entry = readdir (stream)) != NULL; n++)
    if (*entry->d_name != '.')
      {
        g_autofree char *webapp = g_build_filename (path, entry->d_name, NULL);

        take_webapp (self, webapp);
      }
  closedir (stream);
}

/* What /proc/PID/cmdline holds; its size cannot be asked for. NULL where it cannot be read. */
static char *
read_command_line (const char *process, gsize *size)
{
  g_autofree char *path = g_build_filename (process, "cmdline", NULL);
  g_autofree char *line = g_malloc (MAX_COMMAND_LINE);
  int fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  gssize n = 1;

  if (fd < 0)
    return NULL;
  for (*size = 0; n > 0 && *size < MAX_COMMAND_LINE; *size += (gsize) MAX (n, 0))
    n = read (fd, line + *size, MAX_COMMAND_LINE - *size);
  close (fd);
  return n < 0 ? NULL : g_steal_pointer (&line);
}

static void
search_process (Search *self, const char *process)
{
  gsize size = 0;
  g_autofree char *line = read_command_line (process, &size);
  g_autofree char *base = NULL;
  g_autofree char *directory = NULL;

  if (line == NULL || memmem (line, size, "java", strlen ("java")) == NULL)
    return;
  base = ob_setup_catalina_base (line, size);
  if (base != NULL)
    take_catalina_base (self, base);
  directory = g_build_filename (process, "cwd", NULL);
  take_sources (self, directory, FALSE);
}

static void
search_processes (Search *self)
{
  g_autofree char *path = g_strconcat (self->root, "/proc", NULL);
  DIR *stream = opendir (path);
  const struct dirent *entry = NULL;

  if (stream == NULL)
    return;
  for (guint n = 0; n < MAX_PROCESSES && !is_over (self) && (entry = readdir (stream)) != NULL; n++)
    if (g_ascii_isdigit (*entry->d_name))
      {
        g_autofree char *process = g_build_filename (path, entry->d_name, NULL);

        search_process (self, process);
      }
  closedir (stream);
}

static int
compare (gconstpointer a, gconstpointer b)
{
  const ObSetupFound *first = *(ObSetupFound *const *) a;
  const ObSetupFound *second = *(ObSetupFound *const *) b;

  if (first->certain != second->certain)
    return first->certain ? -1 : 1;
  return strcmp (first->properties, second->properties);
}

/* public methods */

GPtrArray *
ob_setup_find (const char *root, guint milliseconds)
{
  g_autoptr (GHashTable) seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  Search self = {
    .root = root,
    .deadline = g_get_monotonic_time () + (gint64) milliseconds * 1000,
    .found = g_ptr_array_new_with_free_func ((GDestroyNotify) ob_setup_found_free),
    .queue = G_QUEUE_INIT,
    .seen = seen,
  };

  search_places (&self);
  search_processes (&self);
  g_ptr_array_sort (self.found, compare);
  return self.found;
}

char *
ob_setup_catalina_base (const char *line, gsize size)
{
  static const char option[] = "-Dcatalina.base=";
  const char *end = line + size;

  while (line < end)
    {
      gsize length = strnlen (line, (gsize) (end - line));

      if (length > strlen (option) && strncmp (line, option, strlen (option)) == 0)
        {
          g_autofree char *path = g_strndup (line + strlen (option), length - strlen (option));

          if (g_path_is_absolute (path) && ob_setup_path_is_plain (path))
            return g_steal_pointer (&path);
        }
      line += length + 1;
    }
  return NULL;
}
