/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What bbdd.user gets for the time of a restore, on the things of others that its own stand on: it
 * had those rights once, or its objects would not be there; but they are restored last. In a
 * tablespace a superuser may have put them who never gave that right.
 *
 * What it makes with them is its own, but for triggers: whoever changes the table runs them. So it
 * may make them only where an entry of its own is one, and what is there in the end is compared
 * with the archive. */
#include "ob-database-restore-private.h"

#include <string.h>

struct _ObRestoreGrants
{
  ObRestoreRun *run;
  const char *user;
  const char *triggers, *foreign_triggers; /* entries, as in ObTocCut */
  ObPostgres *postgres; /* the superuser's connection; NULL where there is none */
  GString *revokes;
  GString *server_revokes; /* of what does not go with the database if it fails */
};

/* As plan_sql, of what belongs to the whole server. The tablespace that the database lies in is for
 * everybody who may make something in the database; in pg_global nobody can. */
static const char server_plan_sql[]
  = "SELECT format('GRANT CREATE ON TABLESPACE %I TO %I;', t.spcname, $1::text),"
    "       format('REVOKE CREATE ON TABLESPACE %I FROM %I;', t.spcname, $1::text)"
    "  FROM pg_tablespace t"
    " WHERE t.spcname <> 'pg_global'"
    "   AND t.oid <> (SELECT d.dattablespace FROM pg_database d"
    "                  WHERE d.datname = current_database())"
    "   AND NOT has_tablespace_privilege($1::text::name, t.oid, 'CREATE')"
    /* bbdd.systemUser may be no superuser, and may give only what it was given to give. */
    "   AND has_tablespace_privilege(t.oid, 'CREATE WITH GRANT OPTION')";

/* Whether one of the entries $2 is a trigger on the table c. Names with blanks may be taken for
 * others. */
#define HAS_TRIGGER                                                                                \
  " strpos ($2, translate (format (' TRIGGER %s %s ', n.nspname, c.relname), E'\n\r', '  ')) > 0 "

/* The tables of the entries $2, as one string, for LOCK. */
static const char tables_sql[]
  = "SELECT string_agg (format ('ONLY %I.%I', n.nspname, c.relname), ', ' ORDER BY c.oid)"
    "  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    "  JOIN pg_roles o ON o.oid = c.relowner"
    " WHERE o.rolname <> $1 AND c.relkind IN ('r', 'p') AND" HAS_TRIGGER;

/* The triggers on them: how each is called, by an entry and by people, how it is dropped, and how
 * it is defined. Those of partitions that follow one on the whole table are none of their own. */
static const char triggers_sql[]
  = "SELECT translate (format (' TRIGGER %s %s %s ', n.nspname, c.relname, t.tgname),"
    "                  E'\n\r', '  '),"
    "       format ('%s on %s.%s', t.tgname, n.nspname, c.relname),"
    "       format ('DROP TRIGGER %I ON %I.%I;', t.tgname, n.nspname, c.relname),"
    "       format (E'\n%s;\n', pg_get_triggerdef (t.oid))"
    "  FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid"
    "  JOIN pg_namespace n ON n.oid = c.relnamespace"
    "  JOIN pg_roles o ON o.oid = c.relowner"
    " WHERE o.rolname <> $1 AND NOT t.tgisinternal AND" HAS_TRIGGER
    "   AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_trigger'::regclass"
    "                      AND d.objid = t.oid AND d.refclassid = d.classid)"
    " ORDER BY c.oid, t.tgname";

