/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-repository.h"

#include <string.h>

#include "core-fixture.h"
#include "ob-error.h"
#include "ob-key.h"
#include "ob-lock.h"
#include "ob-snapshot.h"
#include "ob-writer.h"
#include "restic-vectors.h"

static ObRepository *
open_with (CoreFixture *fixture, const char *passphrase, int code)
{
  g_autoptr (GError) error = NULL;
  ObRepository *repository = ob_repository_open (fixture->store, passphrase, NULL, &error);

  if (code < 0)
    g_assert_no_error (error);
  else
    g_assert_error (error, OB_ERROR, code);
  g_assert_true ((repository == NULL) == (code >= 0));
  if (code >= 0)
    g_assert_nonnull (strstr (error->message, fixture->path));
  return repository;
}

static void
confirm (CoreFixture *fixture, gboolean is_there, const char *text)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (ob_repository_confirm (fixture->repository, NULL, &error) == is_there);
  if (is_there)
    return;
  g_assert_error (error, OB_ERROR, OB_ERROR_DESTINATION_UNAVAILABLE);
  g_assert_nonnull (strstr (error->message, text));
}

/* Another repository came in its place: one with keys of its own, or a copy that has another id. */
/* With real keys, and with a passphrase that may be empty. */
static void
test_create (CoreFixture *fixture, gconstpointer data)
{
  g_autoptr (ObRepository) again = NULL;
  g_autoptr (GPtrArray) keys = NULL;
  g_autoptr (GPtrArray) keys_later = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) exists = NULL;
  ObId id;

  fixture->repository = ob_repository_create (fixture->store, "", NULL, &error);
  g_assert_no_error (error);
  g_assert_true (ob_id_from_hex (ob_repository_get_id (fixture->repository), &id));
  confirm (fixture, TRUE, NULL);
  again = open_with (fixture, "", -1);
  g_assert_cmpstr (ob_repository_get_id (again), ==, ob_repository_get_id (fixture->repository));
  g_assert_cmpuint (ob_repository_get_version (again), ==, 2);
  g_assert_cmpmem (ob_repository_get_chunker_seed (again), 32,
                   ob_repository_get_chunker_seed (fixture->repository), 32);
  keys = core_fixture_list (fixture, "keys");
  g_assert_cmpuint (keys->len, ==, 1);

  g_assert_null (ob_repository_create (fixture->store, "x", NULL, &exists));
  g_assert_error (exists, OB_ERROR, OB_ERROR_EXISTS);
  g_assert_nonnull (strstr (exists->message, fixture->path));
  keys_later = core_fixture_list (fixture, "keys");
  g_assert_cmpuint (keys_later->len, ==, 1);
  open_with (fixture, "x", OB_ERROR_WRONG_PASSPHRASE);
}

/* Each repository cuts in places of its own: with other keys, and with the same keys but another
 * polynomial, as a copy of it that was made anew has. */
static void
test_chunker_seed (CoreFixture *fixture, gconstpointer data)
{
  ObConfig config;
  CoreFixture others[2];

  for (gsize i = 0; i < G_N_ELEMENTS (others); i++)
    {
      g_autoptr (GError) error = NULL;

      core_fixture_set_up_empty (&others[i], NULL);
      if (i == 0)
        {
          ob_config_generate (&config);
          core_fixture_put_repository (&others[i], &config);
          others[i].repository
            = ob_repository_open (others[i].store, CORE_PASSPHRASE, NULL, &error);
        }
      else
        others[i].repository
          = ob_repository_create (others[i].store, CORE_PASSPHRASE, NULL, &error);
      g_assert_no_error (error);
      g_assert_cmpint (memcmp (ob_repository_get_chunker_seed (others[i].repository),
                               ob_repository_get_chunker_seed (fixture->repository), 32),
                       !=, 0);
    }
  g_assert_cmpint (memcmp (ob_repository_get_chunker_seed (others[0].repository),
                           ob_repository_get_chunker_seed (others[1].repository), 32),
                   !=, 0);
  for (gsize i = 0; i < G_N_ELEMENTS (others); i++)
    core_fixture_tear_down (&others[i], NULL);
}

