/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-restore-previous.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "ob-error.h"
#include "ob-fd.h"
#include "ob-operations.h"
#include "ob-path.h"
#include "ob-restore-stopped.h"
#include "ob-restore-swap.h"

/* Seconds that a former state is kept at least where space is short. */
#define SHORT_KEEP (60 * 60)
/* Of directories that are measured. Openbravo's own have some fifteen. */
#define MAX_LEVELS 100

/* Called with each former state that is there; @size in bytes, 0 where it is not known. */
typedef void (*PreviousFunc) (const char *part, const char *where, guint64 size,
                              gpointer user_data);

/* What the entries of a list are made with. */
typedef struct
{
  GVariantBuilder *builder;
  const ObRestoreJournal *record;
  gint64 until; /* seconds since the epoch; 0: it is not released by itself */
} Listing;

/* internal methods */

/* Where the former state of a part of the unit is, whether or not it is there. Transfer full. */
static char *
get_kept_path (const ObRestoreUnit *unit, ObInstance *instance, ObParts part)
{
  g_autofree char *staging = ob_restore_unit_get_staging (unit);
  const char *path = ob_instance_get_path (instance, part);
  const char *relative = NULL;

  if (path == NULL || !ob_path_is_below (path, unit->path, &relative))
    relative = "";
  return g_build_filename (staging, OB_RESTORE_PREVIOUS, *relative != '\0' ? relative : NULL, NULL);
}

static gboolean
is_directory (const char *path)
{
  ob_autofd int fd = ob_path_open (path, O_PATH | O_DIRECTORY, NULL);

  return fd >= 0;
}

static void
list_unit (const ObRestoreUnit *unit, ObInstance *instance, PreviousFunc func, gpointer user_data)
{
  for (ObParts part = OB_PART_SOURCES; part < OB_PART_ALL; part <<= 1)
    {
      g_autofree char *path = NULL;

      if ((unit->parts & part) == 0)
        continue;
      path = get_kept_path (unit, instance, part);
      if (is_directory (path))
        func (ob_part_get_name (part), path, part == unit->part ? unit->kept_size : 0, user_data);
    }
}

static void
list_kept (ObRestoreJournal *journal, ObInstance *instance, PreviousFunc func, gpointer user_data)
{
  gboolean exists = FALSE;

  /* A server that does not answer may have it still. */
  if (journal->kept_database != NULL
      && (!ob_database_exists (ob_instance_get_database (instance), journal->kept_database,
                               &exists, NULL, NULL)
          || exists))
    func (ob_part_get_name (OB_PART_DATABASE), journal->kept_database, journal->kept_size,
          user_data);
  for (guint i = 0; i < journal->units->len; i++)
    list_unit (g_ptr_array_index (journal->units, i), instance, func, user_data);
}

static void
add_text (GVariantBuilder *builder, const char *key, const char *value)
{
  g_autofree char *text = g_utf8_make_valid (value, -1);

  g_variant_builder_add (builder, "{ss}", key, text);
}

static void
add_number (GVariantBuilder *builder, const char *key, guint64 number)
{
  g_autofree char *text = g_strdup_printf ("%" G_GUINT64_FORMAT, number);

  if (number > 0)
    g_variant_builder_add (builder, "{ss}", key, text);
}

static void
add_pair (const char *part, const char *where, guint64 size, gpointer user_data)
{
  add_text (user_data, part, where);
}

static void
add_entry (const char *part, const char *where, guint64 size, gpointer user_data)
{
  Listing *listing = user_data;

  g_variant_builder_open (listing->builder, G_VARIANT_TYPE ("a{ss}"));
  add_text (listing->builder, "part", part);
  add_text (listing->builder, "where", where);
  add_number (listing->builder, "size", size);
  add_number (listing->builder, "since", (guint64) MAX (0, listing->record->kept_since));
  add_number (listing->builder, "until", (guint64) MAX (0, listing->until));
  g_variant_builder_close (listing->builder);
}

static void
count_entry (const char *part, const char *where, guint64 size, gpointer user_data)
{
  (*(guint *) user_data)++;
}

/* What is below the directory @fd takes on the disk. Each level holds descriptors, and others
 * than we decide how many levels there are: what lies deeper is left out. */