/* Statements that give what is lacking, and those that take it back. */
static const char plan_sql[]
  = "SELECT format('GRANT CREATE ON DATABASE %I TO %I;', current_database(), $1::text),"
    "       format('REVOKE CREATE ON DATABASE %I FROM %I;', current_database(), $1::text)"
    " WHERE NOT has_database_privilege($1::text::name, current_database(), 'CREATE')"
    " UNION ALL "
    "SELECT format('GRANT %s ON SCHEMA %I TO %I;', p.privilege, n.nspname, $1::text),"
    "       format('REVOKE %s ON SCHEMA %I FROM %I;', p.privilege, n.nspname, $1::text)"
    "  FROM pg_namespace n, (VALUES ('USAGE'), ('CREATE')) p(privilege)"
    " WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
    "   AND NOT has_schema_privilege($1::text::name, n.oid, p.privilege)"
    " UNION ALL "
    "SELECT format('GRANT USAGE ON FOREIGN DATA WRAPPER %I TO %I;', f.fdwname, $1::text),"
    "       format('REVOKE USAGE ON FOREIGN DATA WRAPPER %I FROM %I;', f.fdwname, $1::text)"
    "  FROM pg_foreign_data_wrapper f"
    " WHERE NOT has_foreign_data_wrapper_privilege($1::text::name, f.oid, 'USAGE')"
    " UNION ALL "
    "SELECT format('GRANT USAGE ON FOREIGN SERVER %I TO %I;', s.srvname, $1::text),"
    "       format('REVOKE USAGE ON FOREIGN SERVER %I FROM %I;', s.srvname, $1::text)"
    "  FROM pg_foreign_server s"
    " WHERE NOT has_server_privilege($1::text::name, s.oid, 'USAGE')"
    " UNION ALL "
    "SELECT format('GRANT %s ON %s %I.%I TO %I;', p.privilege,"
    "              CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END,"
    "              n.nspname, c.relname, $1::text),"
    "       format('REVOKE %s ON %s %I.%I FROM %I;', p.privilege,"
    "              CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END,"
    "              n.nspname, c.relname, $1::text)"
    "  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    "  JOIN (VALUES ('S', 'UPDATE'), ('r', 'INSERT'), ('r', 'REFERENCES'), ('r', 'TRIGGER'),"
    "               ('p', 'INSERT'), ('p', 'REFERENCES'), ('p', 'TRIGGER')) p(kind, privilege)"
    "    ON p.kind = c.relkind::text AND (p.privilege <> 'TRIGGER' OR" HAS_TRIGGER ")"
    " WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
    "   AND NOT CASE c.relkind"
    "             WHEN 'S' THEN has_sequence_privilege($1::text::name, c.oid, p.privilege)"
    "             ELSE has_table_privilege($1::text::name, c.oid, p.privilege) END"
    " UNION ALL "
    "SELECT format('GRANT EXECUTE ON FUNCTION %I.%I() TO %I;', n.nspname, f.proname, $1::text),"
    "       format('REVOKE EXECUTE ON FUNCTION %I.%I() FROM %I;', n.nspname, f.proname, $1::text)"
    "  FROM pg_proc f JOIN pg_namespace n ON n.oid = f.pronamespace"
    " WHERE f.prorettype = 'trigger'::regtype AND f.pronargs = 0"
    "   AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
    "   AND NOT has_function_privilege($1::text::name, f.oid, 'EXECUTE')";

/* internal methods */

/* @entries: $2 of the @plan; may be NULL. */
static gboolean
give (ObRestoreGrants *self, const char *plan, const char *entries, GString *revokes,
      GCancellable *cancellable, GError **error)
{
  const char *parameters[] = { self->user, entries, NULL };
  g_autoptr (GString) grants = g_string_new (NULL);
  PGresult *result = ob_postgres_query (self->postgres, plan, parameters, cancellable, error);

  if (result == NULL)
    return FALSE;
  for (int i = 0; i < PQntuples (result); i++)
    {
      g_string_append (grants, PQgetvalue (result, i, 0));
      g_string_append (revokes, PQgetvalue (result, i, 1));
    }
  PQclear (result);
  return grants->len == 0 || ob_postgres_run (self->postgres, cancellable, error, grants->str);
}

static gboolean
take_back (ObRestoreGrants *self, GString *revokes, GCancellable *cancellable, GError **error)
{
  if (revokes->len > 0 && !ob_postgres_run (self->postgres, cancellable, error, revokes->str))
    return FALSE;
  g_string_truncate (revokes, 0);
  return TRUE;
}

/* Whether the archive has it so. Another version may write the same in other words. */
static gboolean
is_in_archive (ObRestoreGrants *self, const PGresult *result, int row, const char *script)
{
  int backed_up = (int) json_object_get_int_member_with_default (self->run->request->facts,
                                                                 "server_version", 0);

  return strstr (self->triggers, PQgetvalue (result, row, 0)) != NULL
         && (backed_up / 10000 != self->run->server_version / 10000
             || strstr (script, PQgetvalue (result, row, 3)) != NULL);
}

/* *@drops, *@names: of the triggers that are not as in the archive. */
static gboolean
find_traps (ObRestoreGrants *self, GString *drops, GString *names, GCancellable *cancellable,
            GError **error)
{
  const char *parameters[] = { self->user, self->foreign_triggers, NULL };
  g_auto (GStrv) lines = g_strsplit (self->triggers, "\n", -1);
  g_autofree char *script = ob_restore_read_script (self->run, lines, g_strv_length (lines),
                                                    cancellable, error);
  PGresult *result = NULL;

  if (script != NULL)
    result = ob_postgres_query (self->postgres, triggers_sql, parameters, cancellable, error);
  if (result == NULL)
    return FALSE;
  for (int i = 0; i < PQntuples (result); i++)
    if (!is_in_archive (self, result, i, script))
      {
        g_autofree char *name = g_utf8_make_valid (PQgetvalue (result, i, 1), -1);

        g_string_append_printf (names, "%s%s", names->len > 0 ? "; " : "", name);
        g_string_append (drops, PQgetvalue (result, i, 2));
      }
  PQclear (result);
  return TRUE;
}

/* In a transaction that has waited for all who are making one. */
static gboolean
drop_traps (ObRestoreGrants *self, GCancellable *cancellable, GError **error)
{
  const char *parameters[] = { self->user, self->foreign_triggers, NULL };
  g_autofree char *tables = NULL;
  g_autoptr (GString) drops = g_string_new (NULL);
  g_autoptr (GString) names = g_string_new (NULL);
  g_autoptr (GError) local_error = NULL;

  if (*self->foreign_triggers == '\0')
    return TRUE;
  tables = ob_postgres_get_text (self->postgres, tables_sql, parameters, cancellable, &local_error);
  if (local_error != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&local_error));
      return FALSE;
    }
  if (tables == NULL)
    return TRUE;
  if (!ob_postgres_run (self->postgres, cancellable, error, "BEGIN")
      || !ob_postgres_runf (self->postgres, cancellable, error,
                            "LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE", tables)
      || !find_traps (self, drops, names, cancellable, error))
    return FALSE;
  g_string_append (drops, "COMMIT");
  if (!ob_postgres_run (self->postgres, cancellable, error, drops->str))
    return FALSE;
  if (names->len > 0)
    ob_progress_warn (self->run->progress, TRUE,
                      "While the database was restored, somebody who connects as %s put triggers "
                      "on tables of others that the backup does not have so; they are dropped: %s",
                      self->user, names->str);
  return TRUE;
}

