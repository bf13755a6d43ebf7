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

/* Those that things of the backup's database lie in and the server has not, "a, b"; "" for none.
 * Transfer full. */
static char *
list_missing (ObPostgres *postgres, JsonArray *names, GCancellable *cancellable, GError **error)
{
  g_autoptr (GString) missing = g_string_new (NULL);

  for (guint i = 0; i < json_array_get_length (names); i++)
    {
      const char *name = json_array_get_string_element (names, i);
      g_autofree char *state = NULL;

      if (name == NULL)
        continue;
      if (!look_for (postgres, name, &state, cancellable, error))
        return NULL;
      if (state == NULL)
        g_string_append_printf (missing, "%s%s", missing->len > 0 ? ", " : "", name);
    }
  return g_string_free (g_steal_pointer (&missing), FALSE);
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

gboolean
ob_restore_check_tablespaces (ObRestoreRun *run, ObPostgres *postgres, GCancellable *cancellable,
                              GError **error)
{
  JsonObject *facts = run->request->facts;
  g_autofree char *missing = NULL;
  g_autofree char *count = NULL;

  if (json_object_has_member (facts, "tablespaces"))
    {
      missing = list_missing (postgres, json_object_get_array_member (facts, "tablespaces"),
                              cancellable, error);
      if (missing == NULL)
        return FALSE;
      run->no_tablespaces = *missing != '\0';
      if (run->no_tablespaces)
        ob_progress_warn (run->progress, FALSE,
                          "Tablespaces that the backup's tables or indexes lie in are missing on "
                          "this server (%s): all of them are restored to where the database is",
                          missing);
      return TRUE;
    }

  /* An older backup does not tell which it needs: a server with some may well have them. */
  count = ob_postgres_get_text (postgres,
                                "SELECT count(*) FROM pg_tablespace WHERE spcname !~ '^pg_'", NULL,
                                cancellable, error);
  run->no_tablespaces = g_strcmp0 (count, "0") == 0;
  return count != NULL;
}
