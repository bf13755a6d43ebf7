/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the manifest tells of the database beside its rows: all that pg_dump leaves out, and the
 * counts that a restore is checked against. The members are those that ob-database-roles.c,
 * ob-database-rows.c and the manifest read. No statement here touches a table of the database's
 * users, since they may run as the superuser: catalogues alone.
 */
#include "ob-database-dump-private.h"

#include "ob-error.h"

/* internal methods */

/* The one value of @sql, a JSON document, with @member's name in the error. Transfer full. */
static JsonNode *
query_json (ObPostgres *postgres, const char *sql, GCancellable *cancellable, GError **error)
{
  g_autofree char *text = ob_postgres_get_text (postgres, sql, NULL, cancellable, error);
  g_autoptr (GError) local_error = NULL;
  JsonNode *node;

  if (text == NULL)
    {
      if (error != NULL && *error == NULL)
        g_set_error_literal (error, OB_ERROR, OB_ERROR_FAILED,
                             "The catalogue of the database does not tell what it is like");
      return NULL;
    }
  node = json_from_string (text, &local_error);
  if (node == NULL)
    g_set_error (error, OB_ERROR, OB_ERROR_FAILED,
                 "What the catalogue of the database tells cannot be understood: %s",
                 local_error != NULL ? local_error->message : "it is empty");
  return node;
}

/* Columns of pg_database that are not in every version are read by name (daticulocale until 16,
 * then datlocale). */
static const char database_sql[]
  = "SELECT json_build_object ("
    "  'name', d.datname, 'oid', d.oid::bigint, 'owner', pg_get_userbyid (d.datdba),"
    "  'encoding', pg_encoding_to_char (d.encoding),"
    "  'lc_collate', d.datcollate, 'lc_ctype', d.datctype,"
    "  'locale_provider', CASE j ->> 'datlocprovider' WHEN 'i' THEN 'icu' WHEN 'b' THEN 'builtin'"
    "                     ELSE 'libc' END,"
    "  'icu_locale', CASE j ->> 'datlocprovider'"
    "                WHEN 'i' THEN coalesce (j ->> 'daticulocale', j ->> 'datlocale') END,"
    "  'builtin_locale', CASE j ->> 'datlocprovider' WHEN 'b' THEN j ->> 'datlocale' END,"
    "  'icu_rules', j ->> 'daticurules',"
    "  'tablespace', (SELECT spcname FROM pg_tablespace t WHERE t.oid = d.dattablespace),"
    "  'tablespaces', coalesce ((SELECT json_agg (DISTINCT t.spcname) FROM pg_class c"
    "       JOIN pg_tablespace t ON t.oid = c.reltablespace"
    "      WHERE c.oid >= 16384 AND c.relpersistence <> 't'), '[]'::json),"
    "  'connection_limit', d.datconnlimit, 'size', pg_database_size (d.oid),"
    "  'comment', shobj_description (d.oid, 'pg_database'),"
    "  'acl', CASE WHEN d.datacl IS NOT NULL THEN coalesce ((SELECT json_agg (json_build_object ("
    "           'grantee', CASE a.grantee WHEN 0 THEN '' ELSE pg_get_userbyid (a.grantee) END,"
    "           'privilege', a.privilege_type, 'grantable', a.is_grantable))"
    "         FROM aclexplode (d.datacl) a), '[]'::json) END,"
    "  'settings', coalesce ((SELECT json_agg (json_build_object ("
    "       'role', coalesce (r.rolname, ''), 'setting', s.setting) ORDER BY r.rolname, s.place)"
    "     FROM (SELECT setrole, u.setting, u.place FROM pg_db_role_setting,"
    "            LATERAL unnest (setconfig) WITH ORDINALITY AS u (setting, place)"
    "            WHERE setdatabase = d.oid) s LEFT JOIN pg_roles r ON r.oid = s.setrole),"
    "     '[]'::json),"
    "  'extensions', coalesce ((SELECT json_agg (json_build_object ('name', e.extname,"
    "       'version', e.extversion, 'schema', n.nspname) ORDER BY e.extname)"
    "     FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace), '[]'::json),"
    "  'large_objects', (SELECT count(*) FROM pg_largeobject_metadata))"
    "  FROM pg_database d, LATERAL (SELECT to_json (d) AS j) AS whole"
    " WHERE d.datname = current_database ()";

