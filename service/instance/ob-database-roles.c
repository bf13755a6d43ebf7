/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What belongs to a database and is in no archive of pg_dump: the roles it names, how it was
 * created, its settings, ACL and comment (OPENBRAVO facts: pg_restore without -C skips them, and
 * so does CREATE DATABASE … TEMPLATE).
 */
#include "ob-database-restore-private.h"

#include "ob-error.h"

#include <string.h>

/* The versions that have LOCALE_PROVIDER and so on. */
#define HAS_PROVIDER 150000
#define HAS_PARAMETER_PRIVILEGES 150000
#define HAS_ICU_RULES 160000
#define HAS_BUILTIN 170000

/* internal methods */

static const char *
get_text (JsonObject *object, const char *member)
{
  return json_object_has_member (object, member) && !json_object_get_null_member (object, member)
           ? json_object_get_string_member (object, member)
           : NULL;
}

static gboolean
get_flag (JsonObject *object, const char *member)
{
  return json_object_get_boolean_member_with_default (object, member, FALSE);
}

static JsonArray *
get_array (JsonObject *object, const char *member)
{
  JsonNode *node = json_object_get_member (object, member);

  return node != NULL && JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;
}

static guint
get_length (JsonArray *array)
{
  return array == NULL ? 0 : json_array_get_length (array);
}

static gboolean
role_exists (ObPostgres *postgres, const char *name, gboolean *exists, GCancellable *cancellable,
             GError **error)
{
  const char *parameters[] = { name, NULL };
  g_autofree char *count
    = ob_postgres_get_text (postgres, "SELECT count(*) FROM pg_roles WHERE rolname = $1",
                            parameters, cancellable, error);

  if (count == NULL)
    return FALSE;
  *exists = strcmp (count, "0") != 0;
  return TRUE;
}

/* bbdd.user itself may log in, with the password that the application uses. Only its hash goes to
 * the server, since statements end in logs. */
static gboolean
give_password (ObRestoreRun *run, ObPostgres *postgres, GCancellable *cancellable, GError **error)
{
  char *hash;
  gboolean ok;

  if (run->config->password == NULL)
    return TRUE;
  hash = PQencryptPasswordConn (ob_postgres_get_connection (postgres), run->config->password,
                                run->config->user, NULL);
  if (hash == NULL)
    {
      g_set_error (error, OB_ERROR, OB_ERROR_FAILED,
                   "The password of the role %s cannot be set: %s", run->config->user,
                   PQerrorMessage (ob_postgres_get_connection (postgres)));
      return FALSE;
    }
  ok = ob_postgres_runf (postgres, cancellable, error, "ALTER ROLE %I LOGIN PASSWORD %L",
                         run->config->user, hash);
  PQfreemem (hash);
  return ok;
}

/* Never a superuser, whatever it was: that is for the administrator to give. */
static gboolean
create_role (ObRestoreRun *run, ObPostgres *postgres, JsonObject *role, const char *name,
             GCancellable *cancellable, GError **error)
{
  if (!ob_postgres_runf (postgres, cancellable, error, "CREATE ROLE %I NOLOGIN %s %s %s", name,
                         get_flag (role, "createdb") ? "CREATEDB" : "NOCREATEDB",
                         get_flag (role, "createrole") ? "CREATEROLE" : "NOCREATEROLE",
                         json_object_get_boolean_member_with_default (role, "inherit", TRUE)
                           ? "INHERIT"
                           : "NOINHERIT"))
    return FALSE;
  if (strcmp (name, run->config->user) == 0)
    return give_password (run, postgres, cancellable, error);
  ob_progress_warn (run->progress, FALSE,
                    "The role %s was missing on this server and was created without the right to "
                    "log in; give it a password if something logs in with it",
                    name);
  return TRUE;
}

/* Whether who is in @group has rights over the whole server: PostgreSQL's own groups, superusers,
 * and what is a member of one. */
static gboolean
is_mighty (ObPostgres *postgres, const char *group, gboolean *mighty, GCancellable *cancellable,
           GError **error)
{
  const char *parameters[] = { group, NULL };
  g_autofree char *count = NULL;

  *mighty = g_str_has_prefix (group, "pg_");
  if (*mighty)
    return TRUE;
  count = ob_postgres_get_text (
    postgres,
    "SELECT count(*) FROM pg_roles WHERE rolsuper AND pg_has_role ($1::name, oid, 'MEMBER')",
    parameters, cancellable, error);
  if (count == NULL)
    return FALSE;
  *mighty = strcmp (count, "0") != 0;
  return TRUE;
}

