/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Making a destination, and moving one. The order keeps a passphrase from ever being lost: key
 * file, then repository, then configuration, which makes the rest count. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "ob-destination-key.h"
#include "ob-destination-private.h"
#include "ob-error.h"
#include "ob-io.h"
#include "ob-secret.h"

/* internal methods */

static gboolean
check_free_name (ObDestination *destination, ObContext *context, GError **error)
{
  g_autofree char *file_name = g_strconcat (destination->name, ".conf", NULL);
  struct stat info = { 0 };

  if (fstatat (context->destinations_fd, file_name, &info, AT_SYMLINK_NOFOLLOW) < 0
      && errno == ENOENT)
    return TRUE;
  g_set_error (error, OB_ERROR, OB_ERROR_EXISTS, "There is a destination %s already.",
               destination->name);
  return FALSE;
}

/* The repository that is at the place already. @passphrase is what opened it (transfer full). NULL
 * without error where there is none. */
static ObRepository *
take_over (ObDestination *destination, ObContext *context, ObStore *store, char **passphrase,
           GCancellable *cancellable, GError **error)
{
  g_autoptr (GError) local = NULL;
  g_autoptr (ObRepository) repository = NULL;
  ob_autosecret char *key = NULL;
  gboolean given = destination->passphrase != NULL || destination->no_passphrase;

  if (destination->no_passphrase)
    key = g_strdup ("");
  else if (destination->passphrase != NULL)
    key = g_strdup (destination->passphrase);
  else
    key = ob_destination_key_read (context->keys_fd, destination->name, NULL);
  if (key == NULL)
    key = ob_secret_generate ();

  repository = ob_repository_open (store, key, cancellable, &local);
  if (repository != NULL)
    *passphrase = g_steal_pointer (&key);
  else if (g_error_matches (local, OB_ERROR, OB_ERROR_WRONG_PASSPHRASE) && !given)
    g_set_error (error, OB_ERROR, OB_ERROR_WRONG_PASSPHRASE,
                 "At %s there is a repository already; give its passphrase to take it over "
                 "(--passphrase-file FILE).",
                 destination->path);
  else if (g_error_matches (local, OB_ERROR, OB_ERROR_WRONG_PASSPHRASE))
    g_set_error (error, OB_ERROR, OB_ERROR_WRONG_PASSPHRASE,
                 "The repository at %s does not open with %s; give the passphrase that it was made "
                 "with, which is what `obbackupctl destination recovery-key` printed there.",
                 destination->path,
                 destination->no_passphrase ? "the empty passphrase" : "this passphrase");
  else if (!g_error_matches (local, OB_ERROR, OB_ERROR_NOT_FOUND))
    g_propagate_error (error, g_steal_pointer (&local));
  return g_steal_pointer (&repository);
}

/* Whether the directory holds nothing but what a repository, or a file system, has of itself: one
 * with other things in it is not meant to be one. */
static gboolean
check_only_ours (const char *path, GError **error)
{
  static const char *const allowed[]
    = { ".", "..", "data", "index", "keys", "locks", "snapshots", "lost+found", NULL };
  DIR *directory = opendir (path);
  const struct dirent *entry = NULL;
  g_autofree char *found = NULL;

  if (directory == NULL)
    return ob_set_error_errno (error, errno, "The directory %s cannot be read", path);
  while (found == NULL && (entry = readdir (directory)) != NULL)
    if (!g_strv_contains (allowed, entry->d_name))
      found = g_filename_display_name (entry->d_name);
  closedir (directory);
  if (found == NULL)
    return TRUE;
  g_set_error (error, OB_ERROR, OB_ERROR_EXISTS,
               "The directory %s holds other things (%s); name a new or an empty one for the "
               "repository.",
               path, found);
  return FALSE;
}

/* Whether there is no repository at all in the store. One that was made although that failed or was
 * cancelled in the end needs its key. */
static gboolean
is_empty (ObStore *store, const char *passphrase)
{
  g_autoptr (GError) local = NULL;
  g_autoptr (ObRepository) repository = ob_repository_open (store, passphrase, NULL, &local);

  return repository == NULL && g_error_matches (local, OB_ERROR, OB_ERROR_NOT_FOUND);
}

/* A new one. The key file is on the disk before the repository that it opens. */
static ObRepository *
create (ObDestination *destination, ObContext *context, ObStore *store, gboolean *generated,
        GCancellable *cancellable, GError **error)
{
  g_autofree char *kept = NULL;
  ob_autosecret char *passphrase = NULL;
  ObRepository *repository = NULL;
  gboolean written = FALSE;

  if (ob_place_is_local (destination->place) && !check_only_ours (destination->path, error))
    return NULL;
  if (destination->no_passphrase)
    return ob_repository_create (store, "", cancellable, error);

  *generated = destination->passphrase == NULL;
  passphrase = *generated ? ob_secret_generate () : g_strdup (destination->passphrase);
  if (!ob_destination_key_write (context->keys_fd, destination->name, passphrase, &written,
                                 &kept, error))
    return NULL;
  repository = ob_repository_create (store, passphrase, cancellable, error);
  if (repository == NULL && written && is_empty (store, passphrase))
    ob_destination_key_take_back (context->keys_fd, destination->name, kept);
  return repository;
}