/* Parts of a repository are not built upon, and stay as they are. */
static void
test_parts (CoreFixture *fixture, gconstpointer data)
{
  static const char *const names[] = { "keys/a", "snapshots/b", "index/c", "data/00/d" };

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autoptr (GError) error = NULL;

      core_fixture_put (fixture, names[i], "x", 1);
      g_assert_null (ob_repository_create (fixture->store, "x", NULL, &error));
      g_assert_error (error, OB_ERROR, OB_ERROR_EXISTS);
      g_assert_nonnull (strstr (error->message, names[i]));
      core_fixture_remove (fixture, names[i]);
    }
  open_with (fixture, "x", OB_ERROR_NOT_FOUND);
}

static void
test_nothing (CoreFixture *fixture, gconstpointer data)
{
  open_with (fixture, "x", OB_ERROR_NOT_FOUND);
}

static void
test_keys (CoreFixture *fixture, gconstpointer data)
{
  static const char *const passphrases[] = { CORE_PASSPHRASE, "another \xc3\xa4" };
  g_autoptr (GError) error = NULL;

  for (guint i = 1; i < G_N_ELEMENTS (passphrases); i++)
    {
      ob_repository_add_key (fixture->repository, passphrases[i], NULL, &error);
      g_assert_no_error (error);
    }
  for (guint i = 0; i < G_N_ELEMENTS (passphrases); i++)
    {
      g_autoptr (ObRepository) repository = open_with (fixture, passphrases[i], -1);

      g_assert_cmpstr (ob_repository_get_id (repository), ==,
                       ob_repository_get_id (fixture->repository));
    }
  open_with (fixture, "wrong", OB_ERROR_WRONG_PASSPHRASE);
}

/* A damaged key stands in nobody's way who has another. */
static void
test_damaged_key (CoreFixture *fixture, gconstpointer data)
{
  g_autoptr (GPtrArray) keys = core_fixture_list (fixture, "keys");
  g_autoptr (ObRepository) repository = NULL;
  g_autoptr (GError) error = NULL;

  ob_repository_add_key (fixture->repository, "second", NULL, &error);
  g_assert_no_error (error);
  core_fixture_flip (fixture, g_ptr_array_index (keys, 0));
  repository = open_with (fixture, "second", -1);
  open_with (fixture, CORE_PASSPHRASE, OB_ERROR_WRONG_PASSPHRASE);
}

static void
test_damaged_only_key (CoreFixture *fixture, gconstpointer data)
{
  g_autoptr (GPtrArray) keys = core_fixture_list (fixture, "keys");

  core_fixture_flip (fixture, g_ptr_array_index (keys, 0));
  open_with (fixture, CORE_PASSPHRASE, OB_ERROR_CORRUPT);
  core_fixture_remove (fixture, g_ptr_array_index (keys, 0));
  open_with (fixture, CORE_PASSPHRASE, OB_ERROR_CORRUPT);
}

/* Who takes the place of a repository takes over what locks it could not remove: those before, and
 * those that it still leaves when it has been replaced. */
static void
test_share_left_locks (CoreFixture *fixture, gconstpointer data)
{
  g_autoptr (ObRepository) later = open_with (fixture, CORE_PASSPHRASE, -1);
  g_autoptr (GAsyncQueue) left = g_async_queue_new_full (g_free);
  static const char *const names[] = { "locks/a", "locks/b", "locks/c" };

  for (guint i = 0; i < 2; i++)
    g_async_queue_push (ob_repository_get_left_locks (fixture->repository), g_strdup (names[i]));
  ob_repository_share_left_locks (fixture->repository, left);
  ob_repository_share_left_locks (later, left);
  g_async_queue_push (ob_repository_get_left_locks (fixture->repository), g_strdup (names[2]));
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *name = g_async_queue_try_pop (ob_repository_get_left_locks (later));

      g_assert_cmpstr (name, ==, names[i]);
    }
  g_assert_null (g_async_queue_try_pop (left));
}

