/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-restore-previous.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ob-error.h"
#include "ob-fd.h"
#include "ob-operations.h"
#include "ob-path.h"
#include "ob-restore-swap.h"

/* Called with each former state that is there. */
typedef void (*PreviousFunc) (const char *part, const char *where, gpointer user_data);

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
        func (ob_part_get_name (part), path, user_data);
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
    func (ob_part_get_name (OB_PART_DATABASE), journal->kept_database, user_data);
  for (guint i = 0; i < journal->units->len; i++)
    list_unit (g_ptr_array_index (journal->units, i), instance, func, user_data);
}

static void
add_pair (const char *part, const char *where, gpointer user_data)
{
  g_autofree char *text = g_utf8_make_valid (where, -1);

  g_variant_builder_add (user_data, "{ss}", part, text);
}

static void
add_entry (const char *part, const char *where, gpointer user_data)
{
  GVariantBuilder *builder = user_data;

  g_variant_builder_open (builder, G_VARIANT_TYPE ("a{ss}"));
  g_variant_builder_add (builder, "{ss}", "part", part);
  add_pair ("where", where, builder);
  g_variant_builder_close (builder);
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

      if (journal != NULL)
        list_kept (journal, current, add_entry, &builder);
    }
  return g_variant_ref_sink (g_variant_builder_end (&builder));
}
