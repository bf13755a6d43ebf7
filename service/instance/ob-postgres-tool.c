/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-postgres.h"

#include <stdlib.h>
#include <unistd.h>

#include "ob-child.h"
#include "ob-error.h"

#define VERSION_SECONDS 30
#define VERSION_DIVISOR 10000 /* 150018 is 15.18 */

/* A pg_restore of this version or newer begins with SET transaction_timeout, which no older server
 * knows, and its archives no older pg_restore reads (src/bin/pg_dump/pg_backup_archiver.c,
 * _doSetFixedOutputState; pg_backup_archiver.h, K_VERS_1_16). */
#define FIRST_STRANGER 17

/* Where packages put one directory for each major version: Debian's, and those of postgresql.org
 * for Red Hat. */
static const struct
{
  const char *parent;
  const char *prefix;
} homes[] = {
  { "/usr/lib/postgresql", "" },
  { "/usr", "pgsql-" },
};

/* The major version that "pg_dump (PostgreSQL) 15.18 (Debian …)" tells; 0 for none. */
static int
parse_version (const char *output)
{
  const char *text = g_strstr_len (output, 256, "(PostgreSQL) ");

  return text == NULL ? 0 : atoi (text + 13);
}

/* Asks the program; 0 where it is not one. FALSE only where it was cancelled. */
static gboolean
ask_version (const char *path, int *major, GCancellable *cancellable, GError **error)
{
  const char *const argv[] = { path, "--version", NULL };
  ObChildSpec spec = { .argv = argv, .stdout_fd = OB_CHILD_CAPTURE };
  g_autoptr (ObChild) child = NULL;

  *major = 0;
  child = ob_child_start (&spec, NULL);
  if (child != NULL && ob_child_wait_for (child, VERSION_SECONDS, cancellable, NULL))
    *major = parse_version (ob_child_get_output (child));
  if (!g_cancellable_is_cancelled (cancellable))
    return TRUE;
  g_set_error_literal (error, OB_ERROR, OB_ERROR_CANCELLED, "The job was cancelled");
  return FALSE;
}

static void
add_candidate (GPtrArray *candidates, const char *directory, const char *tool)
{
  g_autofree char *path = g_build_filename (directory, tool, NULL);

  if (g_path_is_absolute (path) && access (path, X_OK) == 0
      && !g_ptr_array_find_with_equal_func (candidates, path, g_str_equal, NULL))
    g_ptr_array_add (candidates, g_steal_pointer (&path));
}

/* Every program of that name, those of versioned directories first. */
static GPtrArray *
list_candidates (const char *tool)
{
  GPtrArray *candidates = g_ptr_array_new_with_free_func (g_free);
  g_auto (GStrv) path = NULL;

  for (gsize i = 0; i < G_N_ELEMENTS (homes); i++)
    {
      g_autoptr (GDir) dir = g_dir_open (homes[i].parent, 0, NULL);
      const char *name;

      while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
        {
          g_autofree char *bin = NULL;

          if (!g_str_has_prefix (name, homes[i].prefix))
            continue;
          bin = g_build_filename (homes[i].parent, name, "bin", NULL);
          add_candidate (candidates, bin, tool);
        }
    }

  path = g_strsplit (g_getenv ("PATH") != NULL ? g_getenv ("PATH") : "/usr/bin:/bin", ":", -1);
  for (guint i = 0; path[i] != NULL; i++)
    add_candidate (candidates, path[i], tool);
  return candidates;
}

/* Whether what it restores an older server cannot take. */
static gboolean
is_stranger (int major, int wanted)
{
  return major >= FIRST_STRANGER && wanted < FIRST_STRANGER;
}

/* None of the tools here will do; @newest is 0 where there is none at all. Always NULL. */
static char *
fail (const char *tool, int wanted, int reader, int newest, GError **error)
{
  int major = MAX (wanted, reader);

  if (is_stranger (reader, wanted))
    g_set_error (error, OB_ERROR, OB_ERROR_VERSION_MISMATCH,
                 "The backup was made by pg_dump of PostgreSQL %d or newer, and no %s that can "
                 "read it can restore to PostgreSQL %d, which the server is. Restore it to a "
                 "server of PostgreSQL %d or newer",
                 reader, tool, wanted, reader);
  else if (newest == 0)
    g_set_error (error, OB_ERROR, OB_ERROR_VERSION_MISMATCH,
                 "There is no %s on this host; the server is PostgreSQL %d. Install the package "
                 "postgresql-client-%d",
                 tool, wanted, major);
  else if (is_stranger (newest, wanted))
    g_set_error (error, OB_ERROR, OB_ERROR_VERSION_MISMATCH,
                 "The %s on this host is of PostgreSQL %d, but the server is PostgreSQL %d, to "
                 "which only one before %d can restore. Install the package postgresql-client-%d, "
                 "which apt.postgresql.org has where the distribution has it no longer",
                 tool, newest, wanted, FIRST_STRANGER, major);
  else if (newest >= wanted)
    g_set_error (error, OB_ERROR, OB_ERROR_VERSION_MISMATCH,
                 "The backup was made by pg_dump of PostgreSQL %d, and the newest %s on this host, "
                 "which is of %d, cannot read it. Install the package postgresql-client-%d",
                 reader, tool, newest, major);
  else
    g_set_error (error, OB_ERROR, OB_ERROR_VERSION_MISMATCH,
                 "The newest %s on this host is of PostgreSQL %d, but the server is PostgreSQL %d, "
                 "which only its own or a newer one can read. Install the package "
                 "postgresql-client-%d",
                 tool, newest, wanted, major);
  return NULL;
}

char *
ob_postgres_find_tool (const char *tool,
                       int server_version,
                       int reader,
                       GCancellable *cancellable,
                       GError **error)
{
  g_autoptr (GPtrArray) candidates = list_candidates (tool);
  int wanted = server_version / VERSION_DIVISOR;
  const char *best = NULL;
  int best_major = 0;
  int newest = 0;

  for (guint i = 0; i < candidates->len; i++)
    {
      int major;

      if (!ask_version (candidates->pdata[i], &major, cancellable, error))
        return NULL;
      newest = MAX (newest, major);
      if (major >= MAX (wanted, reader) && !is_stranger (major, wanted)
          && (best == NULL || major < best_major))
        {
          best = candidates->pdata[i];
          best_major = major;
        }
      if (best_major == wanted)
        break;
    }
  return best != NULL ? g_strdup (best) : fail (tool, wanted, reader, newest, error);
}
