/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A repository of a test's own in a temporary directory, and what tests do to it. */
#pragma once

#include "ob-config.h"
#include "ob-repository-private.h"

G_BEGIN_DECLS

#define CORE_PASSPHRASE "cheap"

typedef struct
{
  char *path;
  ObStore *store;
  ObRepository *repository; /* NULL with core_fixture_set_up_empty() */
} CoreFixture;

/* For g_test_add(): with a new repository, with an empty store, and with the repository that restic
 * wrote, not opened. */
void core_fixture_set_up (CoreFixture *fixture, gconstpointer data);
void core_fixture_set_up_empty (CoreFixture *fixture, gconstpointer data);
void core_fixture_set_up_restic (CoreFixture *fixture, gconstpointer data);
void core_fixture_tear_down (CoreFixture *fixture, gconstpointer data);

/* The names of all files below @directory of the store. Transfer full. */
GPtrArray *core_fixture_list (CoreFixture *fixture, const char *directory);

/* Makes the store a repository of this config, with a key that costs next to nothing to open with
 * CORE_PASSPHRASE: deriving real ones would take most of the tests' time. */
void core_fixture_put_repository (CoreFixture *fixture, const ObConfig *config);

/* Puts and removes files behind the repository's back. */
void core_fixture_put (CoreFixture *fixture, const char *name, const void *data, gsize size);
void core_fixture_remove (CoreFixture *fixture, const char *name);

/* Removes all files below @directory: locks, above all, which this very process holds, so that they
 * are not stale. */
void core_store_clear (ObStore *store, const char *directory);

/* Changes one bit in the middle of a file. */
void core_fixture_flip (CoreFixture *fixture, const char *name);

/* Waits until the thread waits for something: that it is in the call that another one is to end. */
void core_wait_until_asleep (pid_t thread);

/* The number of a process that has ended and been waited for. */
pid_t core_get_dead_pid (void);

/* Whether loops are to be run whole: OBBACKUP_LONG=1 in the environment. */
gboolean core_is_long (void);

/* Base64 as it stands in restic-vectors.h. Transfer full. */
GBytes *core_decode (const char *base64);

/* Damages a copy of @data at random, the way that finds bugs in parsers: bits flipped, bytes
 * changed to telling ones, pieces cut, doubled or inserted. Transfer full. Repeat a run with
 * --seed. */
GBytes *core_mutate (const void *data, gsize size);

G_END_DECLS