static gboolean
add_memberships (ObRestoreRun *run, ObPostgres *postgres, JsonObject *role, const char *name,
                 GCancellable *cancellable, GError **error)
{
  JsonArray *member_of = get_array (role, "member_of");
  g_autoptr (GString) left_out = g_string_new (NULL);

  for (guint i = 0; i < get_length (member_of); i++)
    {
      const char *group = json_array_get_string_element (member_of, i);
      gboolean exists, mighty;

      if (group == NULL)
        continue;
      if (!role_exists (postgres, group, &exists, cancellable, error))
        return FALSE;
      if (!exists)
        continue;
      if (!is_mighty (postgres, group, &mighty, cancellable, error))
        return FALSE;
      if (mighty)
        g_string_append_printf (left_out, "%s%s", left_out->len > 0 ? ", " : "", group);
      else if (!ob_postgres_runf (postgres, cancellable, error, "GRANT %I TO %I", group, name))
        return FALSE;
    }
  if (left_out->len > 0)
    ob_progress_warn (run->progress, FALSE,
                      "The role %s was created without being a member of %s, which would give it "
                      "rights over the whole server; grant that yourself if it is wanted",
                      name, left_out->str);
  return TRUE;
}

/* Whether bbdd.user has all the rights of the role @owner already. */
static gboolean
has_rights_of (ObRestoreRun *run, ObPostgres *postgres, const char *owner,
               GCancellable *cancellable)
{
  const char *parameters[] = { run->config->user, owner, NULL };
  g_autofree char *count
    = ob_postgres_get_text (postgres,
                            "SELECT count(*) FROM pg_roles u, pg_roles o WHERE u.rolname = $1"
                            " AND o.rolname = $2 AND pg_has_role (u.oid, o.oid, 'USAGE')",
                            parameters, cancellable, NULL);

  return g_strcmp0 (count, "1") == 0;
}

/* Of those in @roles; NULL where there is none. */
static JsonObject *
find_role (GPtrArray *roles, const char *name)
{
  for (guint i = 0; name != NULL && i < roles->len; i++)
    if (g_strcmp0 (get_text (roles->pdata[i], "name"), name) == 0)
      return roles->pdata[i];
  return NULL;
}

/* The installation connects as somebody else than the owner was: then the user is made where it is
 * missing, with what the owner may do on the server. Where the owner had to be made too, nothing
 * but this database is his, and the user becomes a member of him, which gives it all rights in it.
 * A role that others may use is never given away so. */
static gboolean
add_user (ObRestoreRun *run, ObPostgres *postgres, GPtrArray *created, GCancellable *cancellable,
          GError **error)
{
  const char *user = run->config->user;
  const char *name = get_text (run->request->facts, "owner");
  JsonObject *owner = find_role (created, name);
  gboolean exists = FALSE;

  if (owner == NULL || strcmp (name, user) == 0)
    {
      run->user_is_member = name != NULL && has_rights_of (run, postgres, name, cancellable);
      return TRUE;
    }
  if (!role_exists (postgres, user, &exists, cancellable, error)
      || (!exists && !create_role (run, postgres, owner, user, cancellable, error))
      || !ob_postgres_runf (postgres, cancellable, error, "GRANT %I TO %I", name, user))
    return FALSE;
  run->user_is_member = TRUE;
  return TRUE;
}

