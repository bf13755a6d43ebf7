/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A directory of a test's own, and what tests do in it. */
#pragma once

#include <glib.h>
#include <string.h>

G_BEGIN_DECLS

typedef struct
{
  char *path;
  int fd;
} Fixture;

/* For g_test_add(). */
void fixture_set_up (Fixture *fixture, gconstpointer data);
void fixture_tear_down (Fixture *fixture, gconstpointer data);

/* Transfer full. */
char *fixture_path (Fixture *fixture, const char *name);

void fixture_write (Fixture *fixture, const char *name, const char *text);

/* How many descriptors this process has open. */
guint fixture_count_fds (void);

/* For a test that mounts things: runs it in a process of its own, which it then is (TRUE), with
 * mounts of its own. Skips it where we may not. */
gboolean fixture_begin_mounts (Fixture *fixture);

/* Mounts a tmpfs with @options on the directory @name, which it makes; the tear-down unmounts
 * it. */
void fixture_mount_tmpfs (Fixture *fixture, const char *name, const char *options);

/* Sets a limit of this process (RLIMIT_…). */
void fixture_set_limit (int resource, gulong value);

#define g_assert_ob_error(error, error_code) g_assert_error (error, OB_ERROR, error_code)

/* Asserts that the message names what it should. */
#define g_assert_message(error, part)                                                              \
  g_assert_nonnull (strstr ((error)->message, part) != NULL ? (error)->message : NULL)

G_END_DECLS
