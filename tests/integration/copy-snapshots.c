/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * copy-snapshots DIRECTORY COUNT
 *
 * Copies the newest snapshot of the repository in DIRECTORY until it has COUNT of them, each an
 * hour older than the one before: years of backups in a second. The passphrase is
 * $RESTIC_PASSWORD.
 */
#include <stdlib.h>

#include "ob-local-store.h"
#include "ob-repository.h"

static void
check (const GError *error)
{
  if (error != NULL)
    g_error ("%s", error->message);
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ObStore) store = NULL;
  g_autoptr (ObRepository) repository = NULL;
  g_autoptr (GPtrArray) snapshots = NULL;
  ObSnapshot *snapshot = NULL;

  if (argc != 3)
    return EXIT_FAILURE;
  store = ob_local_store_new (argv[1], FALSE, &error);
  check (error);
  repository = ob_repository_open (store, g_getenv ("RESTIC_PASSWORD"), NULL, &error);
  check (error);
  snapshots = ob_repository_list_snapshots (repository, NULL, NULL, &error);
  check (error);

  snapshot = g_ptr_array_index (snapshots, 0);
  for (gint n = (gint) snapshots->len; n < atoi (argv[2]); n++)
    {
      snapshot->time.tv_sec -= 60 * 60;
      ob_repository_save_snapshot (repository, snapshot, NULL, &error);
      check (error);
    }
  return EXIT_SUCCESS;
}