/* A sound config that is sealed with the key of another repository. */
static void
put_foreign_config (CoreFixture *fixture)
{
  g_autofree char *text = NULL;
  g_autoptr (ObCrypto) crypto = NULL;
  guint8 sealed[1024];
  ObCryptoKey key;
  ObConfig config;

  ob_key_generate (&key);
  crypto = ob_crypto_new (&key);
  ob_config_generate (&config);
  text = ob_config_to_json (&config);
  ob_crypto_seal (crypto, (const guint8 *) text, strlen (text), sealed);
  core_fixture_put (fixture, "config", sealed, strlen (text) + OB_CRYPTO_OVERHEAD);
}

/* Another repository at the place has another id, or does not even open with this key. */
static void
test_confirm (CoreFixture *fixture, gconstpointer data)
{
  CoreFixture other = { 0 };
  g_autoptr (GBytes) config = ob_store_get (fixture->store, "config", 65536, NULL, NULL);
  g_autoptr (GBytes) other_config = NULL;

  confirm (fixture, TRUE, NULL);
  core_fixture_set_up (&other, NULL);
  other_config = ob_store_get (other.store, "config", 65536, NULL, NULL);
  core_fixture_put (fixture, "config", g_bytes_get_data (other_config, NULL),
                    g_bytes_get_size (other_config));
  confirm (fixture, FALSE, "not the one");
  core_fixture_tear_down (&other, NULL);

  put_foreign_config (fixture);
  confirm (fixture, FALSE, "not the one");
  core_fixture_put (fixture, "config", "", 0);
  confirm (fixture, FALSE, "not the one");
  core_fixture_remove (fixture, "config");
  confirm (fixture, FALSE, "missing");
  core_fixture_put (fixture, "config", g_bytes_get_data (config, NULL), g_bytes_get_size (config));
  confirm (fixture, TRUE, NULL);
}

static void
test_bad_config (CoreFixture *fixture, gconstpointer data)
{
  g_autofree char *large = g_strnfill (OB_CONFIG_MAX_SIZE + 1, 'x');
  ObConfig config;

  core_fixture_flip (fixture, "config");
  open_with (fixture, CORE_PASSPHRASE, OB_ERROR_CORRUPT);
  core_fixture_put (fixture, "config", large, strlen (large));
  open_with (fixture, CORE_PASSPHRASE, OB_ERROR_CORRUPT);
  core_fixture_put (fixture, "config", "", 0);
  open_with (fixture, CORE_PASSPHRASE, OB_ERROR_CORRUPT);
  put_foreign_config (fixture);
  open_with (fixture, CORE_PASSPHRASE, OB_ERROR_CORRUPT);
  ob_config_generate (&config);
  config.version = 3;
  core_fixture_put_repository (fixture, &config);
  open_with (fixture, CORE_PASSPHRASE, OB_ERROR_NOT_SUPPORTED);
}

static void
assert_read_only (const GError *error)
{
  g_assert_error (error, OB_ERROR, OB_ERROR_NOT_SUPPORTED);
  g_assert_nonnull (strstr (error->message, "version 1"));
}

