/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What Openbravo's own tables tell (OPENBRAVO facts: AD_MODULE, AD_SYSTEM_INFO, C_FILE). They are
 * read as bbdd.user, in the dump's snapshot, and only where they are tables: whoever owns the
 * database could have put a view with functions in their place. A table or a column that is missing
 * is no error, since the backup is of whatever is there.
 */
#include "ob-database-dump-private.h"

#include <string.h>

#include "ob-error.h"

#define FETCH_ROWS "1000"
#define MAX_ATTACHMENT_PATH 4096
#define RUNNING "RB70"

/* internal methods */

/* The columns of the table public.@name as a set; NULL without error where it is not one that may
 * be read. Transfer full. */
static GHashTable *
look_up_table (ObDatabaseDump *self, const char *name, GCancellable *cancellable, GError **error)
{
  const char *parameters[] = { NULL, NULL };
  g_autofree char *oid = NULL;
  GHashTable *columns;
  PGresult *result;

  for (guint i = 0; i < self->tables->len && oid == NULL; i++)
    {
      const ObDumpTable *table = g_ptr_array_index (self->tables, i);

      if (table->readable && g_str_equal (table->schema, "public")
          && g_str_equal (table->name, name))
        oid = g_strdup_printf ("%u", table->oid);
    }
  if (oid == NULL)
    return NULL;
  parameters[0] = oid;
  result = ob_postgres_query (self->session,
                              "SELECT attname FROM pg_attribute WHERE attrelid = $1::oid"
                              " AND attnum > 0 AND NOT attisdropped",
                              parameters, cancellable, error);
  if (result == NULL)
    return NULL;
  columns = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  for (int i = 0; i < PQntuples (result); i++)
    g_hash_table_add (columns, g_strdup (PQgetvalue (result, i, 0)));
  PQclear (result);
  return columns;
}

/* An expression for a column as text of bounded length, '' where it is null or missing. */
static char *
column_text (GHashTable *columns, const char *column)
{
  if (!g_hash_table_contains (columns, column))
    return g_strdup ("''");
  return ob_postgres_format ("coalesce (left (%I::text, 4000), '')", column);
}

/* Whether a SELECT of @columns of public.@name can be made: it is in *@sql. FALSE on error. */
static gboolean
plan_select (ObDatabaseDump *self, const char *name, const char *const *columns, char **sql,
             GCancellable *cancellable, GError **error)
{
  g_autoptr (GError) local_error = NULL;
  g_autoptr (GHashTable) known = look_up_table (self, name, cancellable, &local_error);
  g_autoptr (GString) text = g_string_new ("SELECT ");

  *sql = NULL;
  if (local_error != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&local_error));
      return FALSE;
    }
  if (known == NULL)
    return TRUE;
  for (gsize i = 0; columns[i] != NULL; i++)
    {
      g_autofree char *column = column_text (known, columns[i]);

      g_string_append_printf (text, "%s%s", i > 0 ? ", " : "", column);
    }
  g_string_append_printf (text, " FROM public.%s", name);
  *sql = g_string_free (g_steal_pointer (&text), FALSE);
  return TRUE;
}

/* The rows of public.@name, at most 10,000; *@result is NULL where there is no such table. */
static gboolean
read_table (ObDatabaseDump *self, const char *name, const char *const *columns, PGresult **result,
            GCancellable *cancellable, GError **error)
{
  g_autofree char *select = NULL;
  g_autofree char *sql = NULL;

  *result = NULL;
  if (!plan_select (self, name, columns, &select, cancellable, error))
    return FALSE;
  if (select == NULL)
    return TRUE;
  sql = g_strconcat (select, " ORDER BY 1 LIMIT 10000", NULL);
  *result = ob_postgres_query (self->owner, sql, NULL, cancellable, error);
  return *result != NULL;
}

/* "modules"; *@n_unbuilt counts those that are not built into the application yet. */
static gboolean
add_modules (ObDatabaseDump *self, JsonObject *facts, guint *n_unbuilt, GCancellable *cancellable,
             GError **error)
{
  static const char *const columns[] = { "name", "version", "javapackage", "status", NULL };
  static const char *const members[] = { "name", "version", "package", "status" };
  JsonArray *modules;
  PGresult *result;

  if (!read_table (self, "ad_module", columns, &result, cancellable, error))
    return FALSE;
  if (result == NULL)
    return TRUE;
  modules = json_array_new ();
  for (int row = 0; row < PQntuples (result); row++)
    {
      JsonObject *module = json_object_new ();
      const char *status = PQgetvalue (result, row, 3);

      for (int i = 0; i < (int) G_N_ELEMENTS (members); i++)
        json_object_set_string_member (module, members[i], PQgetvalue (result, row, i));
      if (*status != '\0' && strchr ("IUP", *status) != NULL)
        (*n_unbuilt)++;
      json_array_add_object_element (modules, module);
    }
  PQclear (result);
  json_object_set_array_member (facts, "modules", modules);
  return TRUE;
}

static gboolean
add_system_info (ObDatabaseDump *self, JsonObject *application, GCancellable *cancellable,
                 GError **error)
{
  static const char *const columns[]
    = { "system_status", "last_build", "last_dbupdate", "db_checksum", NULL };
  PGresult *result;

  if (!read_table (self, "ad_system_info", columns, &result, cancellable, error))
    return FALSE;
  for (int i = 0; result != NULL && PQntuples (result) > 0 && columns[i] != NULL; i++)
    json_object_set_string_member (application, columns[i], PQgetvalue (result, 0, i));
  PQclear (result);
  return TRUE;
}

