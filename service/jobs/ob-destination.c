/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-destination-private.h"

#include <string.h>
#include <unistd.h>

#include "ob-destination-key.h"
#include "ob-error.h"
#include "ob-io.h"
#include "ob-keyfile.h"
#include "ob-path.h"
#include "ob-rate-limit.h"
#include "ob-secret.h"

#define GROUP "destination"
#define KEPT_OPEN_SECONDS 600
#define WATCH_SECONDS 30
#define MAX_PASSPHRASE 4096
#define CHECK_OBJECT "obbackup-check"
#define CHECK_TEXT "obbackup\n"

/* internal methods */

static void
free_weak_ref (gpointer data)
{
  g_weak_ref_clear (data);
  g_free (data);
}

static ObDestination *
allocate (void)
{
  ObDestination *destination = g_new0 (ObDestination, 1);

  g_atomic_ref_count_init (&destination->references);
  destination->left_locks = g_async_queue_new_full (g_free);
  destination->stores = g_ptr_array_new_with_free_func (free_weak_ref);
  pthread_mutex_init (&destination->mutex, NULL);
  return destination;
}

static gboolean
check_arguments (const char *name, const char *passphrase, GError **error)
{
  if (!ob_name_is_valid (name))
    g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                 "\"%s\" cannot name a destination: use 1 to 63 letters, digits, \"-\" and \"_\".",
                 name);
  else if (passphrase != NULL && (*passphrase == '\0' || strlen (passphrase) > MAX_PASSPHRASE))
    g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                 "The passphrase of destination %s has to have 1 to %d bytes; to do without one, "
                 "ask for no passphrase.",
                 name, MAX_PASSPHRASE);
  else if (passphrase != NULL && strpbrk (passphrase, "\r\n") != NULL)
    g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                 "The passphrase of destination %s has to be one line.", name);
  else
    return TRUE;
  return FALSE;
}

/* Takes the open repository, or NULL. Called with the mutex held. */
static ObRepository *
steal_repository (ObDestination *destination)
{
  if (destination->repository != NULL)
    destination->requests
      += ob_store_get_requests (ob_repository_get_store (destination->repository));
  return g_steal_pointer (&destination->repository);
}

