/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core-fixture.h"

#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cheap-key.h"
#include "ob-io.h"
#include "ob-key.h"
#include "ob-local-store.h"
#include "restic-vectors.h"

void
core_fixture_set_up_empty (CoreFixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  fixture->path = g_dir_make_tmp ("ob-test-XXXXXX", &error);
  g_assert_no_error (error);
  fixture->store = ob_local_store_new (fixture->path, FALSE, &error);
  g_assert_no_error (error);
  fixture->repository = NULL;
}

void
core_fixture_put_repository (CoreFixture *fixture, const ObConfig *config)
{
  g_autofree char *text = ob_config_to_json (config);
  gsize size = strlen (text);
  g_autofree guint8 *sealed = g_malloc (size + OB_CRYPTO_OVERHEAD);
  g_autoptr (ObCrypto) crypto = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *name = NULL;
  char hex[OB_ID_HEX_SIZE];
  ObCryptoKey master;
  ObId id;

  ob_store_prepare (fixture->store, NULL, &error);
  g_assert_no_error (error);
  ob_id_of (CHEAP_KEY, strlen (CHEAP_KEY), &id);
  ob_id_to_hex (&id, hex);
  name = g_strconcat ("keys/", hex, NULL);
  core_fixture_put (fixture, name, CHEAP_KEY, strlen (CHEAP_KEY));

  ob_key_file_open (CHEAP_KEY, strlen (CHEAP_KEY), CORE_PASSPHRASE, &master, &error);
  g_assert_no_error (error);
  crypto = ob_crypto_new (&master);
  ob_crypto_seal (crypto, (const guint8 *) text, size, sealed);
  core_fixture_put (fixture, "config", sealed, size + OB_CRYPTO_OVERHEAD);
}

void
core_fixture_set_up (CoreFixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  ObConfig config;

  core_fixture_set_up_empty (fixture, data);
  ob_config_generate (&config);
  core_fixture_put_repository (fixture, &config);
  fixture->repository = ob_repository_open (fixture->store, CORE_PASSPHRASE, NULL, &error);
  g_assert_no_error (error);
}

void
core_fixture_set_up_restic (CoreFixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  core_fixture_set_up_empty (fixture, data);
  ob_store_prepare (fixture->store, NULL, &error);
  g_assert_no_error (error);
  for (gsize i = 0; i < G_N_ELEMENTS (restic_files); i++)
    {
      g_autoptr (GBytes) bytes = core_decode (restic_files[i].base64);

      core_fixture_put (fixture, restic_files[i].name, g_bytes_get_data (bytes, NULL),
                        g_bytes_get_size (bytes));
    }
}

void
core_fixture_tear_down (CoreFixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  ob_repository_unref (fixture->repository);
  g_object_unref (fixture->store);
  ob_remove_tree_at (AT_FDCWD, fixture->path, NULL, &error);
  g_assert_no_error (error);
  g_free (fixture->path);
}

static gboolean
add_name (const char *name, guint64 size, gpointer user_data)
{
  g_ptr_array_add (user_data, g_strdup (name));
  return TRUE;
}

static GPtrArray *
list (ObStore *store, const char *directory)
{
  GPtrArray *names = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GError) error = NULL;

  ob_store_list (store, directory, add_name, names, NULL, &error);
  g_assert_no_error (error);
  return names;
}

GPtrArray *
core_fixture_list (CoreFixture *fixture, const char *directory)
{
  return list (fixture->store, directory);
}

void
core_store_clear (ObStore *store, const char *directory)
{
  g_autoptr (GPtrArray) names = list (store, directory);
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < names->len; i++)
    ob_store_remove (store, g_ptr_array_index (names, i), NULL, &error);
  g_assert_no_error (error);
}

void
core_fixture_put (CoreFixture *fixture, const char *name, const void *data, gsize size)
{
  struct iovec part = { .iov_base = (void *) data, .iov_len = size };
  g_autoptr (GError) error = NULL;

  ob_store_put (fixture->store, name, &part, 1, OB_STORE_PUT_NONE, NULL, &error);
  g_assert_no_error (error);
}

void
core_fixture_remove (CoreFixture *fixture, const char *name)
{
  g_autoptr (GError) error = NULL;

  ob_store_remove (fixture->store, name, NULL, &error);
  g_assert_no_error (error);
}

void
core_fixture_flip (CoreFixture *fixture, const char *name)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes = ob_store_get (fixture->store, name, 64 << 20, NULL, &error);
  g_autofree guint8 *copy = NULL;
  gsize size;

  g_assert_no_error (error);
  copy = g_memdup2 (g_bytes_get_data (bytes, &size), g_bytes_get_size (bytes));
  copy[size / 2] ^= 1;
  core_fixture_put (fixture, name, copy, size);
}

void
core_wait_until_asleep (pid_t thread)
{
  g_autofree char *name = g_strdup_printf ("/proc/self/task/%d/stat", thread);
  gboolean asleep = FALSE;

  while (!asleep)
    {
      g_autofree char *text = NULL;

      g_usleep (1000);
      g_assert_true (g_file_get_contents (name, &text, NULL, NULL));
      asleep = strstr (text, ") S ") != NULL;
    }
}

pid_t
core_get_dead_pid (void)
{
  pid_t pid = fork ();

  if (pid == 0)
    _exit (0);
  g_assert_cmpint (pid, >, 0);
  g_assert_cmpint (waitpid (pid, NULL, 0), ==, pid);
  return pid;
}

gboolean
core_is_long (void)
{
  return g_strcmp0 (g_getenv ("OBBACKUP_LONG"), "1") == 0;
}

GBytes *
core_decode (const char *base64)
{
  gsize size;
  guchar *data = g_base64_decode (base64, &size);

  return g_bytes_new_take (data, size);
}

static guint
random_below (guint end)
{
  return end == 0 ? 0 : (guint) g_test_rand_int_range (0, (gint) end);
}

static void
mutate_once (GByteArray *array)
{
  static const char telling[] = "\"\\{}[]:,0919-.eEntfu \n\x7f\x80\xff";
  guint at = random_below (array->len);
  guint size = random_below (MIN (array->len - at, 16) + 1);
  guint8 piece[16];

  switch (array->len == 0 ? 4 : random_below (6))
    {
    case 0:
      array->data[at] ^= (guint8) (1 << random_below (8));
      break;
    case 1:
      array->data[at] = (guint8) telling[random_below (sizeof telling)];
      break;
    case 2:
      g_byte_array_remove_range (array, at, size);
      break;
    case 3:
      g_byte_array_set_size (array, at);
      break;
    case 4:
      piece[0] = (guint8) telling[random_below (sizeof telling)];
      g_byte_array_prepend (array, piece, 1);
      break;
    default:
      memcpy (piece, array->data + at, size);
      g_byte_array_append (array, piece, size);
      break;
    }
}

GBytes *
core_mutate (const void *data, gsize size)
{
  g_autoptr (GByteArray) array = g_byte_array_new ();

  g_byte_array_append (array, data, (guint) size);
  for (guint n = 1 + random_below (4); n > 0; n--)
    mutate_once (array);

  /* A block of exactly this size, so that a sanitizer sees the first byte read beyond it. */
  return g_bytes_new (array->data, array->len);
}