/* Nothing of ours gets into a repository of version 1, not even a pack that no index tells of. */
static void
test_version_1 (CoreFixture *fixture, gconstpointer data)
{
  static const char *const directories[] = { "data", "index", "snapshots" };
  g_autoptr (ObSnapshot) snapshot = ob_snapshot_new ();
  g_autoptr (GArray) content = NULL;
  g_autoptr (ObWriter) writer = NULL;
  g_autoptr (GError) index_error = NULL;
  g_autoptr (GError) snapshot_error = NULL;
  g_autoptr (GError) add_error = NULL;
  g_autoptr (GError) finish_error = NULL;
  g_autoptr (GError) error = NULL;
  ObConfig config;

  ob_config_generate (&config);
  config.version = 1;
  core_fixture_put_repository (fixture, &config);
  fixture->repository = open_with (fixture, CORE_PASSPHRASE, -1);
  g_assert_cmpuint (ob_repository_get_version (fixture->repository), ==, 1);
  g_assert_true (ob_repository_load_index (fixture->repository, NULL, &error));
  g_assert_no_error (error);

  g_assert_false (
    ob_repository_save_index (fixture->repository, NULL, NULL, 0, NULL, &index_error));
  assert_read_only (index_error);
  g_assert_false (
    ob_repository_save_snapshot (fixture->repository, snapshot, NULL, &snapshot_error));
  assert_read_only (snapshot_error);
  writer = ob_writer_new (fixture->repository, 1, NULL);
  g_assert_false (ob_writer_add_bytes (writer, "x", 1, &content, &add_error));
  assert_read_only (add_error);
  g_assert_false (ob_writer_finish (writer, &finish_error));
  assert_read_only (finish_error);
  for (gsize i = 0; i < G_N_ELEMENTS (directories); i++)
    {
      g_autoptr (GPtrArray) names = core_fixture_list (fixture, directories[i]);

      g_assert_cmpuint (names->len, ==, 0);
    }
}

static void
assert_corrupt (CoreFixture *fixture, const char *name, gsize max)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (ob_repository_get_unpacked (fixture->repository, name, max, NULL, &error));
  g_assert_error (error, OB_ERROR, OB_ERROR_CORRUPT);
  g_assert_nonnull (strstr (error->message, name));
}

/* A file under another's name, a damaged one, one of another repository and one too large. */
static void
test_unpacked (CoreFixture *fixture, gconstpointer data)
{
  static const char name[] = "snapshots/" RESTIC_SNAPSHOT;
  g_autoptr (GBytes) foreign = core_decode (restic_files[RESTIC_FILE_SNAPSHOT].base64);
  g_autoptr (GBytes) ours = NULL;
  g_autoptr (GBytes) text = NULL;
  g_autofree char *our_name = NULL;
  g_autoptr (GError) error = NULL;
  char hex[OB_ID_HEX_SIZE];
  ObId id;

  ob_repository_put_unpacked (fixture->repository, "snapshots", "0123456789", 10, &id, NULL,
                              &error);
  g_assert_no_error (error);
  ob_id_to_hex (&id, hex);
  our_name = g_strconcat ("snapshots/", hex, NULL);
  text = ob_repository_get_unpacked (fixture->repository, our_name, 10, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpmem (g_bytes_get_data (text, NULL), g_bytes_get_size (text), "0123456789", 10);
  assert_corrupt (fixture, our_name, 9);

  ours = ob_store_get (fixture->store, our_name, 65536, NULL, &error);
  g_assert_no_error (error);
  core_fixture_put (fixture, name, g_bytes_get_data (ours, NULL), g_bytes_get_size (ours));
  assert_corrupt (fixture, name, 100000);
  core_fixture_put (fixture, name, g_bytes_get_data (foreign, NULL), g_bytes_get_size (foreign));
  assert_corrupt (fixture, name, 100000);
  core_fixture_flip (fixture, our_name);
  assert_corrupt (fixture, our_name, 100000);
}

static void
test_cancelled (CoreFixture *fixture, gconstpointer data)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;

  g_cancellable_cancel (cancellable);
  g_assert_null (ob_repository_open (fixture->store, CORE_PASSPHRASE, cancellable, &error));
  g_assert_error (error, OB_ERROR, OB_ERROR_CANCELLED);
}

