/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading what is in an archive: its table of contents, and of what that leaves in doubt, the
 * definitions. */
#include "ob-database-restore-private.h"

#include "ob-error.h"
#include "ob-fd.h"
#include "ob-io.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* internal methods */

/* All roles of the server. Transfer full. */
static ObTocRoles *
read_roles (ObRestoreRun *run, GCancellable *cancellable, GError **error)
{
  g_autoptr (ObPostgres) postgres
    = ob_postgres_connect (run->config, run->admin, run->request->target, cancellable, error);
  ObTocRoles *roles = NULL;
  PGresult *result = NULL;

  if (postgres != NULL)
    result = ob_postgres_query (postgres, "SELECT rolname, rolsuper FROM pg_roles", NULL,
                                cancellable, error);
  if (result == NULL)
    return NULL;
  roles = ob_toc_roles_new ();
  for (int i = 0; i < PQntuples (result); i++)
    ob_toc_roles_add (roles, PQgetvalue (result, i, 0), *PQgetvalue (result, i, 1) == 't');
  PQclear (result);
  return roles;
}

/* What pg_restore's scripts have in front of each entry. */
#define HEAD "\n--\n-- Name: "

/* Entries of one kind that are not clear without their definitions. */
typedef struct
{
  GPtrArray *lines;
  gboolean all; /* odd or not */
} Doubt;

/* What definitions tell. */
typedef struct
{
  ObRestoreRun *run;
  GHashTable *doubtful; /* the first word of a kind, to a Doubt */
  GHashTable *natures;  /* lines, to what they are; all others are plain */
  GCancellable *cancellable;
} Judging;

static void
free_doubt (gpointer data)
{
  Doubt *doubt = data;

  g_ptr_array_unref (doubt->lines);
  g_free (doubt);
}

static ObTocNature
collect_line (const char *line, const char *kind, gboolean of_another, gpointer user_data)
{
  Judging *judging = user_data;
  g_autofree char *word = g_strndup (kind, strcspn (kind, " ") + 1);
  Doubt *doubt = g_hash_table_lookup (judging->doubtful, word);

  if (doubt == NULL)
    {
      doubt = g_new0 (Doubt, 1);
      doubt->lines = g_ptr_array_new_with_free_func (g_free);
      g_hash_table_insert (judging->doubtful, g_steal_pointer (&word), doubt);
    }
  g_ptr_array_add (doubt->lines, g_strdup (line));
  doubt->all = doubt->all || of_another;
  return OB_TOC_PLAIN;
}

static ObTocNature
get_nature (const char *line, const char *kind, gboolean of_another, gpointer user_data)
{
  Judging *judging = user_data;

  return (ObTocNature) GPOINTER_TO_INT (g_hash_table_lookup (judging->natures, line));
}

/* Most archives have nothing odd of a kind, which is soon seen. */
static gboolean
look_through (ObRestoreRun *run, const char *kind, gboolean *odd, GError **error)
{
  struct stat status;
  void *archive;

  if (fstat (run->schema_fd, &status) < 0)
    return ob_set_error_errno (error, errno, "The schema cannot be read");
  archive = mmap (NULL, (gsize) status.st_size, PROT_READ, MAP_PRIVATE, run->schema_fd, 0);
  if (archive == MAP_FAILED)
    return ob_set_error_errno (error, errno, "The schema cannot be read");
  *odd = ob_toc_has_odd (kind, archive, (gssize) status.st_size);
  munmap (archive, (gsize) status.st_size);
  return TRUE;
}

/* The scripts of all @n entries, one after the other. NULL where they cannot be told apart, since a
 * body has a line in it like the head of one. Transfer full. */
static GStrv
split_script (const char *script, guint n)
{
  g_auto (GStrv) parts = g_strsplit (script, HEAD, -1);

  return g_strv_length (parts) == n + 1 ? g_steal_pointer (&parts) : NULL;
}

static void
note_nature (Judging *judging, const char *kind, const char *line, const char *script)
{
  ObTocNature nature = ob_toc_judge (kind, script);

  if (nature != OB_TOC_PLAIN)
    g_hash_table_insert (judging->natures, g_strdup (line), GINT_TO_POINTER (nature));
}

