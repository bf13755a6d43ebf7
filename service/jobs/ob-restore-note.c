/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-restore-note.h"

#include <string.h>

#include "config.h"
#include "ob-time.h"

/* internal methods */

/* An SQL identifier. */
static char *
quote_identifier (const char *name)
{
  g_autoptr (GString) text = g_string_new (name);

  g_string_replace (text, "\"", "\"\"", 0);
  return g_strdup_printf ("\"%s\"", text->str);
}

static char *
quote_literal (const char *value)
{
  g_autoptr (GString) text = g_string_new (value);

  g_string_replace (text, "'", "''", 0);
  return g_strdup_printf ("'%s'", text->str);
}

static char *
join_names (JsonArray *array, const char *separator)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new ();

  for (guint i = 0; array != NULL && i < json_array_get_length (array); i++)
    {
      JsonNode *node = json_array_get_element (array, i);
      const char *name = "";

      if (JSON_NODE_HOLDS_OBJECT (node))
        name = ob_manifest_get_string (json_node_get_object (node), "name");
      if (*name != '\0')
        g_ptr_array_add (names, (gpointer) name);
    }
  g_ptr_array_add (names, NULL);
  return g_strjoinv (separator, (char **) names->pdata);
}

/* Settings whose value is a list of names stand in the catalogue as SET wants them. */
static gboolean
is_list_setting (const char *name)
{
  static const char *const lists[]
    = { "local_preload_libraries",  "search_path",      "session_preload_libraries",
        "shared_preload_libraries", "temp_tablespaces", "unix_socket_directories",
        NULL };

  return g_strv_contains (lists, name);
}

static void
add_setting (GString *text, const char *database, JsonObject *entry)
{
  const char *role = ob_manifest_get_string (entry, "role");
  g_auto (GStrv) pair = g_strsplit (ob_manifest_get_string (entry, "setting"), "=", 2);
  g_autofree char *value = NULL;
  g_autofree char *role_name = quote_identifier (role);

  if (pair[0] == NULL || pair[1] == NULL)
    return;
  value = is_list_setting (pair[0]) ? g_strdup (pair[1]) : quote_literal (pair[1]);
  if (*role == '\0')
    g_string_append_printf (text, "      ALTER DATABASE %s SET %s TO %s;\n", database, pair[0],
                            value);
  else
    g_string_append_printf (text, "      ALTER ROLE %s IN DATABASE %s SET %s TO %s;\n", role_name,
                            database, pair[0], value);
}

static void
add_settings (GString *text, JsonObject *facts, const char *name)
{
  JsonArray *settings = ob_manifest_get_array (facts, "settings");
  g_autofree char *database = quote_identifier (name);

  g_string_append (text, "   9. In psql, what pg_restore leaves out (the rights on the database "
                         "stand as \"acl\" in manifest.json):\n");
  for (guint i = 0; settings != NULL && i < json_array_get_length (settings); i++)
    {
      JsonNode *node = json_array_get_element (settings, i);

      if (JSON_NODE_HOLDS_OBJECT (node))
        add_setting (text, database, json_node_get_object (node));
    }
}

static const char *
get_or (JsonObject *facts, const char *member, const char *otherwise)
{
  const char *value = ob_manifest_get_string (facts, member);

  return *value != '\0' ? value : otherwise;
}

static void
add_data (GString *text, const ObManifest *manifest, const char *name)
{
  g_string_append (text, "   7. The rows, in any order or all at once:\n");
  for (guint i = 0; i < manifest->streams->len; i++)
    {
      const char *stream = g_ptr_array_index (manifest->streams, i);

      if (strcmp (stream, "schema.dump") != 0)
        g_string_append_printf (text, "      pg_restore -U postgres -d %s DIR/database/%s\n", name,
                                stream);
    }
}