/* methods of this room */

ObRestoreGrants *
ob_restore_grants_new (ObRestoreRun *run, const ObTocCut *cut, GCancellable *cancellable,
                       GError **error)
{
  g_autoptr (ObRestoreGrants) self = g_new0 (ObRestoreGrants, 1);

  self->run = run;
  self->triggers = cut != NULL ? cut->triggers->str : "";
  self->foreign_triggers = cut != NULL ? cut->foreign_triggers->str : "";
  self->user = run->config->user;
  self->revokes = g_string_new (NULL);
  self->server_revokes = g_string_new (NULL);
  if (run->admin == OB_ROLE_OWNER)
    return g_steal_pointer (&self);
  self->postgres = ob_restore_connect_as_archive (run, run->admin, cancellable, error);
  return self->postgres != NULL ? g_steal_pointer (&self) : NULL;
}

gboolean
ob_restore_grants_give (ObRestoreGrants *self, GCancellable *cancellable, GError **error)
{
  return self->postgres == NULL
         || (give (self, plan_sql, self->foreign_triggers, self->revokes, cancellable, error)
             && give (self, server_plan_sql, NULL, self->server_revokes, cancellable, error));
}

gboolean
ob_restore_grants_take_back (ObRestoreGrants *self, GCancellable *cancellable, GError **error)
{
  return take_back (self, self->revokes, cancellable, error)
         && take_back (self, self->server_revokes, cancellable, error)
         && drop_traps (self, cancellable, error);
}

void
ob_restore_grants_free (ObRestoreGrants *self)
{
  g_autoptr (GError) error = NULL;

  /* Where all went well there is nothing left. A cancelled restore takes them back as well. */
  if (!take_back (self, self->server_revokes, NULL, &error))
    ob_progress_warn (self->run->progress, FALSE,
                      "The role %s still has rights that it got for the restore alone, since the "
                      "server does not take them back: %s. Run this as a superuser: %s",
                      self->user, error->message, self->server_revokes->str);
  g_clear_pointer (&self->postgres, ob_postgres_free);
  g_string_free (self->revokes, TRUE);
  g_string_free (self->server_revokes, TRUE);
  g_free (self);
}
