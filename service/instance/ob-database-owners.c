/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What bbdd.user makes for others, and the giving of it. Membership in their roles, with which it
 * could give it itself, would be a right on the whole server; and pg_database_owner takes no
 * members. */
#include "ob-database-restore-private.h"

struct _ObRestoreOwners
{
  GHashTable *before; /* "CLASS OBJECT" of what bbdd.user owned at the beginning of a run */
  GString *classes, *objects, *names; /* array literals, without braces */
};

/* PostgreSQL 11 has procedures, and a word for all kinds of functions. */
#define HAS_ROUTINES 110000

static const char owned_sql[]
  = "SELECT s.classid || ' ' || s.objid FROM pg_shdepend s"
    " WHERE s.refclassid = 'pg_authid'::regclass AND s.deptype = 'o'"
    "   AND s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database ())"
    "   AND s.refobjid = (SELECT oid FROM pg_roles WHERE rolname = $1)";

/* The sequences of a table's columns follow the table. */
static const char give_sql[]
  = "SELECT coalesce (string_agg (format ('ALTER %s %s OWNER TO %I;',"
    "         CASE WHEN i.type IN ('function', 'procedure', 'aggregate') THEN $4"
    "              WHEN i.type = 'statistics object' THEN 'statistics'"
    "              ELSE i.type END, i.identity, o.owner), ''), '')"
    "  FROM unnest ($1::oid[], $2::oid[], $3::text[]) AS o (class, object, owner),"
    "       LATERAL pg_identify_object (o.class, o.object, 0) i"
    " WHERE i.identity IS NOT NULL"
    "   AND NOT EXISTS (SELECT FROM pg_depend d JOIN pg_class c ON c.oid = d.objid"
    "                    WHERE d.classid = 'pg_class'::regclass AND d.classid = o.class"
    "                      AND d.objid = o.object AND c.relkind = 'S'"
    "                      AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i'))";

/* internal methods */

static PGresult *
query_owned (ObRestoreRun *run, GCancellable *cancellable, GError **error)
{
  const char *parameters[] = { run->config->user, NULL };
  g_autoptr (ObPostgres) postgres
    = ob_postgres_connect (run->config, run->admin, run->request->target, cancellable, error);

  return postgres != NULL ? ob_postgres_query (postgres, owned_sql, parameters, cancellable, error)
                          : NULL;
}

/* As an element of an array literal. */
static void
append_element (GString *literal, const char *text)
{
  g_string_append (literal, literal->len > 0 ? ",\"" : "\"");
  for (; *text != '\0'; text++)
    {
      if (*text == '"' || *text == '\\')
        g_string_append_c (literal, '\\');
      g_string_append_c (literal, *text);
    }
  g_string_append_c (literal, '"');
}

/* methods of this room */

ObRestoreOwners *
ob_restore_owners_new (void)
{
  ObRestoreOwners *self = g_new0 (ObRestoreOwners, 1);

  self->before = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->classes = g_string_new (NULL);
  self->objects = g_string_new (NULL);
  self->names = g_string_new (NULL);
  return self;
}

gboolean
ob_restore_owners_begin (ObRestoreOwners *self, ObRestoreRun *run, const char *owner,
                         GCancellable *cancellable, GError **error)
{
  PGresult *result;

  if (owner == NULL)
    return TRUE;
  result = query_owned (run, cancellable, error);
  if (result == NULL)
    return FALSE;
  g_hash_table_remove_all (self->before);
  for (int i = 0; i < PQntuples (result); i++)
    g_hash_table_add (self->before, g_strdup (PQgetvalue (result, i, 0)));
  PQclear (result);
  return TRUE;
}

gboolean
ob_restore_owners_end (ObRestoreOwners *self, ObRestoreRun *run, const char *owner,
                       GCancellable *cancellable, GError **error)
{
  PGresult *result;

  if (owner == NULL)
    return TRUE;
  result = query_owned (run, cancellable, error);
  if (result == NULL)
    return FALSE;
  for (int i = 0; i < PQntuples (result); i++)
    {
      const char *made = PQgetvalue (result, i, 0);
      g_auto (GStrv) words = NULL;

      if (g_hash_table_contains (self->before, made))
        continue;
      words = g_strsplit (made, " ", 2);
      append_element (self->classes, words[0]);
      append_element (self->objects, words[1]);
      append_element (self->names, owner);
    }
  PQclear (result);
  return TRUE;
}

gboolean
ob_restore_owners_give (ObRestoreOwners *self, ObRestoreRun *run, GCancellable *cancellable,
                        GError **error)
{
  g_autofree char *classes = g_strdup_printf ("{%s}", self->classes->str);
  g_autofree char *objects = g_strdup_printf ("{%s}", self->objects->str);
  g_autofree char *names = g_strdup_printf ("{%s}", self->names->str);
  const char *parameters[] = { classes, objects, names, NULL, NULL };
  g_autoptr (ObPostgres) postgres = NULL;
  g_autofree char *statements = NULL;

  if (self->names->len == 0)
    return TRUE;
  postgres
    = ob_postgres_connect (run->config, run->admin, run->request->target, cancellable, error);
  if (postgres == NULL)
    return FALSE;
  parameters[3] = ob_postgres_get_version (postgres) >= HAS_ROUTINES ? "routine" : "function";
  statements = ob_postgres_get_text (postgres, give_sql, parameters, cancellable, error);
  return statements != NULL
         && (*statements == '\0' || ob_postgres_run (postgres, cancellable, error, statements));
}

void
ob_restore_owners_free (ObRestoreOwners *self)
{
  g_hash_table_unref (self->before);
  g_string_free (self->classes, TRUE);
  g_string_free (self->objects, TRUE);
  g_string_free (self->names, TRUE);
  g_free (self);
}