/* Always FALSE. */
static gboolean
refuse_empty (ObDestination *destination, GError **error)
{
  g_set_error (error, OB_ERROR, OB_ERROR_NOT_FOUND,
               "At %s there is no repository; correct the %s, or leave --existing out to make a "
               "new one there.",
               destination->path,
               ob_place_is_local (destination->place) ? "path" : "bucket or the prefix");
  return FALSE;
}

/* A destination moves with its repository. */
static void
explain_missing (ObDestination *destination, GError **error)
{
  if (error == NULL || !g_error_matches (*error, OB_ERROR, OB_ERROR_NOT_FOUND))
    return;
  g_clear_error (error);
  g_set_error (error, OB_ERROR, OB_ERROR_DESTINATION_UNAVAILABLE,
               "At %s there is no repository; move that of destination %s there first, or add the "
               "place as a destination of its own.",
               destination->path, destination->name);
}

/* A copy that differs in its place, without the open repository. */
static ObDestination *
copy (ObDestination *destination, ObPlace *place, const char *passphrase, GError **error)
{
  ObDestination *result
    = ob_destination_new (destination->name, place != NULL ? place : destination->place, passphrase,
                          passphrase == NULL && destination->no_passphrase, error);

  if (result == NULL)
    return NULL;
  g_free (result->repository_id);
  result->repository_id = g_strdup (destination->repository_id);
  result->bandwidth_limit = g_strdup (destination->bandwidth_limit);
  g_async_queue_unref (result->left_locks);
  result->left_locks = g_async_queue_ref (destination->left_locks);
  result->key_saved = passphrase == NULL && ob_destination_get_key_saved (destination);
  return result;
}

/* public methods */

gboolean
ob_destination_set_up (ObDestination *destination, ObContext *context, gboolean *created,
                       gboolean *generated, GCancellable *cancellable, GError **error)
{
  g_autoptr (ObStore) store = NULL;
  g_autoptr (ObRepository) repository = NULL;
  g_autoptr (GError) local = NULL;
  ob_autosecret char *passphrase = NULL;

  *created = FALSE;
  *generated = FALSE;
  if (!check_free_name (destination, context, error))
    return FALSE;
  store
    = ob_place_open (destination->place, context, destination->name, !destination->existing, error);
  if (store == NULL)
    return FALSE;
  ob_destination_limit_store (destination, store);
  if (!ob_store_check_locks (store, cancellable, error))
    return FALSE;

  repository = take_over (destination, context, store, &passphrase, cancellable, &local);
  if (local != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
  if (repository != NULL && !destination->no_passphrase
      && !ob_destination_key_write (context->keys_fd, destination->name, passphrase, NULL, NULL,
                                    error))
    return FALSE;
  /* Whoever gave the passphrase of what is there already has it somewhere else, too. */
  destination->key_saved
    = destination->key_saved || (repository != NULL && destination->passphrase != NULL);
  if (repository == NULL && destination->existing)
    return refuse_empty (destination, error);
  if (repository == NULL)
    {
      repository = create (destination, context, store, generated, cancellable, error);
      *created = repository != NULL;
    }
  if (repository == NULL)
    return FALSE;

  g_free (destination->repository_id);
  destination->repository_id = g_strdup (ob_repository_get_id (repository));
  ob_secret_clear (&destination->passphrase);
  destination->passphrase = NULL;
  if (!ob_place_save_secret (destination->place, context, destination->name, error))
    return FALSE;
  ob_repository_share_left_locks (repository, destination->left_locks);
  ob_destination_keep_open (destination, repository);
  return ob_destination_save (destination, context, error);
}

ObDestination *
ob_destination_update (ObDestination *destination, ObContext *context, ObPlace *place,
                       const char *passphrase, GCancellable *cancellable, GError **error)
{
  g_autoptr (ObDestination) result = copy (destination, place, passphrase, error);
  g_autoptr (ObStore) store = NULL;
  g_autoptr (ObRepository) repository = NULL;
  ob_autosecret char *key = NULL;

  if (result == NULL)
    return NULL;
  store = ob_place_open (result->place, context, result->name, FALSE, error);
  if (store == NULL)
    return NULL;
  ob_destination_limit_store (result, store);
  if (!ob_store_check_locks (store, cancellable, error))
    return NULL;
  key = passphrase != NULL ? g_strdup (passphrase)
                           : ob_destination_read_key (destination, context, error);
  if (key == NULL)
    return NULL;
  repository = ob_repository_open (store, key, cancellable, error);
  if (repository == NULL)
    {
      explain_missing (result, error);
      return NULL;
    }
  if (strcmp (ob_repository_get_id (repository), result->repository_id) != 0)
    {
      g_set_error (error, OB_ERROR, OB_ERROR_DESTINATION_UNAVAILABLE,
                   "At %s there is another repository than that of destination %s; add it as a "
                   "destination of its own.",
                   result->path, result->name);
      return NULL;
    }

  if (passphrase != NULL
      && !ob_destination_key_write (context->keys_fd, result->name, passphrase, NULL, NULL, error))
    return NULL;
  ob_secret_clear (&result->passphrase);
  result->passphrase = NULL;
  if (!ob_place_save_secret (result->place, context, result->name, error)
      || !ob_destination_save (result, context, error))
    return NULL;
  ob_repository_share_left_locks (repository, result->left_locks);
  ob_destination_keep_open (result, repository);
  return g_steal_pointer (&result);
}