static guint64
measure_directory (int fd, guint level, GCancellable *cancellable)
{
  int copy = openat (fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *directory = copy >= 0 ? fdopendir (copy) : NULL;
  guint64 size = 0;

  if (directory == NULL)
    {
      ob_fd_clear (&copy);
      return 0;
    }
  for (struct dirent *entry = readdir (directory);
       entry != NULL && !g_cancellable_is_cancelled (cancellable); entry = readdir (directory))
    {
      struct stat info = { 0 };
      ob_autofd int below = -1;

      if (strcmp (entry->d_name, ".") == 0 || strcmp (entry->d_name, "..") == 0
          || fstatat (dirfd (directory), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) < 0)
        continue;
      size += (guint64) info.st_blocks * 512;
      if (!S_ISDIR (info.st_mode) || level >= MAX_LEVELS)
        continue;
      below = openat (dirfd (directory), entry->d_name,
                      O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
      if (below >= 0)
        size += measure_directory (below, level + 1, cancellable);
    }
  closedir (directory);
  return size;
}

static void
measure_unit (ObRestoreUnit *unit)
{
  ob_autofd int staging = ob_restore_unit_open_staging (unit, NULL);
  ob_autofd int fd = staging < 0 ? -1
                                 : openat (staging, OB_RESTORE_PREVIOUS,
                                           O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

  unit->kept_size = fd < 0 ? 0 : measure_directory (fd, 0, NULL);
}

/* Whether the file system of a unit has less than a twentieth free. */
static gboolean
is_space_short (const ObRestoreJournal *record)
{
  for (guint i = 0; i < record->units->len; i++)
    {
      const ObRestoreUnit *unit = g_ptr_array_index (record->units, i);
      struct statvfs info = { 0 };

      if (statvfs (unit->staging_parent, &info) == 0 && info.f_bavail < info.f_blocks / 20)
        return TRUE;
    }
  return FALSE;
}

/* When the former state is released by itself; 0: never, since what lives was not seen to be
 * whole and well, or nobody wants it. */
static gint64
get_end (ObContext *context, const ObRestoreJournal *record)
{
  g_autofree char *stopped = ob_restore_stopped_get (context, record->instance);
  gint64 end;

  if (!record->whole || stopped != NULL || context->keep_previous == 0)
    return 0;
  end = record->kept_since + (gint64) context->keep_previous;
  return is_space_short (record) ? MIN (end, record->kept_since + SHORT_KEEP) : end;
}

static void
add_staging (ObRestoreJournal *journal, GPtrArray *paths)
{
  for (guint i = 0; i < journal->units->len; i++)
    g_ptr_array_add (paths, ob_restore_unit_get_staging (g_ptr_array_index (journal->units, i)));
}

static void
add_all_staging (ObContext *context, GPtrArray *files, GPtrArray *paths)
{
  for (guint i = 0; i < files->len; i++)
    {
      g_autoptr (ObRestoreJournal) journal
        = ob_restore_journal_load (context, g_ptr_array_index (files, i), NULL);

      if (journal != NULL)
        add_staging (journal, paths);
    }
}

/* methods of this room */

guint64
ob_restore_previous_measure_path (const char *path, GCancellable *cancellable)
{
  ob_autofd int fd = ob_path_open (path, O_RDONLY | O_DIRECTORY, NULL);

  return fd < 0 ? 0 : measure_directory (fd, 0, cancellable);
}

void
ob_restore_previous_measure (ObRestoreJournal *journal, ObInstance *instance)
{
  for (guint i = 0; i < journal->units->len; i++)
    measure_unit (g_ptr_array_index (journal->units, i));
  journal->kept_size = 0;
  if (journal->kept_database != NULL)
    ob_database_get_size (ob_instance_get_database (instance), journal->kept_database,
                          &journal->kept_size, NULL, NULL);
}

gboolean
ob_restore_previous_is_due (ObContext *context, const ObRestoreJournal *record)
{
  gint64 end = get_end (context, record);

  return end != 0 && end <= g_get_real_time () / G_USEC_PER_SEC;
}

gboolean
ob_restore_previous_is_there (ObRestoreJournal *record, ObInstance *instance)
{
  guint n = 0;

  list_kept (record, instance, count_entry, &n);
  return n > 0;
}

gboolean
ob_restore_previous_release (ObContext *context, ObInstance *instance, ObRestoreJournal *record,
                             GCancellable *cancellable, GError **error)
{
  if (record->kept_database != NULL
      && !ob_database_release (ob_instance_get_database (instance), record->kept_database,
                               record->doomed_database, error))
    return FALSE;
  for (guint i = 0; i < record->units->len; i++)
    if (!ob_restore_unit_release (g_ptr_array_index (record->units, i), cancellable, error))
      return FALSE;
  return ob_restore_journal_forget (record, context, error);
}

GVariant *
ob_restore_previous_describe (ObRestoreJournal *journal, ObInstance *instance)
{
  GVariantBuilder builder = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE ("a{ss}"));

  list_kept (journal, instance, add_pair, &builder);
  return g_variant_builder_end (&builder);
}

GPtrArray *
ob_restore_previous_list_paths (ObContext *context)
{
  GPtrArray *paths = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GPtrArray) running = ob_restore_journal_list (context);
  g_autoptr (GPtrArray) kept = ob_restore_journal_list_kept (context, NULL);

  add_all_staging (context, running, paths);
  add_all_staging (context, kept, paths);
  return paths;
}

/* public methods */

GVariant *
ob_restore_list_previous (ObContext *context, const char *instance)
{
  GVariantBuilder builder = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE ("aa{ss}"));
  g_autoptr (GPtrArray) files = ob_restore_journal_list_kept (context, instance);
  g_autoptr (ObInstance) current = ob_instance_load (context->instances_fd, instance, NULL);

  for (guint i = 0; current != NULL && i < files->len; i++)
    {
      g_autoptr (ObRestoreJournal) journal
        = ob_restore_journal_load (context, g_ptr_array_index (files, i), NULL);

      Listing listing = { .builder = &builder, .record = journal };

      if (journal == NULL)
        continue;
      listing.until = get_end (context, journal);
      list_kept (journal, current, add_entry, &listing);
    }
  return g_variant_ref_sink (g_variant_builder_end (&builder));
}
