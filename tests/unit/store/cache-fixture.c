/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cache-fixture.h"

#include <unistd.h>

#include "log-fixture.h"
#include "ob-aws-signature.h"

#define MUCH (64 * 1024 * 1024)

void
cache_fixture_reopen (CacheFixture *f)
{
  g_clear_object (&f->store);
  f->store = ob_cache_store_new (OB_STORE (f->far), f->directory);
}

void
cache_fixture_open (CacheFixture *f, const char *name, guint64 limit)
{
  g_autofree char *path = fixture_path (&f->fixture, name);

  g_clear_pointer (&f->directory, ob_cache_directory_unref);
  f->directory = ob_cache_directory_new (path, limit);
  cache_fixture_reopen (f);
}

void
cache_fixture_set_up (CacheFixture *f, gconstpointer data)
{
  fixture_set_up (&f->fixture, NULL);
  f->far = FAR_STORE (far_store_new ());
  cache_fixture_open (f, "cache", MUCH);
}

void
cache_fixture_tear_down (CacheFixture *f, gconstpointer data)
{
  g_autofree char *log = log_fixture_take ();

  g_assert_cmpstr (log, ==, "");
  g_clear_object (&f->store);
  ob_cache_directory_unref (f->directory);
  g_object_unref (f->far);
  fixture_tear_down (&f->fixture, NULL);
}

GBytes *
cache_fixture_make_bytes (guint number, gsize size)
{
  guint8 *data = g_malloc (size);
  g_autoptr (GRand) random = g_rand_new_with_seed (number);

  for (gsize i = 0; i < size; i++)
    data[i] = (guint8) g_rand_int (random);
  return g_bytes_new_take (data, size);
}

char *
cache_fixture_make_name (const char *kind, GBytes *bytes)
{
  const struct iovec part = { (void *) g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes) };
  char hash[OB_AWS_HASH_SIZE];

  ob_aws_hash (&part, 1, hash);
  return strcmp (kind, "data") == 0 ? g_strdup_printf ("data/%.2s/%s", hash, hash)
                                    : g_strconcat (kind, "/", hash, NULL);
}

void
cache_fixture_put (ObStore *store, const char *name, GBytes *bytes, ObStorePutFlags flags)
{
  gsize size = g_bytes_get_size (bytes);
  guint8 *data = (guint8 *) g_bytes_get_data (bytes, NULL);
  const struct iovec parts[] = { { data, size / 3 }, { data + size / 3, size - size / 3 } };
  g_autoptr (GError) error = NULL;

  ob_store_put (store, name, parts, 2, flags, NULL, &error);
  g_assert_no_error (error);
}

void
cache_fixture_assert_get (CacheFixture *f, const char *name, GBytes *expected)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes = ob_store_get (f->store, name, MUCH, NULL, &error);

  g_assert_no_error (error);
  g_assert_true (g_bytes_equal (bytes, expected));
}

void
cache_fixture_assert_range (CacheFixture *f, const char *name, guint64 offset, gsize size,
                            GBytes *expected)
{
  g_autofree guint8 *buffer = g_malloc (size);
  g_autoptr (GError) error = NULL;
  gssize n = ob_store_read_kept (f->store, name, offset, buffer, size, NULL, &error);
  gsize length;
  const guint8 *data = g_bytes_get_data (expected, &length);

  g_assert_no_error (error);
  g_assert_cmpmem (buffer, n, data + offset, MIN (size, length - offset));
}

char *
cache_fixture_find_copy (CacheFixture *f, const char *name)
{
  g_autofree char *top = fixture_path (&f->fixture, "cache/repositories");
  g_autoptr (GDir) dir = g_dir_open (top, 0, NULL);
  const char *place = dir != NULL ? g_dir_read_name (dir) : NULL;
  g_autofree char *kind = g_strndup (name, strcspn (name, "/"));
  g_autofree char *path = NULL;

  if (place == NULL)
    return NULL;
  g_assert_null (g_dir_read_name (dir));
  path = g_build_filename (top, place, kind, strrchr (name, '/') + 1, NULL);
  return access (path, F_OK) == 0 ? g_steal_pointer (&path) : NULL;
}

void
cache_fixture_assert_copy (CacheFixture *f, const char *name, gboolean expected)
{
  g_autofree char *path = cache_fixture_find_copy (f, name);

  g_assert_true ((path != NULL) == expected);
}

static gboolean
count_names (const char *name, guint64 size, gpointer user_data)
{
  guint *left = user_data;

  return --*left > 0;
}

void
cache_fixture_list (CacheFixture *f, const char *directory, guint most)
{
  g_autoptr (GError) error = NULL;

  ob_store_list (f->store, directory, count_names, &most, NULL, &error);
  g_assert_no_error (error);
}