static gboolean
on_watch (gpointer user_data)
{
  ObDestination *destination = user_data;
  g_autoptr (ObRepository) old = NULL;
  gboolean more = FALSE;

  pthread_mutex_lock (&destination->mutex);
  if (destination->repository != NULL
      && g_get_monotonic_time () - destination->last_use
           >= (gint64) KEPT_OPEN_SECONDS * G_USEC_PER_SEC)
    old = steal_repository (destination);
  more = destination->repository != NULL;
  destination->watched = more;
  pthread_mutex_unlock (&destination->mutex);
  return more ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

/* The one that is open already, unless its path leads elsewhere by now (mounted anew), or its store
 * can write no more. Transfer full. */
static ObRepository *
get_open_repository (ObDestination *destination)
{
  g_autoptr (ObRepository) stale = NULL;
  ObRepository *repository = NULL;
  struct stat info = { 0 };
  gboolean there
    = !ob_place_is_local (destination->place) || stat (destination->path, &info) == 0;

  pthread_mutex_lock (&destination->mutex);
  if (destination->repository != NULL
      && (!there || info.st_dev != destination->device || info.st_ino != destination->inode
          || ob_store_has_failed (ob_repository_get_store (destination->repository))))
    stale = steal_repository (destination);
  if (destination->repository != NULL)
    {
      repository = ob_repository_ref (destination->repository);
      destination->last_use = g_get_monotonic_time ();
    }
  pthread_mutex_unlock (&destination->mutex);
  return repository;
}

/* What a repository that is not there means depends on who asks: here one should be. */
static void
explain_missing (ObDestination *destination, GError **error)
{
  if (error == NULL || !g_error_matches (*error, OB_ERROR, OB_ERROR_NOT_FOUND))
    return;
  g_clear_error (error);
  g_set_error (error, OB_ERROR, OB_ERROR_DESTINATION_UNAVAILABLE,
               "The repository of destination %s, which should be at %s, is missing; %s. Nothing "
               "was written.",
               destination->name, destination->path, ob_place_get_hint (destination->place));
}

/* Opens what is there and sees that it is the right repository. */
static ObRepository *
open_repository (ObDestination *destination, ObContext *context, gboolean directly,
                 GCancellable *cancellable, GError **error)
{
  g_autoptr (ObStore) store
    = directly ? ob_place_open_directly (destination->place, context, destination->name, error)
               : ob_place_open (destination->place, context, destination->name, FALSE, error);

  if (store == NULL)
    {
      g_prefix_error (error, "Destination %s: ", destination->name);
      return NULL;
    }
  return ob_destination_open_in (destination, context, store, cancellable, error);
}

/* methods of this room */

gboolean
ob_destination_save (ObDestination *destination, ObContext *context, GError **error)
{
  g_autoptr (GKeyFile) file = g_key_file_new ();
  g_autofree char *name = g_strconcat (destination->name, ".conf", NULL);

  ob_place_save (destination->place, file, GROUP);
  g_key_file_set_string (file, GROUP, "repository", destination->repository_id);
  g_key_file_set_boolean (file, GROUP, "no-passphrase", destination->no_passphrase);
  g_key_file_set_boolean (file, GROUP, "key-saved", destination->key_saved);
  if (destination->bandwidth_limit != NULL)
    g_key_file_set_string (file, GROUP, "bandwidth-limit", destination->bandwidth_limit);
  return ob_keyfile_save_at (context->destinations_fd, name, file, error);
}

void
ob_destination_limit_store (ObDestination *destination, ObStore *store)
{
  GWeakRef *reference = g_new0 (GWeakRef, 1);
  guint64 rate = 0;

  g_weak_ref_init (reference, store);
  pthread_mutex_lock (&destination->mutex);
  g_ptr_array_add (destination->stores, reference);
  pthread_mutex_unlock (&destination->mutex);
  if (destination->bandwidth_limit != NULL
      && ob_rate_limit_parse (destination->bandwidth_limit, &rate))
    ob_store_set_rate (store, rate);
}

ObRepository *
ob_destination_open_in (ObDestination *destination, ObContext *context, ObStore *store,
                        GCancellable *cancellable, GError **error)
{
  g_autoptr (ObRepository) repository = NULL;
  ob_autosecret char *passphrase = NULL;

  ob_destination_limit_store (destination, store);
  passphrase = ob_destination_read_key (destination, context, error);
  if (passphrase == NULL)
    return NULL;
  repository = ob_repository_open (store, passphrase, cancellable, error);
  if (repository == NULL)
    {
      explain_missing (destination, error);
      return NULL;
    }
  if (strcmp (ob_repository_get_id (repository), destination->repository_id) != 0)
    {
      g_set_error (error, OB_ERROR, OB_ERROR_DESTINATION_UNAVAILABLE,
                   "At %s there is another repository than that of destination %s%s. Nothing was "
                   "written.",
                   destination->path, destination->name,
                   ob_place_is_local (destination->place) ? "; the wrong disk may be mounted" : "");
      return NULL;
    }
  ob_repository_share_left_locks (repository, destination->left_locks);
  return g_steal_pointer (&repository);
}

void
ob_destination_close (ObDestination *destination)
{
  g_autoptr (ObRepository) repository = NULL;

  pthread_mutex_lock (&destination->mutex);
  repository = steal_repository (destination);
  pthread_mutex_unlock (&destination->mutex);
}

void
ob_destination_keep_open (ObDestination *destination, ObRepository *repository)
{
  struct stat info = { 0 };
  gboolean watch = FALSE;

  if (ob_place_is_local (destination->place) && stat (destination->path, &info) < 0)
    return;
  pthread_mutex_lock (&destination->mutex);
  if (destination->repository == NULL)
    {
      destination->repository = ob_repository_ref (repository);
      destination->device = info.st_dev;
      destination->inode = info.st_ino;
      watch = !destination->watched;
      destination->watched = TRUE;
    }
  destination->last_use = g_get_monotonic_time ();
  pthread_mutex_unlock (&destination->mutex);
  if (watch)
    g_timeout_add_seconds_full (G_PRIORITY_LOW, WATCH_SECONDS, on_watch,
                                ob_destination_ref (destination),
                                (GDestroyNotify) ob_destination_unref);
}

/* public methods */

ObDestination *
ob_destination_ref (ObDestination *destination)
{
  g_atomic_ref_count_inc (&destination->references);
  return destination;
}

void
ob_destination_unref (ObDestination *destination)
{
  if (destination == NULL || !g_atomic_ref_count_dec (&destination->references))
    return;
  g_clear_pointer (&destination->repository, ob_repository_unref);
  g_async_queue_unref (destination->left_locks);
  g_ptr_array_unref (destination->stores);
  pthread_mutex_destroy (&destination->mutex);
  ob_secret_clear (&destination->passphrase);
  g_free (destination->name);
  g_clear_pointer (&destination->place, ob_place_unref);
  g_free (destination->repository_id);
  g_free (destination->bandwidth_limit);
  g_free (destination);
}

ObDestination *
ob_destination_new (const char *name, ObPlace *place, const char *passphrase,
                    gboolean no_passphrase, GError **error)
{
  ObDestination *destination;

  if (!check_arguments (name, passphrase, error))
    return NULL;
  if (passphrase != NULL && no_passphrase)
    {
      g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                   "Destination %s can have a passphrase or none, not both.", name);
      return NULL;
    }
  destination = allocate ();
  destination->name = g_strdup (name);
  destination->place = ob_place_ref (place);
  destination->path = ob_place_get_path (place);
  destination->passphrase = g_strdup (passphrase);
  destination->no_passphrase = no_passphrase;
  destination->repository_id = g_strdup ("");
  return destination;
}