/* A database's ACL as it was: everything taken away first, then each grant. */
static gboolean
restore_acl (ObRestoreRun *run, ObPostgres *postgres, GCancellable *cancellable, GError **error)
{
  const char *target = run->request->target;
  const char *owner = get_text (run->request->facts, "owner");
  JsonArray *acl = get_array (run->request->facts, "acl");

  if (!ob_postgres_runf (postgres, cancellable, error, "REVOKE ALL ON DATABASE %I FROM PUBLIC",
                         target)
      || !ob_postgres_runf (postgres, cancellable, error, "REVOKE ALL ON DATABASE %I FROM %I",
                            target, run->config->user))
    return FALSE;
  if (acl == NULL)
    return ob_postgres_runf (postgres, cancellable, error, "GRANT ALL ON DATABASE %I TO %I",
                             target, owner != NULL ? owner : run->config->user)
           && ob_postgres_runf (postgres, cancellable, error,
                                "GRANT CONNECT, TEMPORARY ON DATABASE %I TO PUBLIC", target);

  if (owner != NULL
      && !ob_postgres_runf (postgres, cancellable, error, "REVOKE ALL ON DATABASE %I FROM %I",
                            target, owner))
    return FALSE;
  for (guint i = 0; i < get_length (acl); i++)
    {
      JsonObject *entry = json_array_get_object_element (acl, i);
      const char *grantee = get_text (entry, "grantee");
      const char *privilege = get_text (entry, "privilege");
      g_autofree char *to = grantee == NULL || *grantee == '\0'
                              ? g_strdup ("PUBLIC")
                              : ob_postgres_format ("%I", grantee);

      if (privilege == NULL
          || strspn (privilege, "ABCDEFGHIJKLMNOPQRSTUVWXYZ ") != strlen (privilege))
        continue;
      if (!ob_postgres_runf (postgres, cancellable, error, "GRANT %s ON DATABASE %I TO %s%s",
                             privilege, target, to,
                             get_flag (entry, "grantable") ? " WITH GRANT OPTION" : ""))
        return FALSE;
    }
  return TRUE;
}

/* Settings whose value is a list of identifiers; their elements are quoted one by one (PostgreSQL,
 * src/bin/pg_dump/dumputils.c, variable_is_guc_list_quote). */
static gboolean
is_list_setting (const char *name)
{
  static const char *const names[]
    = { "local_preload_libraries", "search_path", "session_preload_libraries",
        "shared_preload_libraries", "temp_tablespaces", "unix_socket_directories", NULL };

  return g_strv_contains (names, name);
}

static char *
quote_setting (const char *name, const char *value)
{
  g_auto (GStrv) elements = is_list_setting (name) ? ob_restore_split_list_setting (value) : NULL;
  g_autoptr (GString) text = g_string_new (NULL);

  if (elements == NULL)
    return ob_postgres_format ("%L", value);
  for (gsize i = 0; elements[i] != NULL; i++)
    {
      g_autofree char *literal = ob_postgres_format ("%L", elements[i]);

      g_string_append_printf (text, "%s%s", i > 0 ? ", " : "", literal);
    }
  if (text->len == 0)
    g_string_append (text, "''");
  return g_string_free (g_steal_pointer (&text), FALSE);
}

/* A name of a setting may have a prefix, "obscure.thing". */
static char *
quote_setting_name (const char *name)
{
  g_auto (GStrv) words = g_strsplit (name, ".", -1);
  g_autoptr (GString) text = g_string_new (NULL);

  for (gsize i = 0; words[i] != NULL; i++)
    {
      g_autofree char *quoted = ob_postgres_format ("%I", words[i]);

      g_string_append_printf (text, "%s%s", i > 0 ? "." : "", quoted);
    }
  return g_string_free (g_steal_pointer (&text), FALSE);
}

static gboolean
restore_setting (ObRestoreRun *run, ObPostgres *postgres, const char *role, const char *setting,
                 GCancellable *cancellable, GError **error)
{
  g_autoptr (GError) local_error = NULL;
  const char *equals = strchr (setting, '=');
  g_autofree char *raw_name
    = equals == NULL ? NULL : g_strndup (setting, (gsize) (equals - setting));
  g_autofree char *name = equals == NULL ? NULL : quote_setting_name (raw_name);
  g_autofree char *value = equals == NULL ? NULL : quote_setting (raw_name, equals + 1);
  gboolean ok;

  if (equals == NULL)
    return TRUE;
  if (role == NULL || *role == '\0')
    ok = ob_postgres_runf (postgres, cancellable, &local_error, "ALTER DATABASE %I SET %s TO %s",
                           run->request->target, name, value);
  else
    ok = ob_postgres_runf (postgres, cancellable, &local_error,
                           "ALTER ROLE %I IN DATABASE %I SET %s TO %s", role, run->request->target,
                           name, value);
  if (ok)
    return TRUE;
  if (g_error_matches (local_error, OB_ERROR, OB_ERROR_CANCELLED))
    {
      g_propagate_error (error, g_steal_pointer (&local_error));
      return FALSE;
    }
  ob_progress_warn (run->progress, FALSE, "The database's setting %s cannot be made: %s", setting,
                    local_error->message);
  return TRUE;
}

