/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A store far away, and one before it that keeps copies below a directory of the fixture. */
#pragma once

#include "far-store.h"
#include "fixture.h"
#include "ob-cache-store.h"

G_BEGIN_DECLS

typedef struct
{
  Fixture fixture;
  FarStore *far;
  ObCacheDirectory *directory;
  ObStore *store;
} CacheFixture;

/* For g_test_add(), with log_fixture_begin() before: nothing may be in the log at the end. */
void cache_fixture_set_up (CacheFixture *f, gconstpointer data);
void cache_fixture_tear_down (CacheFixture *f, gconstpointer data);

/* Opens the cache anew below @name, with another limit in bytes. */
void cache_fixture_open (CacheFixture *f, const char *name, guint64 limit);

/* Opens the store anew, as another run of the service would. */
void cache_fixture_reopen (CacheFixture *f);

/* Some bytes that only @number has. Transfer full. */
GBytes *cache_fixture_make_bytes (guint number, gsize size);

/* The name that an object with these bytes has. Transfer full. */
char *cache_fixture_make_name (const char *kind, GBytes *bytes);

/* Puts them, in two parts. */
void cache_fixture_put (ObStore *store, const char *name, GBytes *bytes, ObStorePutFlags flags);

/* Gets it through the cache. */
void cache_fixture_assert_get (CacheFixture *f, const char *name, GBytes *expected);

/* Reads it through the cache as who wants a copy kept. */
void cache_fixture_assert_range (CacheFixture *f, const char *name, guint64 offset, gsize size,
                                 GBytes *expected);

/* The path of its copy; NULL where there is none. Transfer full. */
char *cache_fixture_find_copy (CacheFixture *f, const char *name);
void cache_fixture_assert_copy (CacheFixture *f, const char *name, gboolean expected);

/* Lists, and goes on until the @most-th name. */
void cache_fixture_list (CacheFixture *f, const char *directory, guint most);

G_END_DECLS