/* A repository that restic made. */
static void
test_restic (CoreFixture *fixture, gconstpointer data)
{
  g_autoptr (GPtrArray) snapshots = NULL;
  g_autoptr (GPtrArray) problems = NULL;
  g_autoptr (GError) error = NULL;
  const ObSnapshot *snapshot;
  ObBlobLocation location;
  ObId id;

  open_with (fixture, "wrong", OB_ERROR_WRONG_PASSPHRASE);
  fixture->repository = open_with (fixture, RESTIC_PASSPHRASE, -1);
  g_assert_cmpstr (ob_repository_get_id (fixture->repository), ==, RESTIC_ID);
  ob_repository_load_index (fixture->repository, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (ob_id_from_hex (RESTIC_DATA_BLOB, &id));
  g_assert_true (
    ob_index_lookup (ob_repository_get_index (fixture->repository), OB_BLOB_DATA, &id, &location));
  g_assert_cmpuint (location.length, ==, RESTIC_DATA_LENGTH);

  snapshots = ob_repository_list_snapshots (fixture->repository, &problems, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (snapshots->len, ==, 1);
  g_assert_cmpuint (problems->len, ==, 0);
  snapshot = g_ptr_array_index (snapshots, 0);
  g_assert_true (ob_id_from_hex (RESTIC_SNAPSHOT, &id));
  g_assert_true (ob_id_equal (&snapshot->id, &id));
  g_assert_cmpstr (snapshot->hostname, ==, "erp");
  g_assert_true (ob_snapshot_has_tag (snapshot, "two"));
  g_assert_null (snapshot->obbackup);
}

static ObSnapshot *
save_snapshot (CoreFixture *fixture, time_t when)
{
  ObSnapshot *snapshot = ob_snapshot_new ();
  g_autoptr (GError) error = NULL;

  snapshot->time.tv_sec = when;
  ob_repository_save_snapshot (fixture->repository, snapshot, NULL, &error);
  g_assert_no_error (error);
  return snapshot;
}

/* Newest first; those that are gone are forgotten. */
static void
test_snapshots (CoreFixture *fixture, gconstpointer data)
{
  g_autoptr (GPtrArray) names = NULL;
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < 3; i++)
    {
      g_autoptr (ObSnapshot) snapshot = save_snapshot (fixture, 1000 + i * 7 % 3);

      g_assert_nonnull (snapshot);
    }
  names = core_fixture_list (fixture, "snapshots");
  for (guint left = 3; left > 0; left--)
    {
      g_autoptr (GPtrArray) snapshots =
        ob_repository_list_snapshots (fixture->repository, NULL, NULL, &error);

      g_assert_no_error (error);
      g_assert_cmpuint (snapshots->len, ==, left);
      for (guint i = 1; i < left; i++)
        g_assert_cmpint (((ObSnapshot *) g_ptr_array_index (snapshots, i - 1))->time.tv_sec, >,
                         ((ObSnapshot *) g_ptr_array_index (snapshots, i))->time.tv_sec);
      core_fixture_remove (fixture, g_ptr_array_index (names, left - 1));
    }
}

/* A copy of the only file in @directory, under its name with something behind it, and one with its
 * name in a directory below. */
static void
put_aside (CoreFixture *fixture, const char *directory)
{
  g_autoptr (GPtrArray) names = core_fixture_list (fixture, directory);
  g_autofree char *aside = NULL;
  g_autofree char *below = NULL;
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_cmpuint (names->len, ==, 1);
  aside = g_strconcat (g_ptr_array_index (names, 0), ".old", NULL);
  bytes = ob_store_get (fixture->store, g_ptr_array_index (names, 0), 1 << 20, NULL, &error);
  g_assert_no_error (error);
  core_fixture_put (fixture, aside, g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
  below = g_strconcat (directory, "/aside", strchr (g_ptr_array_index (names, 0), '/'), NULL);
  core_fixture_put (fixture, below, g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
}

/* What somebody has put aside is none of the repository's: it does not count twice, nor does it
 * bar anybody. */
static void
test_put_aside (CoreFixture *fixture, gconstpointer data)
{
  g_autoptr (ObSnapshot) snapshot = save_snapshot (fixture, 1000);
  g_autoptr (GPtrArray) keys = core_fixture_list (fixture, "keys");
  g_autoptr (GPtrArray) snapshots = NULL;
  g_autoptr (ObRepository) repository = NULL;
  g_autoptr (ObLock) lock = NULL;
  g_autoptr (GError) error = NULL;

  put_aside (fixture, "snapshots");
  put_aside (fixture, "keys");
  lock = ob_lock_acquire (fixture->repository, FALSE, NULL, &error);
  g_assert_no_error (error);
  put_aside (fixture, "locks");
  g_clear_pointer (&lock, ob_lock_release);

  repository = open_with (fixture, CORE_PASSPHRASE, -1);
  snapshots = ob_repository_list_snapshots (repository, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (snapshots->len, ==, 1);
  lock = ob_lock_acquire (repository, TRUE, NULL, &error);
  g_assert_no_error (error);
  open_with (fixture, "wrong", OB_ERROR_WRONG_PASSPHRASE);
  core_fixture_remove (fixture, g_ptr_array_index (keys, 0));
  open_with (fixture, CORE_PASSPHRASE, OB_ERROR_CORRUPT);
}

/* One that does not open is told, and the others are there. */
static void
test_damaged_snapshot (CoreFixture *fixture, gconstpointer data)
{
  g_autoptr (ObSnapshot) whole = save_snapshot (fixture, 1000);
  g_autoptr (ObSnapshot) damaged = save_snapshot (fixture, 2000);
  g_autoptr (GPtrArray) snapshots = NULL;
  g_autoptr (GPtrArray) problems = NULL;
  g_autofree char *name = NULL;
  g_autoptr (GError) error = NULL;
  char hex[OB_ID_HEX_SIZE];

  ob_id_to_hex (&damaged->id, hex);
  name = g_strconcat ("snapshots/", hex, NULL);
  core_fixture_flip (fixture, name);
  snapshots = ob_repository_list_snapshots (fixture->repository, &problems, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (snapshots->len, ==, 1);
  g_assert_true (ob_id_equal (&((ObSnapshot *) g_ptr_array_index (snapshots, 0))->id, &whole->id));
  g_assert_cmpuint (problems->len, ==, 1);
  g_assert_nonnull (strstr (g_ptr_array_index (problems, 0), hex));
}

#define ADD(name, set_up, test)                                                                    \
  g_test_add ("/repository/" name, CoreFixture, NULL, set_up, test, core_fixture_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("create", core_fixture_set_up_empty, test_create);
  ADD ("chunker-seed", core_fixture_set_up, test_chunker_seed);
  ADD ("parts", core_fixture_set_up_empty, test_parts);
  ADD ("nothing", core_fixture_set_up_empty, test_nothing);
  ADD ("keys", core_fixture_set_up, test_keys);
  ADD ("damaged-key", core_fixture_set_up, test_damaged_key);
  ADD ("damaged-only-key", core_fixture_set_up, test_damaged_only_key);
  ADD ("share-left-locks", core_fixture_set_up, test_share_left_locks);
  ADD ("confirm", core_fixture_set_up, test_confirm);
  ADD ("bad-config", core_fixture_set_up, test_bad_config);
  ADD ("version-1", core_fixture_set_up_empty, test_version_1);
  ADD ("unpacked", core_fixture_set_up, test_unpacked);
  ADD ("cancelled", core_fixture_set_up, test_cancelled);
  ADD ("restic", core_fixture_set_up_restic, test_restic);
  ADD ("snapshots", core_fixture_set_up, test_snapshots);
  ADD ("put-aside", core_fixture_set_up, test_put_aside);
  ADD ("damaged-snapshot", core_fixture_set_up, test_damaged_snapshot);
  return g_test_run ();
}