static void
add_database (GString *text, const ObManifest *manifest)
{
  JsonObject *facts = manifest->facts;
  const char *database = ob_instance_get_database (manifest->instance)->name;
  const char *user = ob_instance_get_database (manifest->instance)->user;
  g_autofree char *name = g_shell_quote (database);
  g_autofree char *owner = g_shell_quote (get_or (facts, "owner", user));
  g_autofree char *encoding = g_shell_quote (get_or (facts, "encoding", "UTF8"));
  g_autofree char *collate = g_shell_quote (get_or (facts, "lc_collate", "C.UTF-8"));
  g_autofree char *ctype = g_shell_quote (get_or (facts, "lc_ctype", "C.UTF-8"));
  g_autofree char *roles = join_names (ob_manifest_get_array (facts, "roles"), ", ");
  g_autofree char *extensions = join_names (ob_manifest_get_array (facts, "extensions"), ", ");

  g_string_append_printf (text,
                          "   4. Make the roles that are missing (createuser): %s. Their "
                          "attributes stand in manifest.json, the password of %s in "
                          "Openbravo.properties.\n",
                          *roles != '\0' ? roles : user, user);
  g_string_append_printf (
    text, "   5. createdb -U postgres -T template0 -O %s -E %s --lc-collate=%s --lc-ctype=%s %s\n",
    owner, encoding, collate, ctype, name);
  g_string_append_printf (
    text,
    "   6. The schema, as a superuser and without --no-owner, so that owners and rights come out "
    "as they were (it makes the extensions too%s%s):\n"
    "      pg_restore -U postgres -d %s --section=pre-data DIR/database/schema.dump\n",
    *extensions != '\0' ? ": " : "", extensions, name);
  add_data (text, manifest, name);
  g_string_append_printf (text,
                          "   8. Indexes, keys, triggers and materialized views, last:\n"
                          "      pg_restore -U postgres -d %s --section=post-data -j 2 "
                          "DIR/database/schema.dump\n",
                          name);
  add_settings (text, facts, database);
}

static void
add_trees (GString *text, const ObManifest *manifest)
{
  g_string_append (text, "  10. The files, as root:\n");
  for (guint i = 0; i < manifest->trees->len; i++)
    {
      const ObManifestTree *tree = g_ptr_array_index (manifest->trees, i);
      g_autofree char *path = g_shell_quote (tree->path);

      g_string_append_printf (text, "      mkdir -p %s && cp -a DIR/%s/. %s/\n", path,
                              ob_part_get_name (tree->part), path);
    }
}

/* methods of this room */

char *
ob_restore_note_write (const ObManifest *manifest)
{
  g_autoptr (GString) text = g_string_new (NULL);
  const struct timespec start = { .tv_sec = manifest->start.tv_sec };
  g_autofree char *when = ob_time_format (&start);
  g_autofree char *parts = ob_parts_to_text (manifest->parts);
  const char *name = ob_instance_get_name (manifest->instance);

  g_string_append_printf (
    text,
    "This is a backup of the Openbravo installation %s, made on %s by obbackup " OB_VERSION
    ". It holds: %s.\n\n"
    "It can be brought back without obbackup, by restic (0.14 or later) and PostgreSQL's own tools "
    "(of version %" G_GUINT64_FORMAT " or later). REPOSITORY is where the repository is, DIR an "
    "empty directory; the passphrase is the recovery key.\n\n"
    "   1. restic -r REPOSITORY snapshots --tag instance=%s     (tells the ID)\n"
    "   2. restic -r REPOSITORY restore ID --target DIR\n"
    "   3. Stop the application server.\n",
    name, when, parts,
    manifest->facts != NULL ? ob_manifest_get_number (manifest->facts, "server_version") / 10000
                            : (guint64) 10,
    name);
  if (manifest->parts & OB_PART_DATABASE)
    add_database (text, manifest);
  if (manifest->trees->len > 0)
    add_trees (text, manifest);
  g_string_append (text, "\nAdjust database and paths in Openbravo.properties where they are "
                         "others now, then start the application server.\n");
  return g_string_free (g_steal_pointer (&text), FALSE);
}