ObDestination *
ob_destination_load (ObContext *context, const char *name, GError **error)
{
  g_autofree char *file_name = g_strconcat (name, ".conf", NULL);
  g_autoptr (GKeyFile) file = NULL;
  g_autoptr (ObPlace) place = NULL;
  g_autoptr (ObDestination) destination = NULL;
  g_autofree char *id = NULL;
  g_autofree char *limit = NULL;

  file = ob_keyfile_load_at (context->destinations_fd, file_name, error);
  if (file == NULL)
    return NULL;
  id = g_key_file_get_string (file, GROUP, "repository", NULL);
  if (id == NULL)
    {
      g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                   "The configuration file %s lacks \"repository\".", file_name);
      return NULL;
    }
  place = ob_place_load (file, GROUP, error);
  if (place != NULL)
    destination = ob_destination_new (name, place, NULL,
                                      g_key_file_get_boolean (file, GROUP, "no-passphrase", NULL),
                                      error);
  if (destination == NULL)
    {
      g_prefix_error (error, "The configuration file %s: ", file_name);
      return NULL;
    }
  g_free (destination->repository_id);
  destination->repository_id = g_steal_pointer (&id);
  destination->key_saved = g_key_file_get_boolean (file, GROUP, "key-saved", NULL);
  limit = g_key_file_get_string (file, GROUP, "bandwidth-limit", NULL);
  if (!ob_destination_set_bandwidth_limit (destination, limit, error))
    {
      g_prefix_error (error, "%s: ", file_name);
      return NULL;
    }
  return g_steal_pointer (&destination);
}

const char *
ob_destination_get_name (ObDestination *destination)
{
  return destination->name;
}

const char *
ob_destination_get_kind (ObDestination *destination)
{
  return ob_place_get_kind (destination->place);
}

const char *
ob_destination_get_path (ObDestination *destination)
{
  return destination->path;
}

ObPlace *
ob_destination_get_place (ObDestination *destination)
{
  return destination->place;
}

const char *
ob_destination_get_repository_id (ObDestination *destination)
{
  return destination->repository_id;
}

const char *
ob_destination_get_bandwidth_limit (ObDestination *destination)
{
  return destination->bandwidth_limit;
}

void
ob_destination_require_existing (ObDestination *destination)
{
  destination->existing = TRUE;
}

gboolean
ob_destination_set_bandwidth_limit (ObDestination *destination, const char *text, GError **error)
{
  guint64 rate = 0;

  if (text != NULL && !ob_rate_limit_parse (text, &rate))
    {
      g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                   "The bandwidth limit of destination %s, \"%.32s\", has to be bytes a second as "
                   "500K, 10M or 1G, of 1K at least.",
                   destination->name, text);
      return FALSE;
    }
  g_free (destination->bandwidth_limit);
  destination->bandwidth_limit = g_strdup (text);
  return TRUE;
}

gboolean
ob_destination_get_no_passphrase (ObDestination *destination)
{
  return destination->no_passphrase;
}

gboolean
ob_destination_get_key_saved (ObDestination *destination)
{
  gboolean saved = FALSE;

  pthread_mutex_lock (&destination->mutex);
  saved = destination->key_saved;
  pthread_mutex_unlock (&destination->mutex);
  return saved;
}

