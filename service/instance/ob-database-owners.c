/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What bbdd.user makes for others, and the giving of it. Membership in their roles, with which it
 * could give it itself, would be a right on the whole server; and pg_database_owner takes no
 * members.
 *
 * It may make anything else meanwhile, over another connection or by code that runs when something
 * is defined, and it may change what it made. So what no entry names is never given, and no
 * function that bbdd.user made runs with the rights of another. */
#include "ob-database-restore-private.h"

#include <string.h>

struct _ObRestoreOwners
{
  GHashTable *before; /* "CLASS OBJECT" of what bbdd.user owned at the beginning of a run */
  GString *classes, *objects, *names; /* array literals, without braces */
};

/* PostgreSQL 11 has procedures, and a word for all kinds of functions. */
#define HAS_ROUTINES 110000

/* How many are given in one transaction: it keeps a lock for each, and each of a table's indexes
 * and sequences (PostgreSQL, "max_locks_per_transaction"). */
#define AT_ONCE 20

/* With " SCHEMA NAME", as an entry has it, where a thing has both. */
static const char owned_sql[]
  = "SELECT s.classid || ' ' || s.objid,"
    "       (SELECT CASE array_length (a.object_names, 1)"
    "                 WHEN 2 THEN translate (format (' %s %s', a.object_names[1],"
    "                                                a.object_names[2]), E'\n\r', '  ')"
    "                 ELSE '' END"
    "          FROM pg_identify_object_as_address (s.classid, s.objid, 0) a)"
    "  FROM pg_shdepend s"
    " WHERE s.refclassid = 'pg_authid'::regclass AND s.deptype = 'o'"
    "   AND s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database ())"
    "   AND s.refobjid = (SELECT oid FROM pg_roles WHERE rolname = $1)";

/* A statement for each; and of a function that was to run with its owner's rights, what it is. The
 * sequences of a table's columns follow the table. */
static const char give_sql[]
  = "SELECT format ('%sALTER %s %s OWNER TO %I;',"
    "               CASE WHEN i.type IN ('function', 'procedure')"
    "                    THEN format ('ALTER %s %s SECURITY INVOKER;', $4::text, i.identity) END,"
    "               CASE WHEN i.type IN ('function', 'procedure', 'aggregate') THEN $4::text"
    "                    WHEN i.type = 'statistics object' THEN 'statistics'"
    "                    ELSE i.type END, i.identity, o.owner),"
    "       CASE WHEN p.prosecdef THEN format ('%s of the role %s', i.identity, o.owner) END"
    "  FROM unnest ($1::oid[], $2::oid[], $3::text[]) AS o (class, object, owner)"
    "       LEFT JOIN pg_proc p ON p.oid = o.object AND o.class = 'pg_proc'::regclass,"
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
    = ob_restore_connect_as_archive (run, run->admin, cancellable, error);

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

/* Whether one of the entries has @name, " SCHEMA NAME", in it, for a function with its arguments
 * behind; always TRUE where there is no such name. */
static gboolean
is_named (const ObTocRun *entries, const char *name)
{
  gsize length = strlen (name);

  if (length == 0)
    return TRUE;
  for (const char *at = strstr (entries->lines->str, name); at != NULL;
       at = strstr (at + 1, name))
    if (at[length] == ' ' || at[length] == '(')
      return TRUE;
  return FALSE;
}

/* What bbdd.user wrote would run with the rights of another. */
static void
warn_of_functions (ObRestoreRun *run, const PGresult *result)
{
  for (int i = 0; i < PQntuples (result); i++)
    if (!PQgetisnull (result, i, 1))
      ob_progress_warn (run->progress, TRUE,
                        "The function %s runs with the rights of whoever calls it now, and not "
                        "with those of its owner as before (SECURITY DEFINER), since %s had to "
                        "make it and might have put something else into it; look at it, and give "
                        "it that back with ALTER FUNCTION",
                        PQgetvalue (result, i, 1), run->config->user);
}

/* Each function loses the rights of its owner in the transaction in which it gets him, or it could
 * get them back in between. */
static gboolean
give_all (ObPostgres *postgres, const PGresult *result, GCancellable *cancellable, GError **error)
{
  g_autoptr (GString) statements = g_string_new (NULL);

  for (int i = 0; i < PQntuples (result); i++)
    {
      g_string_append (statements, PQgetvalue (result, i, 0));
      if ((i + 1) % AT_ONCE != 0 && i + 1 < PQntuples (result))
        continue;
      if (!ob_postgres_run (postgres, cancellable, error, statements->str))
        return FALSE;
      g_string_truncate (statements, 0);
    }
  return TRUE;
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
ob_restore_owners_begin (ObRestoreOwners *self, ObRestoreRun *run, const ObTocRun *entries,
                         GCancellable *cancellable, GError **error)
{
  PGresult *result;

  if (entries->owner == NULL)
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
ob_restore_owners_end (ObRestoreOwners *self, ObRestoreRun *run, const ObTocRun *entries,
                       GCancellable *cancellable, GError **error)
{
  PGresult *result;

  if (entries->owner == NULL)
    return TRUE;
  result = query_owned (run, cancellable, error);
  if (result == NULL)
    return FALSE;
  for (int i = 0; i < PQntuples (result); i++)
    {
      const char *made = PQgetvalue (result, i, 0);
      g_auto (GStrv) words = NULL;

      if (g_hash_table_contains (self->before, made)
          || !is_named (entries, PQgetvalue (result, i, 1)))
        continue;
      words = g_strsplit (made, " ", 2);
      append_element (self->classes, words[0]);
      append_element (self->objects, words[1]);
      append_element (self->names, entries->owner);
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
  PGresult *result;
  gboolean ok;

  if (self->names->len == 0)
    return TRUE;
  postgres
    = ob_postgres_connect (run->config, run->admin, run->request->target, cancellable, error);
  if (postgres == NULL)
    return FALSE;
  parameters[3] = ob_postgres_get_version (postgres) >= HAS_ROUTINES ? "routine" : "function";
  result = ob_postgres_query (postgres, give_sql, parameters, cancellable, error);
  if (result == NULL)
    return FALSE;
  ok = give_all (postgres, result, cancellable, error);
  if (ok)
    warn_of_functions (run, result);
  PQclear (result);
  return ok;
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