/* All that own something here or are granted something, or for which something is set. What belongs
 * to the role that initdb made is not in pg_shdepend, since it cannot be dropped anyway. */
static const char roles_sql[]
  = "WITH here AS (SELECT oid, datdba FROM pg_database WHERE datname = current_database ()),"
    " named AS ("
    "  SELECT s.refobjid AS role FROM pg_shdepend s, here"
    "   WHERE s.refclassid = 'pg_authid'::regclass"
    "     AND (s.dbid = here.oid"
    "          OR (s.classid = 'pg_database'::regclass AND s.objid = here.oid))"
    "  UNION SELECT datdba FROM here"
    "  UNION SELECT setrole FROM pg_db_role_setting, here WHERE setdatabase = here.oid"
    "  UNION SELECT relowner FROM pg_class WHERE oid >= 16384"
    "  UNION SELECT proowner FROM pg_proc WHERE oid >= 16384"
    "  UNION SELECT typowner FROM pg_type WHERE oid >= 16384"
    "  UNION SELECT nspowner FROM pg_namespace WHERE oid >= 16384 OR nspname = 'public'"
    "  UNION SELECT lomowner FROM pg_largeobject_metadata)"
    "SELECT coalesce (json_agg (json_build_object ('name', r.rolname, 'createdb', r.rolcreatedb,"
    "         'createrole', r.rolcreaterole, 'inherit', r.rolinherit, 'canlogin', r.rolcanlogin,"
    "         'superuser', r.rolsuper,"
    "         'member_of', coalesce ((SELECT json_agg (DISTINCT g.rolname)"
    "            FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid"
    "           WHERE m.member = r.oid), '[]'::json)) ORDER BY r.rolname), '[]'::json)"
    "  FROM pg_roles r WHERE r.oid IN (SELECT role FROM named)";

static JsonArray *
describe_tables (ObDatabaseDump *self)
{
  JsonArray *array = json_array_new ();

  for (guint i = 0; i < self->tables->len; i++)
    {
      const ObDumpTable *table = g_ptr_array_index (self->tables, i);
      JsonObject *object;

      if (table->rows < 0)
        continue;
      object = json_object_new ();
      json_object_set_string_member (object, "schema", table->schema);
      json_object_set_string_member (object, "name", table->name);
      json_object_set_string_member (object, "owner", table->owner);
      json_object_set_int_member (object, "rows", table->rows);
      json_object_set_int_member (object, "bytes", (gint64) table->bytes);
      json_array_add_object_element (array, object);
    }
  return array;
}

/* methods of this room */

JsonObject *
ob_database_read_catalogue (ObPostgres *postgres, GCancellable *cancellable, GError **error)
{
  g_autoptr (JsonNode) database = query_json (postgres, database_sql, cancellable, error);

  return database != NULL ? json_object_ref (json_node_get_object (database)) : NULL;
}

JsonObject *
ob_dump_read_facts (ObDatabaseDump *self, GCancellable *cancellable, GError **error)
{
  g_autoptr (JsonObject) facts
    = ob_database_read_catalogue (self->session, cancellable, error);
  g_autoptr (JsonNode) roles = NULL;

  if (facts == NULL)
    return NULL;
  roles = query_json (self->session, roles_sql, cancellable, error);
  if (roles == NULL)
    return NULL;
  json_object_set_int_member (facts, "server_version", ob_postgres_get_version (self->session));
  json_object_set_array_member (facts, "roles", json_array_ref (json_node_get_array (roles)));
  json_object_set_array_member (facts, "tables", describe_tables (self));
  return g_steal_pointer (&facts);
}

/* public methods */

JsonObject *
ob_database_dump_describe (ObDatabaseDump *self, GCancellable *cancellable, GError **error)
{
  g_autoptr (JsonObject) facts = NULL;

  if (!ob_dump_join_count (self, cancellable, error)
      || !ob_dump_count_others (self, cancellable, error))
    return NULL;
  facts = ob_dump_read_facts (self, cancellable, error);
  if (facts == NULL || !ob_dump_add_application (self, facts, cancellable, error))
    return NULL;
  return g_steal_pointer (&facts);
}