/* All in one script, or else in halves. */
static gboolean
judge_lines (Judging *judging, const char *kind, char **lines, guint n, GError **error)
{
  g_autofree char *script
    = ob_restore_read_script (judging->run, lines, n, judging->cancellable, error);
  g_auto (GStrv) parts = script != NULL && n > 1 ? split_script (script, n) : NULL;

  if (script == NULL)
    return FALSE;
  if (n == 1)
    note_nature (judging, kind, *lines, script);
  else if (parts == NULL)
    return judge_lines (judging, kind, lines, n / 2, error)
           && judge_lines (judging, kind, lines + n / 2, n - n / 2, error);
  else
    for (guint i = 0; i < n; i++)
      note_nature (judging, kind, lines[i], parts[i + 1]);
  return TRUE;
}

static gboolean
judge_all (Judging *judging, GError **error)
{
  GHashTableIter iter;
  gpointer kind, value;

  g_hash_table_iter_init (&iter, judging->doubtful);
  while (g_hash_table_iter_next (&iter, &kind, &value))
    {
      Doubt *doubt = value;
      GPtrArray *lines = doubt->lines;
      gboolean odd = doubt->all;

      if ((!odd && !look_through (judging->run, kind, &odd, error))
          || (odd && !judge_lines (judging, kind, (char **) lines->pdata, lines->len, error)))
        return FALSE;
    }
  return TRUE;
}

static ObTocCut *
cut_list (ObRestoreRun *run, const char *list, GCancellable *cancellable, GError **error)
{
  g_autoptr (ObTocRoles) roles = read_roles (run, cancellable, error);
  g_autoptr (ObTocCut) first = NULL;
  g_autoptr (GHashTable) doubtful
    = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, free_doubt);
  g_autoptr (GHashTable) natures = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  Judging judging = { run, doubtful, natures, cancellable };
  gboolean only_owned = run->admin == OB_ROLE_OWNER;

  if (roles == NULL)
    return NULL;
  first
    = ob_restore_cut_list (list, roles, run->config->user, only_owned, collect_line, &judging);
  if (g_hash_table_size (doubtful) == 0)
    return g_steal_pointer (&first);
  if (!judge_all (&judging, error))
    return NULL;
  return ob_restore_cut_list (list, roles, run->config->user, only_owned, get_nature, &judging);
}

/* methods of this room */

ObPostgres *
ob_restore_connect_as_archive (ObRestoreRun *run, ObRole role, GCancellable *cancellable,
                               GError **error)
{
  const char *encoding
    = json_object_get_string_member_with_default (run->request->facts, "encoding", NULL);
  g_autoptr (ObPostgres) postgres
    = ob_postgres_connect (run->config, role, run->request->target, cancellable, error);

  if (postgres == NULL
      || (encoding != NULL
          && !ob_postgres_runf (postgres, cancellable, error, "SET client_encoding TO %L",
                                encoding)))
    return NULL;
  return g_steal_pointer (&postgres);
}

char *
ob_restore_read_script (ObRestoreRun *run, char **lines, guint n, GCancellable *cancellable,
                        GError **error)
{
  g_autoptr (GString) list = g_string_new (NULL);
  ob_autofd int list_fd = -1;
  ObRestoreCommand command = { .archive_fd = run->schema_fd,
                               .stdout_fd = OB_CHILD_CAPTURE,
                               .output = OB_RESTORE_TO_SCRIPT };
  g_autoptr (ObChild) child = NULL;

  for (guint i = 0; i < n; i++)
    g_string_append_printf (list, "%s\n", lines[i]);
  list_fd = ob_restore_make_list (list, error);
  if (list_fd < 0)
    return NULL;
  command.list_fd = list_fd;
  child = ob_restore_start_pg_restore (run, &command, error);
  if (child == NULL || !ob_child_wait (child, cancellable, error))
    return NULL;
  return g_strdup (ob_child_get_output (child));
}

ObTocCut *
ob_restore_read_contents (ObRestoreRun *run, const char *section, GCancellable *cancellable,
                          GError **error)
{
  ObRestoreCommand command = { .section = section,
                             .archive_fd = run->schema_fd,
                             .list_fd = -1,
                             .output = OB_RESTORE_TO_LIST };
  g_autoptr (ObChild) child = ob_restore_start_pg_restore (run, &command, error);

  if (child == NULL || !ob_child_wait (child, cancellable, error))
    return NULL;
  return cut_list (run, ob_child_get_output (child), cancellable, error);
}
