/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "ob-destination-private.h"
#include "ob-error.h"
#include "ob-instance.h"
#include "ob-keyfile.h"
#include "ob-store-checkup.h"

/* internal methods: the disk */

/* The disk that a file system is on, as a path in sysfs; NULL where there is none. Transfer
 * full. */
static char *
find_disk (dev_t device)
{
  g_autofree char *link = g_strdup_printf ("/sys/dev/block/%u:%u", major (device), minor (device));
  g_autofree char *real = realpath (link, NULL);
  g_autofree char *mark = real != NULL ? g_build_filename (real, "partition", NULL) : NULL;

  if (real == NULL)
    return NULL;
  return access (mark, F_OK) == 0 ? g_path_get_dirname (real) : g_strdup (real);
}

static gboolean
is_same_disk (dev_t first, dev_t second)
{
  g_autofree char *first_disk = NULL;
  g_autofree char *second_disk = NULL;

  if (first == second)
    return TRUE;
  first_disk = find_disk (first);
  second_disk = find_disk (second);
  return first_disk != NULL && g_strcmp0 (first_disk, second_disk) == 0;
}

/* Whether a directory of the installation is on the same disk. */
static gboolean
is_beside (ObInstance *instance, dev_t device)
{
  static const ObParts parts[]
    = { OB_PART_SOURCES, OB_PART_WEBAPP, OB_PART_ATTACHMENTS, OB_PART_REPRINTABLES };

  for (guint i = 0; i < G_N_ELEMENTS (parts); i++)
    {
      const char *path = ob_instance_get_path (instance, parts[i]);
      struct stat info;

      if (path != NULL && stat (path, &info) == 0 && is_same_disk (info.st_dev, device))
        return TRUE;
    }
  return FALSE;
}

static void
check_disk (ObDestination *destination, ObContext *context, ObCheckup *checkup)
{
  g_auto (GStrv) names = NULL;
  g_auto (GStrv) beside = NULL;
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  g_autofree char *joined = NULL;
  struct stat info;

  if (!ob_checkup_begin (checkup, "separate-disk", "directory"))
    return;
  names = ob_keyfile_list (context->instances_fd, NULL);
  if (names == NULL || *names == NULL || stat (destination->path, &info) != 0)
    {
      ob_checkup_end (checkup, OB_CHECKUP_NOT_TOLD, "there is no installation yet to compare with");
      return;
    }
  for (char **name = names; *name != NULL; name++)
    {
      g_autoptr (ObInstance) instance = ob_instance_load (context->instances_fd, *name, NULL);

      if (instance != NULL && is_beside (instance, info.st_dev))
        g_strv_builder_add (builder, *name);
    }
  beside = g_strv_builder_end (builder);
  joined = g_strjoinv (", ", beside);
  ob_checkup_add_figure (checkup, "instances",
                         g_variant_new_strv ((const char *const *) beside, -1));
  if (*beside == NULL)
    ob_checkup_end (checkup, OB_CHECKUP_OK, "no installation is on it");
  else
    ob_checkup_end (checkup, OB_CHECKUP_WARNING,
                    "it is the disk that %s is on as well: when that disk dies the backups die "
                    "with it; add another destination elsewhere",
                    joined);
}

/* internal methods: the repository */

/* *@needs: replaced where nothing may be written there. */
static void
check_repository (ObDestination *destination, ObContext *context, ObStore *store,
                  const char **needs, ObCheckup *checkup)
{
  g_autoptr (ObRepository) repository = NULL;
  GError *error = NULL;
  guint version;

  if (!ob_checkup_begin (checkup, "repository", *needs))
    return;
  repository = ob_destination_open_in (destination, context, store,
                                       ob_checkup_get_cancellable (checkup), &error);
  if (repository == NULL)
    {
      if (g_error_matches (error, OB_ERROR, OB_ERROR_DESTINATION_UNAVAILABLE))
        *needs = "repository";
      ob_checkup_fail (checkup, error);
      return;
    }
  version = ob_repository_get_version (repository);
  ob_checkup_add_figure (checkup, "id", g_variant_new_string (destination->repository_id));
  ob_checkup_add_figure (checkup, "version", g_variant_new_uint32 (version));
  if (version < 2)
    ob_checkup_end (checkup, OB_CHECKUP_WARNING,
                    "%.8s, format %u, which can be read and not written",
                    destination->repository_id, version);
  else
    ob_checkup_end (checkup, OB_CHECKUP_OK, "%.8s, format %u, opens with %s",
                    destination->repository_id, version,
                    destination->no_passphrase ? "the empty passphrase" : "the kept passphrase");
}

/* public methods */

gboolean
ob_destination_checkup (ObDestination *destination, ObContext *context, guint64 *free_bytes,
                        guint64 *total_bytes, ObCheckup *checkup)
{
  const char *reached;
  const char *needs;
  g_autoptr (ObStore) store
    = ob_place_checkup (destination->place, context, destination->name, &reached, checkup);

  if (ob_place_is_local (destination->place))
    check_disk (destination, context, checkup);
  needs = reached;
  ob_store_checkup_list (store, reached, checkup);
  check_repository (destination, context, store, &needs, checkup);
  ob_store_checkup_write (store, needs, checkup);
  ob_store_checkup_latency (store, reached, checkup);
  /* Nothing large where it could not be removed, or comes back as something else. */
  ob_store_checkup_speed (store, ob_checkup_has_passed (checkup, "delete") ? "read" : "delete",
                          checkup);
  return ob_store_checkup_space (store, reached, free_bytes, total_bytes, checkup);
}