/* Number of rows, 0 where there is no such table. */
static guint64
get_rows (ObDatabaseDump *self, const char *name)
{
  for (guint i = 0; i < self->tables->len; i++)
    {
      const ObDumpTable *table = g_ptr_array_index (self->tables, i);

      if (g_str_equal (table->schema, "public") && g_str_equal (table->name, name))
        return (guint64) MAX (table->rows, 0);
    }
  return 0;
}

/* Whether there is a key, never the key. */
static gboolean
add_activation_key (ObDatabaseDump *self, JsonObject *facts, GCancellable *cancellable,
                    GError **error)
{
  g_autoptr (GError) local_error = NULL;
  g_autoptr (GHashTable) columns = look_up_table (self, "ad_system", cancellable, &local_error);
  g_autofree char *found = NULL;

  if (columns != NULL && g_hash_table_contains (columns, "activation_key"))
    found = ob_postgres_get_text (
      self->owner, "SELECT 1 FROM public.ad_system WHERE activation_key IS NOT NULL LIMIT 1", NULL,
      cancellable, &local_error);
  if (local_error != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&local_error));
      return FALSE;
    }
  json_object_set_boolean_member (facts, "activation_key", found != NULL);
  return TRUE;
}

/* A backup between the steps of an update is one of an application that does not run as it is. */
static void
add_rebuild (ObDatabaseDump *self, JsonObject *application, guint n_unbuilt)
{
  const char *status
    = json_object_get_string_member_with_default (application, "system_status", "");
  guint64 n_installs = get_rows (self, "ad_module_install");
  gboolean owed
    = n_unbuilt > 0 || n_installs > 0 || (*status != '\0' && strcmp (status, RUNNING) != 0);

  json_object_set_boolean_member (application, "rebuild_owed", owed);
  if (owed)
    ob_progress_warn (self->progress, FALSE,
                      "Openbravo is being rebuilt, or a rebuild is owed: its status is %s, modules "
                      "not built yet: %u, modules being installed: %" G_GUINT64_FORMAT
                      ". Whoever restores this backup has to finish that (ant smartbuild)",
                      *status != '\0' ? status : "not set", n_unbuilt, n_installs);
}

/* The file of a row of C_FILE: its directory, and its name. NULL where there is none. */
static char *
build_path (const PGresult *result, int row)
{
  const char *name = PQgetvalue (result, row, 0);
  g_autofree char *directory = g_strdup (PQgetvalue (result, row, 1));
  char *start;

  if (*name == '\0')
    return NULL;
  for (gsize n = strlen (directory); n > 0 && directory[n - 1] == '/'; n--)
    directory[n - 1] = '\0';
  start = directory + strspn (directory, "/");
  if (*start == '\0')
    return g_strdup_printf ("%s-%s/%s", PQgetvalue (result, row, 2), PQgetvalue (result, row, 3),
                            name);
  return g_strdup_printf ("%s/%s", start, name);
}

/* Hands out the rows of the cursor. */
static gboolean
fetch_attachments (ObDatabaseDump *self, ObAttachmentFunc func, gpointer user_data,
                   GCancellable *cancellable, GError **error)
{
  for (;;)
    {
      PGresult *result = ob_postgres_query (
        self->owner, "FETCH " FETCH_ROWS " FROM attachments", NULL, cancellable, error);
      int n_rows;

      if (result == NULL)
        return FALSE;
      n_rows = PQntuples (result);
      for (int row = 0; row < n_rows; row++)
        {
          g_autofree char *path = build_path (result, row);

          if (path == NULL || strlen (path) > MAX_ATTACHMENT_PATH || func (path, user_data))
            continue;
          PQclear (result);
          return TRUE;
        }
      PQclear (result);
      if (n_rows == 0)
        return TRUE;
    }
}

/* methods of this room */

gboolean
ob_dump_add_application (ObDatabaseDump *self, JsonObject *facts, GCancellable *cancellable,
                         GError **error)
{
  g_autoptr (JsonObject) application = json_object_new ();
  g_autoptr (GError) local_error = NULL;
  guint n_unbuilt = 0;

  if (!add_modules (self, facts, &n_unbuilt, cancellable, error)
      || !add_system_info (self, application, cancellable, error)
      || !add_activation_key (self, facts, cancellable, error))
    return FALSE;
  add_rebuild (self, application, n_unbuilt);
  json_object_set_object_member (facts, "application", g_steal_pointer (&application));
  json_object_set_int_member (facts, "attachments", (gint64) get_rows (self, "c_file"));
  return TRUE;
}

/* public methods */

gboolean
ob_database_dump_list_attachments (ObDatabaseDump *self,
                                   ObAttachmentFunc func,
                                   gpointer user_data,
                                   GCancellable *cancellable,
                                   GError **error)
{
  static const char *const columns[] = { "name", "path", "ad_table_id", "ad_record_id", NULL };
  g_autofree char *select = NULL;

  if (!ob_dump_join_count (self, cancellable, error)
      || !plan_select (self, "c_file", columns, &select, cancellable, error))
    return FALSE;
  if (select == NULL)
    return TRUE;
  return ob_postgres_runf (self->owner, cancellable, error,
                           "DECLARE attachments NO SCROLL CURSOR FOR %s", select)
         && fetch_attachments (self, func, user_data, cancellable, error)
         && ob_postgres_run (self->owner, cancellable, error, "CLOSE attachments");
}