/* Whether the role may set deadlock_timeout: superusers may, and from 15 on who was granted it. */
static gboolean
may_outrun (ObPostgres *postgres, GCancellable *cancellable, gboolean *may, GError **error)
{
  g_autofree char *answer = ob_postgres_get_text (
    postgres,
    ob_postgres_get_version (postgres) >= HAS_PARAMETER_PRIVILEGES
      ? "SELECT has_parameter_privilege ('deadlock_timeout', 'SET')"
      : "SELECT rolsuper FROM pg_roles WHERE rolname = current_user",
    NULL, cancellable, error);

  *may = g_strcmp0 (answer, "t") == 0;
  return answer != NULL;
}

/* Autovacuum comes to a table as soon as it is full, and building its indexes and ANALYZE wait
 * for it: it gives way when the wait is looked at as a possible deadlock, by default after a
 * second (PostgreSQL, "deadlock_timeout"). Ours is ended by ob_restore_settings(). */
static gboolean
outrun_autovacuum (ObRestoreRun *run, ObPostgres *postgres, GCancellable *cancellable,
                   GError **error)
{
  return may_outrun (postgres, cancellable, &run->outruns, error)
         && (!run->outruns
             || ob_postgres_runf (postgres, cancellable, error,
                                  "ALTER DATABASE %I SET deadlock_timeout TO '50ms'",
                                  run->request->target));
}

/* public methods */

GStrv
ob_restore_split_list_setting (const char *value)
{
  g_autoptr (GPtrArray) elements = g_ptr_array_new_with_free_func (g_free);

  while (TRUE)
    {
      g_autoptr (GString) element = g_string_new (NULL);

      while (*value == ' ' || *value == ',')
        value++;
      if (*value == '\0')
        break;
      if (*value == '"')
        {
          for (value++; *value != '\0' && (*value != '"' || value[1] == '"'); value++)
            {
              if (*value == '"')
                value++;
              g_string_append_c (element, *value);
            }
          if (*value != '"')
            return NULL;
          value++;
        }
      else
        while (*value != '\0' && *value != ',' && *value != ' ')
          g_string_append_c (element, *value++);
      g_ptr_array_add (elements, g_string_free (g_steal_pointer (&element), FALSE));
    }
  g_ptr_array_add (elements, NULL);
  return (GStrv) g_ptr_array_free (g_steal_pointer (&elements), FALSE);
}

char *
ob_restore_format_locale (JsonObject *facts, int server_version)
{
  const char *encoding = get_text (facts, "encoding") ?: "UTF8";
  const char *provider = get_text (facts, "locale_provider");
  const char *icu_locale = get_text (facts, "icu_locale");
  const char *icu_rules = get_text (facts, "icu_rules");
  g_autofree char *common
    = ob_postgres_format ("ENCODING %L LC_COLLATE %L LC_CTYPE %L", encoding,
                          get_text (facts, "lc_collate") ?: "C.UTF-8",
                          get_text (facts, "lc_ctype") ?: "C.UTF-8");
  g_autofree char *rules = NULL;

  if (server_version < HAS_PROVIDER)
    return g_steal_pointer (&common);
  if (g_strcmp0 (provider, "icu") == 0 && icu_locale != NULL)
    {
      if (server_version >= HAS_ICU_RULES && icu_rules != NULL)
        rules = ob_postgres_format (" ICU_RULES %L", icu_rules);
      return ob_postgres_format ("%s LOCALE_PROVIDER icu ICU_LOCALE %L%s", common, icu_locale,
                                 rules != NULL ? rules : "");
    }
  /* An older backup does not tell the locale; both sort alike. */
  if (g_strcmp0 (provider, "builtin") == 0 && server_version >= HAS_BUILTIN)
    return ob_postgres_format (
      "%s LOCALE_PROVIDER builtin BUILTIN_LOCALE %L", common,
      get_text (facts, "builtin_locale") ?: (strcmp (encoding, "UTF8") == 0 ? "C.UTF-8" : "C"));
  return g_strconcat (common, " LOCALE_PROVIDER libc", NULL);
}

