/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A service's directories of a test's own, with an installation and destinations in them. */
#pragma once

#include "fixture.h"
#include "ob-context.h"
#include "ob-destination.h"
#include "ob-error.h"
#include "ob-instance.h"

G_BEGIN_DECLS

#define JOBS_PASSPHRASE "a passphrase"

typedef struct
{
  Fixture base;
  ObContext *context;
} JobsFixture;

/* For g_test_add(). */
void jobs_fixture_set_up (JobsFixture *fixture, gconstpointer data);
void jobs_fixture_tear_down (JobsFixture *fixture, gconstpointer data);

/* An installation called @name, whose sources are the directory app/sources, and its attachments
 * @attachments below that or, where it begins with "/", below the fixture. Nothing of it exists.
 * Transfer full. */
ObInstance *jobs_fixture_make_instance (JobsFixture *fixture, const char *name,
                                        const char *attachments);

/* A destination in the directory @path, as ob_destination_new(). */
ObDestination *jobs_new_destination (const char *name, const char *path, const char *passphrase,
                                     gboolean no_passphrase, GError **error);

/* ob_destination_update() to the directory @path, with the passphrase that it has. */
ObDestination *jobs_move_destination (ObDestination *destination, ObContext *context,
                                      const char *path, GError **error);

/* The directory @name of the fixture as a destination of the same name, set up with
 * JOBS_PASSPHRASE. Transfer full. */
ObDestination *jobs_fixture_make_destination (JobsFixture *fixture, const char *name);

/* The files below the directory @name of the fixture, and below it whatever it holds. */
guint jobs_fixture_count_files (JobsFixture *fixture, const char *name);

/* Renames a file or directory of the fixture. */
void jobs_fixture_rename (JobsFixture *fixture, const char *from, const char *to);

/* A backup to be stored; what is 0 or NULL has a default or is left out. */
typedef struct
{
  gint64 seconds;        /* its time */
  const char *const *tags; /* NULL: of a manual backup of "ob" */
  const char *result;    /* NULL: no obbackup object */
  ObParts parts;
  const char *manifest;  /* text of /manifest.json */
  const ObId *original;
} JobsBackup;

/* Stores it. Returns its public id. Transfer full. */
char *jobs_fixture_store (JobsFixture *fixture, ObDestination *destination,
                          const JobsBackup *backup);

/* For main(): keeps the log of the jobs out of the output. Warnings fail a test, but for as many as
 * jobs_expect_warnings() said. */
void jobs_fixture_quiet_log (void);
void jobs_expect_warnings (int n);

G_END_DECLS
