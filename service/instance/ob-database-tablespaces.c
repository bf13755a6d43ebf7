/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * On which of the server's disks a restored database lies. Tablespaces belong to the server, so no
 * archive of pg_dump makes them; it only names them, and pg_restore ends at the first that is not
 * there. And without -C it names that of the database itself nowhere.
 */
#include "ob-database-restore-private.h"

#include "ob-error.h"

#include <string.h>

#define DEFAULT_TABLESPACE "pg_default"

/* internal methods */

/* *@state: "t" where the role of @postgres may put something there, "f" where it may not, NULL
 * where there is none of the name. Transfer full. */
static gboolean
look_for (ObPostgres *postgres, const char *name, char **state, GCancellable *cancellable,
          GError **error)
{
  const char *parameters[] = { name, NULL };
  g_autoptr (GError) local_error = NULL;

  *state = ob_postgres_get_text (
    postgres,
    "SELECT has_tablespace_privilege (oid, 'CREATE') FROM pg_tablespace WHERE spcname = $1",
    parameters, cancellable, &local_error);
  if (local_error == NULL)
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&local_error));
  return FALSE;
}

/* Without a word of the backup on it, the restored database goes where the one is that it takes the
 * place of. Transfer full. */
static gboolean
find_wanted (ObRestoreRun *run, ObPostgres *postgres, char **name, GCancellable *cancellable,
             GError **error)
{
  JsonObject *facts = run->request->facts;

  if (!json_object_has_member (facts, "tablespace"))
    return ob_restore_find_tablespace (postgres, run->config->name, name, cancellable, error);
  *name = g_strdup (json_object_get_string_member_with_default (facts, "tablespace", NULL));
  return TRUE;
}

/* methods of this room */

gboolean
ob_restore_find_tablespace (ObPostgres *postgres, const char *database, char **name,
                            GCancellable *cancellable, GError **error)
{
  const char *parameters[] = { database, NULL };
  g_autoptr (GError) local_error = NULL;

  *name = ob_postgres_get_text (postgres,
                                "SELECT t.spcname FROM pg_database d JOIN pg_tablespace t"
                                " ON t.oid = d.dattablespace WHERE d.datname = $1",
                                parameters, cancellable, &local_error);
  if (local_error == NULL)
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&local_error));
  return FALSE;
}

gboolean
ob_restore_choose_tablespace (ObRestoreRun *run, ObPostgres *postgres, GCancellable *cancellable,
                              GError **error)
{
  g_autofree char *name = NULL;
  g_autofree char *state = NULL;

  if (!find_wanted (run, postgres, &name, cancellable, error))
    return FALSE;
  if (name == NULL || strcmp (name, DEFAULT_TABLESPACE) == 0)
    return TRUE;
  if (!look_for (postgres, name, &state, cancellable, error))
    return FALSE;
  if (g_strcmp0 (state, "t") == 0)
    run->tablespace = g_steal_pointer (&name);
  else if (state != NULL)
    ob_progress_warn (run->progress, FALSE,
                      "The backup's database lies in the tablespace %s, in which the role that "
                      "restores may create nothing (GRANT CREATE ON TABLESPACE): the restored one "
                      "lies in the server's own directory",
                      name);
  else
    ob_progress_warn (run->progress, FALSE,
                      "The backup's database lies in the tablespace %s, which this server does not "
                      "have: the restored one lies in the server's own directory",
                      name);
  return TRUE;
}