gboolean
ob_restore_roles (ObRestoreRun *run, GCancellable *cancellable, GError **error)
{
  g_autoptr (ObPostgres) postgres = NULL;
  g_autoptr (GPtrArray) created = g_ptr_array_new ();
  JsonArray *roles = get_array (run->request->facts, "roles");

  if (run->admin == OB_ROLE_OWNER)
    return TRUE;
  postgres = ob_database_connect_admin (run->config, cancellable, error);
  if (postgres == NULL)
    return FALSE;
  for (guint i = 0; i < get_length (roles); i++)
    {
      JsonObject *role = json_array_get_object_element (roles, i);
      const char *name = get_text (role, "name");
      gboolean exists;

      if (name == NULL || g_str_has_prefix (name, "pg_"))
        continue;
      if (!role_exists (postgres, name, &exists, cancellable, error))
        return FALSE;
      if (exists)
        continue;
      if (!create_role (run, postgres, role, name, cancellable, error))
        return FALSE;
      g_ptr_array_add (created, role);
    }
  for (guint i = 0; i < created->len; i++)
    if (!add_memberships (run, postgres, created->pdata[i],
                          get_text (created->pdata[i], "name"), cancellable, error))
      return FALSE;
  return add_user (run, postgres, created, cancellable, error);
}

gboolean
ob_restore_create_database (ObRestoreRun *run, GCancellable *cancellable, GError **error)
{
  g_autoptr (ObPostgres) postgres
    = ob_database_connect_admin (run->config, cancellable, error);
  JsonObject *facts = run->request->facts;
  const char *owner = get_text (facts, "owner");
  g_autofree char *locale = NULL;
  g_autofree char *tablespace = NULL;

  if (postgres == NULL)
    return FALSE;
  if (owner == NULL || run->admin == OB_ROLE_OWNER)
    owner = run->config->user;
  locale = ob_restore_format_locale (facts, ob_postgres_get_version (postgres));
  if (run->tablespace != NULL)
    tablespace = ob_postgres_format (" TABLESPACE %I", run->tablespace);

  if (!ob_postgres_runf (postgres, cancellable, error,
                         "CREATE DATABASE %I OWNER %I TEMPLATE template0 %s%s",
                         run->request->target, owner, locale,
                         tablespace != NULL ? tablespace : ""))
    {
      g_prefix_error (error, "The database %s cannot be created: ", run->request->target);
      return FALSE;
    }
  if (ob_postgres_runf (postgres, cancellable, error, "REVOKE ALL ON DATABASE %I FROM PUBLIC",
                        run->request->target)
      && ob_postgres_runf (postgres, cancellable, error, "GRANT CONNECT ON DATABASE %I TO %I",
                           run->request->target, run->config->user)
      && outrun_autovacuum (run, postgres, cancellable, error))
    return TRUE;
  /* Only from here on is it ours to drop. */
  ob_database_drop (run->config, run->request->target, NULL, NULL);
  return FALSE;
}

gboolean
ob_restore_settings (ObRestoreRun *run, GCancellable *cancellable, GError **error)
{
  g_autoptr (ObPostgres) postgres
    = ob_database_connect_admin (run->config, cancellable, error);
  JsonObject *facts = run->request->facts;
  JsonArray *settings = get_array (facts, "settings");
  const char *comment = get_text (facts, "comment");
  g_autofree char *limit = NULL;

  if (postgres == NULL)
    return FALSE;
  if (run->outruns
      && !ob_postgres_runf (postgres, cancellable, error,
                            "ALTER DATABASE %I RESET deadlock_timeout", run->request->target))
    return FALSE;
  for (guint i = 0; i < get_length (settings); i++)
    {
      JsonObject *entry = json_array_get_object_element (settings, i);
      const char *setting = get_text (entry, "setting");

      if (setting != NULL
          && !restore_setting (run, postgres, get_text (entry, "role"), setting, cancellable,
                               error))
        return FALSE;
    }
  /* What follows opens it. */
  if (run->request->scratch)
    return TRUE;
  if (comment != NULL
      && !ob_postgres_runf (postgres, cancellable, error, "COMMENT ON DATABASE %I IS %L",
                            run->request->target, comment))
    return FALSE;
  limit = g_strdup_printf (
    "%d", (int) json_object_get_int_member_with_default (facts, "connection_limit", -1));
  if (!ob_postgres_runf (postgres, cancellable, error, "ALTER DATABASE %I CONNECTION LIMIT %s",
                         run->request->target, limit))
    return FALSE;
  return restore_acl (run, postgres, cancellable, error);
}
