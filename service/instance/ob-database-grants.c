/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What bbdd.user gets for the time of a restore, on the things of others that its own stand on: it
 * had those rights once, or its objects would not be there; but they are restored last. In a
 * tablespace a superuser may have put them who never gave that right. */
#include "ob-database-restore-private.h"

struct _ObRestoreGrants
{
  ObRestoreRun *run;
  const char *user;
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
    "    ON p.kind = c.relkind::text"
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

static gboolean
give (ObRestoreGrants *self, const char *plan, GString *revokes, GCancellable *cancellable,
      GError **error)
{
  const char *parameters[] = { self->user, NULL };
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

/* methods of this room */

ObRestoreGrants *
ob_restore_grants_new (ObRestoreRun *run, GCancellable *cancellable, GError **error)
{
  g_autoptr (ObRestoreGrants) self = g_new0 (ObRestoreGrants, 1);

  self->run = run;
  self->user = run->config->user;
  self->revokes = g_string_new (NULL);
  self->server_revokes = g_string_new (NULL);
  if (run->admin == OB_ROLE_OWNER)
    return g_steal_pointer (&self);
  self->postgres
    = ob_postgres_connect (run->config, run->admin, run->request->target, cancellable, error);
  return self->postgres != NULL ? g_steal_pointer (&self) : NULL;
}

gboolean
ob_restore_grants_give (ObRestoreGrants *self, GCancellable *cancellable, GError **error)
{
  return self->postgres == NULL
         || (give (self, plan_sql, self->revokes, cancellable, error)
             && give (self, server_plan_sql, self->server_revokes, cancellable, error));
}

gboolean
ob_restore_grants_take_back (ObRestoreGrants *self, GCancellable *cancellable, GError **error)
{
  return take_back (self, self->revokes, cancellable, error)
         && take_back (self, self->server_revokes, cancellable, error);
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
