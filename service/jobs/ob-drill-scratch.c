/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-drill-scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ob-error.h"
#include "ob-fd.h"
#include "ob-io.h"
#include "ob-keyfile.h"
#include "ob-operations.h"
#include "ob-path.h"

#define PREFIX "obbackup_drill_"
#define SUFFIX ".conf"
#define GROUP "drill"
/* A record that somebody takes for a leftover before it is locked is written again. */
#define ATTEMPTS 5

struct _ObDrillScratch
{
  ObContext *context;
  ObInstance *instance; /* NULL where it is not configured any more */
  char *name;           /* of the database and of the directory */
  char *file;           /* the record's name below STATE/drills */
  char *parent;         /* of the directory */
  char *path;
  gboolean database;    /* whether there is to be one */
  int lock; /* the record, held with flock(2) */
};

/* internal methods */

/* A name that nothing has: 64 random bits. */
static char *
make_name (void)
{
  return g_strdup_printf (PREFIX "%08x%08x", g_random_int (), g_random_int ());
}

static ObDrillScratch *
scratch_new (ObContext *context, ObInstance *instance, const char *name, const char *parent)
{
  ObDrillScratch *self = g_new0 (ObDrillScratch, 1);

  self->context = context;
  self->instance = instance != NULL ? ob_instance_ref (instance) : NULL;
  self->name = g_strdup (name);
  self->file = g_strconcat (name, SUFFIX, NULL);
  self->parent = g_strdup (parent);
  self->path = g_build_filename (parent, name, NULL);
  self->lock = -1;
  return self;
}

/* Opens the record and locks it, where nobody has; FALSE without error where somebody has, or where
 * it is another file by now. */
static gboolean
lock_record (ObDrillScratch *self)
{
  int dirfd = self->context->drills_fd;
  ob_autofd int fd = openat (dirfd, self->file, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  struct stat mine, there;

  if (fd < 0 || flock (fd, LOCK_EX | LOCK_NB) != 0 || fstat (fd, &mine) != 0
      || fstatat (dirfd, self->file, &there, AT_SYMLINK_NOFOLLOW) != 0
      || mine.st_ino != there.st_ino || mine.st_dev != there.st_dev)
    return FALSE;
  self->lock = ob_fd_steal (&fd);
  return TRUE;
}

static gboolean
write_record (ObDrillScratch *self, GError **error)
{
  g_autoptr (GKeyFile) file = g_key_file_new ();

  g_key_file_set_string (file, GROUP, "instance", ob_instance_get_name (self->instance));
  g_key_file_set_string (file, GROUP, "directory", self->parent);
  g_key_file_set_boolean (file, GROUP, "database", self->database);
  for (guint i = 0; i < ATTEMPTS; i++)
    {
      if (!ob_keyfile_save_at (self->context->drills_fd, self->file, file, error))
        return FALSE;
      if (lock_record (self))
        return TRUE;
    }
  g_set_error (error, OB_ERROR, OB_ERROR_BUSY, "The record %s of a drill cannot be locked",
               self->file);
  return FALSE;
}

/* SECURITY: whoever could write there could swap what root restores and removes. */
static int
open_parent (const char *path, GError **error)
{
  ob_autofd int fd = ob_make_directories (path, 0700, error);
  struct stat info;

  if (fd < 0)
    return -1;
  if (fstat (fd, &info) == 0 && info.st_uid == geteuid () && (info.st_mode & 022) == 0)
    return ob_fd_steal (&fd);
  g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
               "Drills cannot use %s: the directory has to belong to root, and nobody else may "
               "write in it. Choose another one (drill-directory in obbackup.conf)",
               path);
  return -1;
}

static gboolean
remove_record (ObDrillScratch *self, GError **error)
{
  if (ob_remove_file_at (self->context->drills_fd, self->file, error))
    return TRUE;
  g_prefix_error (error, "The record of a drill cannot be removed: ");
  return FALSE;
}

/* What a record tells; NULL where it is none, or belongs to a drill that is at work. */
static ObDrillScratch *
load (ObContext *context, const char *name)
{
  g_autofree char *file_name = g_strconcat (name, SUFFIX, NULL);
  g_autoptr (GKeyFile) file = NULL;
  g_autofree char *instance_name = NULL;
  g_autofree char *parent = NULL;
  g_autofree char *normal = NULL;
  g_autoptr (ObInstance) instance = NULL;
  g_autoptr (ObDrillScratch) self = NULL;

  if (!g_str_has_prefix (name, PREFIX))
    return NULL;
  file = ob_keyfile_load_at (context->drills_fd, file_name, NULL);
  if (file == NULL)
    return NULL;
  instance_name = g_key_file_get_string (file, GROUP, "instance", NULL);
  parent = g_key_file_get_string (file, GROUP, "directory", NULL);
  normal = parent != NULL ? ob_path_normalize (parent) : NULL;
  if (instance_name == NULL || normal == NULL)
    return NULL;
  instance = ob_instance_load (context->instances_fd, instance_name, NULL);
  self = scratch_new (context, instance, name, normal);
  self->database = g_key_file_get_boolean (file, GROUP, "database", NULL);
  return lock_record (self) ? g_steal_pointer (&self) : NULL;
}

