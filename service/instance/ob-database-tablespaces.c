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

/* Whether the role of the connection may put something into the tablespace $1. */
static const char own_right_sql[]
  = "SELECT has_tablespace_privilege (oid, 'CREATE') FROM pg_tablespace WHERE spcname = $1";

/* Whether $2 may, or is given that right for the restore by the role of the connection. */
static const char right_sql[]
  = "SELECT has_tablespace_privilege (t.oid, 'CREATE WITH GRANT OPTION')"
    "       OR EXISTS (SELECT FROM pg_roles r WHERE r.rolname = $2"
    "                     AND has_tablespace_privilege (r.oid, t.oid, 'CREATE'))"
    "  FROM pg_tablespace t WHERE t.spcname = $1";

/* *@state: what @sql says of the tablespace, "t" or "f"; NULL where there is none of the name.
 * Transfer full. */
static gboolean
look_for (ObPostgres *postgres, const char *sql, const char *const *parameters, char **state,
          GCancellable *cancellable, GError **error)
{
  g_autoptr (GError) local_error = NULL;

  *state = ob_postgres_get_text (postgres, sql, parameters, cancellable, &local_error);
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

/* Of those that things of the backup's database lie in: what the server has not, and what bbdd.user
 * may put nothing into, "a, b". */
static gboolean
list_unusable (ObRestoreRun *run, ObPostgres *postgres, JsonArray *names, GString *missing,
               GString *closed, GCancellable *cancellable, GError **error)
{
  const char *own = run->tablespace != NULL ? run->tablespace : DEFAULT_TABLESPACE;

  for (guint i = 0; i < json_array_get_length (names); i++)
    {
      const char *name = json_array_get_string_element (names, i);
      const char *parameters[] = { name, run->config->user, NULL };
      g_autofree char *state = NULL;
      GString *list;

      /* For the database's own nobody needs a right. */
      if (name == NULL || strcmp (name, own) == 0)
        continue;
      if (!look_for (postgres, right_sql, parameters, &state, cancellable, error))
        return FALSE;
      list = state == NULL ? missing : closed;
      if (g_strcmp0 (state, "t") != 0)
        g_string_append_printf (list, "%s%s", list->len > 0 ? ", " : "", name);
    }
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
  const char *parameters[] = { NULL, NULL };

  if (!find_wanted (run, postgres, &name, cancellable, error))
    return FALSE;
  if (name == NULL || strcmp (name, DEFAULT_TABLESPACE) == 0)
    return TRUE;
  parameters[0] = name;
  if (!look_for (postgres, own_right_sql, parameters, &state, cancellable, error))
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
  g_autoptr (GString) missing = g_string_new (NULL);
  g_autoptr (GString) closed = g_string_new (NULL);
  g_autofree char *count = NULL;

  if (json_object_has_member (facts, "tablespaces"))
    {
      if (!list_unusable (run, postgres, json_object_get_array_member (facts, "tablespaces"),
                          missing, closed, cancellable, error))
        return FALSE;
      run->no_tablespaces = missing->len > 0 || closed->len > 0;
      if (missing->len > 0)
        ob_progress_warn (run->progress, FALSE,
                          "Tablespaces that the backup's tables or indexes lie in are missing on "
                          "this server (%s): all of them are restored to where the database is",
                          missing->str);
      else if (closed->len > 0)
        ob_progress_warn (run->progress, FALSE,
                          "The backup's tables or indexes lie in tablespaces in which the role %s "
                          "may create nothing (%s): all of them are restored to where the database "
                          "is",
                          run->config->user, closed->str);
      return TRUE;
    }

  /* An older backup does not tell which it needs: a server with some may well have them. */
  count = ob_postgres_get_text (postgres,
                                "SELECT count(*) FROM pg_tablespace WHERE spcname !~ '^pg_'", NULL,
                                cancellable, error);
  run->no_tablespaces = g_strcmp0 (count, "0") == 0;
  return count != NULL;
}