ObRepository *
ob_destination_open (ObDestination *destination, ObContext *context, GCancellable *cancellable,
                     GError **error)
{
  g_autoptr (ObRepository) repository = get_open_repository (destination);

  if (repository == NULL)
    {
      repository = open_repository (destination, context, FALSE, cancellable, error);
      if (repository == NULL)
        return NULL;
      ob_destination_keep_open (destination, repository);
      return g_steal_pointer (&repository);
    }
  if (!ob_repository_confirm (repository, cancellable, error))
    {
      ob_destination_close (destination);
      explain_missing (destination, error);
      return NULL;
    }
  return g_steal_pointer (&repository);
}

/* A store that is let go of while it is asked must not end with the lock held: its threads may take
 * a while. */
static GPtrArray *
list_stores (ObDestination *destination)
{
  GPtrArray *stores = g_ptr_array_new_with_free_func (g_object_unref);

  pthread_mutex_lock (&destination->mutex);
  for (guint i = destination->stores->len; i > 0; i--)
    {
      ObStore *store = g_weak_ref_get (g_ptr_array_index (destination->stores, i - 1));

      if (store != NULL)
        g_ptr_array_add (stores, store);
      else
        g_ptr_array_remove_index_fast (destination->stores, i - 1);
    }
  pthread_mutex_unlock (&destination->mutex);
  return stores;
}

char *
ob_destination_get_waiting (ObDestination *destination, gint64 *since)
{
  g_autoptr (GPtrArray) stores = list_stores (destination);
  char *waiting = NULL;

  for (guint i = 0; waiting == NULL && i < stores->len; i++)
    waiting = ob_store_get_waiting (g_ptr_array_index (stores, i), since);
  return waiting;
}

ObRepository *
ob_destination_open_directly (ObDestination *destination, ObContext *context,
                              GCancellable *cancellable, GError **error)
{
  if (ob_place_is_local (destination->place))
    return ob_destination_open (destination, context, cancellable, error);
  /* An index can be large: not two of them in memory. */
  ob_destination_close (destination);
  return open_repository (destination, context, TRUE, cancellable, error);
}

guint64
ob_destination_get_requests (ObDestination *destination)
{
  guint64 requests = 0;

  pthread_mutex_lock (&destination->mutex);
  requests = destination->requests;
  if (destination->repository != NULL)
    requests += ob_store_get_requests (ob_repository_get_store (destination->repository));
  pthread_mutex_unlock (&destination->mutex);
  return requests;
}

char *
ob_destination_read_key (ObDestination *destination, ObContext *context, GError **error)
{
  char *passphrase = NULL;

  if (destination->no_passphrase)
    return g_strdup ("");
  passphrase = ob_destination_key_read (context->keys_fd, destination->name, error);
  if (passphrase == NULL)
    g_prefix_error (error, "Destination %s (%s/keys): ", destination->name, context->config_path);
  return passphrase;
}

gboolean
ob_destination_set_key_saved (ObDestination *destination, ObContext *context, GError **error)
{
  pthread_mutex_lock (&destination->mutex);
  destination->key_saved = TRUE;
  pthread_mutex_unlock (&destination->mutex);
  return ob_destination_save (destination, context, error);
}

gboolean
ob_destination_check (ObDestination *destination, ObContext *context, guint64 *free_bytes,
                      guint64 *total_bytes, GCancellable *cancellable, GError **error)
{
  g_autoptr (ObRepository) repository
    = ob_destination_open (destination, context, cancellable, error);
  struct iovec part = { .iov_base = (char *) CHECK_TEXT, .iov_len = strlen (CHECK_TEXT) };
  g_autoptr (GBytes) read = NULL;
  ObStore *store = NULL;

  if (repository == NULL)
    return FALSE;
  store = ob_repository_get_store (repository);
  if (!ob_store_space (store, free_bytes, total_bytes, cancellable, error)
      || !ob_store_put (store, CHECK_OBJECT, &part, 1, OB_STORE_PUT_NONE, cancellable, error))
    return FALSE;
  read = ob_store_get (store, CHECK_OBJECT, strlen (CHECK_TEXT), cancellable, error);
  return read != NULL && ob_store_remove (store, CHECK_OBJECT, cancellable, error);
}

gboolean
ob_destination_remove (ObDestination *destination, ObContext *context, GError **error)
{
  g_autofree char *file_name = g_strconcat (destination->name, ".conf", NULL);

  ob_destination_close (destination);
  ob_place_forget_copies (destination->place, context);
  return ob_remove_file_at (context->destinations_fd, file_name, error)
         && ob_place_remove_secret (destination->place, context, destination->name, error);
}