/* public methods */

ObDrillScratch *
ob_drill_scratch_new (ObContext *context, ObInstance *instance, gboolean database, GError **error)
{
  g_autofree char *name = make_name ();
  ob_autofd int parent = open_parent (context->drill_path, error);
  g_autoptr (ObDrillScratch) self = NULL;

  if (parent < 0)
    return NULL;
  self = scratch_new (context, instance, name, context->drill_path);
  self->database = database;
  return write_record (self, error) ? g_steal_pointer (&self) : NULL;
}

const char *
ob_drill_scratch_get_database (ObDrillScratch *self)
{
  return self->name;
}

const char *
ob_drill_scratch_get_path (ObDrillScratch *self)
{
  return self->path;
}

int
ob_drill_scratch_make_directory (ObDrillScratch *self, const char *name, GError **error)
{
  ob_autofd int parent = open_parent (self->parent, error);
  ob_autofd int scratch = -1;

  if (parent < 0)
    return -1;
  if (mkdirat (parent, self->name, 0700) < 0 && errno != EEXIST)
    {
      ob_set_error_errno (error, errno, "The directory %s cannot be made", self->path);
      return -1;
    }
  scratch = ob_path_open_at (parent, self->name, O_RDONLY | O_DIRECTORY, error);
  if (scratch < 0)
    return -1;
  if (mkdirat (scratch, name, 0700) < 0)
    {
      ob_set_error_errno (error, errno, "The directory %s/%s cannot be made", self->path, name);
      return -1;
    }
  return ob_path_open_at (scratch, name, O_RDONLY | O_DIRECTORY, error);
}

gboolean
ob_drill_scratch_remove_files (ObDrillScratch *self, GError **error)
{
  ob_autofd int parent = open_parent (self->parent, error);

  return parent >= 0 && ob_remove_tree_at (parent, self->name, NULL, error);
}

gboolean
ob_drill_scratch_drop_database (ObDrillScratch *self, GError **error)
{
  if (!self->database)
    return TRUE;
  if (self->instance != NULL)
    return ob_database_drop (ob_instance_get_database (self->instance), self->name, NULL, error);
  g_set_error (error, OB_ERROR, OB_ERROR_NOT_FOUND,
               "The instance of the database %s is not configured any more: drop that database by "
               "hand, then remove the record %s",
               self->name, self->file);
  return FALSE;
}

gboolean
ob_drill_scratch_remove (ObDrillScratch *self, GError **error)
{
  g_autoptr (GError) files_error = NULL;
  g_autoptr (GError) database_error = NULL;
  gboolean files = ob_drill_scratch_remove_files (self, &files_error);
  gboolean database = ob_drill_scratch_drop_database (self, &database_error);

  /* Whatever became of the one, the other was tried. */
  if (files && database)
    return remove_record (self, error);
  g_propagate_error (error, files ? g_steal_pointer (&database_error)
                                  : g_steal_pointer (&files_error));
  return FALSE;
}

void
ob_drill_scratch_free (ObDrillScratch *self)
{
  ob_fd_clear (&self->lock);
  g_clear_pointer (&self->instance, ob_instance_unref);
  g_free (self->name);
  g_free (self->file);
  g_free (self->parent);
  g_free (self->path);
  g_free (self);
}

GPtrArray *
ob_drill_recover (ObContext *context)
{
  GPtrArray *deeds = g_ptr_array_new_with_free_func (g_free);
  g_auto (GStrv) names = ob_keyfile_list (context->drills_fd, NULL);

  for (gsize i = 0; names != NULL && names[i] != NULL; i++)
    {
      g_autoptr (ObDrillScratch) scratch = load (context, names[i]);
      g_autoptr (GError) error = NULL;

      if (scratch == NULL)
        continue;
      if (ob_drill_scratch_remove (scratch, &error))
        g_ptr_array_add (deeds,
                         g_strdup_printf ("A drill was cut off; what it left was removed (%s)",
                                          names[i]));
      else
        g_ptr_array_add (deeds,
                         g_strdup_printf ("A drill was cut off, and what it left (%s) cannot be "
                                          "removed yet: %s",
                                          names[i], error->message));
    }
  return deeds;
}
