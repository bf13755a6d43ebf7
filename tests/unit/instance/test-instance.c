/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-instance-private.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ob-error.h"
#include "ob-fd.h"
#include "ob-path.h"

/* ---- Parts
 * ------------------------------------------------------------------------------------ */

static void
test_parts (void)
{
  const char *const words[] = { "webapp", "database", "webapp", NULL };
  const char *const wrong[] = { "database", "files", NULL };
  g_autofree char *text = ob_parts_to_text (OB_PART_ALL);
  g_autofree char *none = ob_parts_to_text (0);
  g_autoptr (GError) error = NULL;
  ObParts parts = 0;

  g_assert_cmpstr (text, ==, "database, sources, webapp, attachments, reprintables");
  g_assert_cmpstr (none, ==, "");
  for (guint i = 0; i < 5; i++)
    g_assert_cmpuint (ob_part_from_name (ob_part_get_name (1u << i)), ==, 1u << i);
  g_assert_cmpuint (ob_part_from_name ("Database"), ==, 0);
  g_assert_cmpuint (ob_part_from_name (NULL), ==, 0);

  g_assert_true (ob_parts_from_names (words, &parts, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (parts, ==, OB_PART_DATABASE | OB_PART_WEBAPP);
  g_assert_false (ob_parts_from_names (wrong, &parts, &error));
  g_assert_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT);
  g_assert_nonnull (strstr (error->message, "\"files\""));
  g_assert_nonnull (strstr (error->message, "attachments, reprintables"));
}

/* ---- Overlapping trees
 * ------------------------------------------------------------------------ */

/* Directories in which a file could lie, and where a part could be. */
static const char *const directories[] = { "/a", "/a/b", "/a/b/c", "/a/bc", "/d" };

static ObInstance *
make_instance (const char *const *paths)
{
  ObInstance *instance = ob_instance_new ("ob");

  for (guint i = 0; i < OB_N_TREES; i++)
    instance->paths[i] = g_strdup (paths[i]);
  return instance;
}

/* Whether a file in @directory is read with @tree. */
static gboolean
reads (const ObInstanceTree *tree, const char *directory)
{
  if (!ob_path_is_below (directory, tree->path, NULL))
    return FALSE;
  for (char **exclude = tree->exclude; exclude != NULL && *exclude != NULL; exclude++)
    {
      g_autofree char *path = g_build_filename (tree->path, *exclude, NULL);

      if (ob_path_is_below (directory, path, NULL))
        return FALSE;
    }
  return TRUE;
}

/* Whether a file in @directory belongs to @parts: to the innermost of all parts around it. */
static gboolean
is_wanted (ObInstance *instance, ObParts parts, const char *directory)
{
  gsize deepest = 0;
  gboolean wanted = FALSE;

  for (guint i = 0; i < OB_N_TREES; i++)
    {
      const char *path = instance->paths[i];

      if (path == NULL || !ob_path_is_below (directory, path, NULL) || strlen (path) < deepest)
        continue;
      if (strlen (path) > deepest)
        wanted = FALSE;
      deepest = strlen (path);
      wanted = wanted || (parts & ob_instance_tree_part (i)) != 0;
    }
  return wanted;
}

static void
check_excludes (const ObInstanceTree *tree)
{
  g_assert_true (tree->exclude == NULL || tree->exclude[0] != NULL);
  for (char **exclude = tree->exclude; exclude != NULL && *exclude != NULL; exclude++)
    {
      g_assert_true (**exclude != '/' && **exclude != '\0');
      for (char **other = tree->exclude; *other != NULL; other++)
        g_assert_true (other == exclude || !ob_path_is_below (*exclude, *other, NULL));
    }
}

static void
check_trees (ObInstance *instance, ObParts parts)
{
  g_autoptr (GPtrArray) trees = ob_instance_get_trees (instance, parts);

  for (gsize d = 0; d < G_N_ELEMENTS (directories); d++)
    {
      guint readers = 0;

      for (guint i = 0; i < trees->len; i++)
        if (reads (trees->pdata[i], directories[d]))
          readers++;
      g_assert_cmpuint (readers, ==, is_wanted (instance, parts, directories[d]) ? 1 : 0);
    }
  for (guint i = 0; i < trees->len; i++)
    {
      const ObInstanceTree *tree = trees->pdata[i];

      g_assert_cmpuint (tree->part & parts, ==, tree->part);
      g_assert_cmpstr (tree->path, ==, ob_instance_get_path (instance, tree->part));
      check_excludes (tree);
    }
}

/* Every part in every place or nowhere, and every choice of parts: each file once or not at all. */
static void
test_all_overlaps (void)
{
  const guint n = G_N_ELEMENTS (directories) + 1;

  for (guint code = 0; code < n * n * n * n; code++)
    {
      const char *paths[OB_N_TREES];
      g_autoptr (ObInstance) instance = NULL;
      guint rest = code;

      for (guint i = 0; i < OB_N_TREES; i++, rest /= n)
        paths[i] = rest % n < G_N_ELEMENTS (directories) ? directories[rest % n] : NULL;
      instance = make_instance (paths);
      for (guint parts = 0; parts <= OB_PART_ALL; parts++)
        check_trees (instance, parts);
    }
}

static void
test_one_overlap (void)
{
  const char *const paths[] = { "/a", "/a/webapps/ob", "/a/att", "/a/att" };
  g_autoptr (ObInstance) instance = make_instance (paths);
  g_autoptr (GPtrArray) all = ob_instance_get_trees (instance, OB_PART_ALL);
  g_autoptr (GPtrArray) one = ob_instance_get_trees (instance, OB_PART_SOURCES);
  g_autoptr (GPtrArray) last = ob_instance_get_trees (instance, OB_PART_REPRINTABLES);
  g_autoptr (GPtrArray) none = ob_instance_get_trees (instance, OB_PART_DATABASE);
  const char *const expected[] = { "webapps/ob", "att", NULL };
  const ObInstanceTree *sources = all->pdata[0];

  g_assert_cmpuint (all->len, ==, 3);
  g_assert_cmpuint (sources->part, ==, OB_PART_SOURCES);
  g_assert_true (g_strv_equal ((const char *const *) sources->exclude, expected));
  g_assert_cmpuint (((ObInstanceTree *) all->pdata[2])->part, ==, OB_PART_ATTACHMENTS);

  g_assert_cmpuint (one->len, ==, 1);
  g_assert_true (
      g_strv_equal ((const char *const *) ((ObInstanceTree *) one->pdata[0])->exclude, expected));

  g_assert_cmpuint (last->len, ==, 1);
  g_assert_cmpuint (((ObInstanceTree *) last->pdata[0])->part, ==, OB_PART_REPRINTABLES);
  g_assert_null (((ObInstanceTree *) last->pdata[0])->exclude);
  g_assert_cmpuint (none->len, ==, 0);
}

/* ---- Configuration
 * ---------------------------------------------------------------------------- */

typedef struct
{
  char *directory;
  int fd;
} Config;

static int
remove_one (const char *path, const struct stat *info, int kind, struct FTW *at)
{
  return remove (path);
}

static void
config_set_up (Config *config, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  config->directory = g_dir_make_tmp ("ob-instance-XXXXXX", &error);
  g_assert_no_error (error);
  config->fd = open (config->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  g_assert_cmpint (config->fd, >=, 0);
}

static void
config_tear_down (Config *config, gconstpointer data)
{
  ob_fd_clear (&config->fd);
  nftw (config->directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
  g_free (config->directory);
}

static ObInstance *
make_full_instance (void)
{
  const char *const paths[] = { "/opt/ob é", "/opt/web\\app", "/opt/att;a", "/opt/rep" };
  const char *const stop[] = { "/bin/sh", "-c", "echo \"$HOME\"; exit 0", "", " \t;\\", NULL };
  const char *const start[] = { "/bin/true", NULL };
  ObInstance *instance = make_instance (paths);

  instance->properties = g_strdup ("/opt/ob/config/Openbravo.properties");
  instance->machine_name = g_strdup ("node 1");
  instance->context_name = g_strdup ("openbravo#x");
  instance->deploy_mode = g_strdup ("class");
  instance->database = g_new0 (ObDatabaseConfig, 1);
  instance->database->host = g_strdup ("::1");
  instance->database->port = 65535;
  instance->database->name = g_strdup ("a b");
  instance->database->user = g_strdup ("tad");
  instance->database->password = g_strdup (" \\s=;#ñ\n\t'\"[x] ");
  instance->database->system_user = g_strdup ("postgres");
  instance->database->system_password = g_strdup ("sys-secret");
  instance->database->ssl_mode = g_strdup ("verify-full");
  instance->database->ssl_root_cert = g_strdup ("/etc/ssl/ours.pem");
  instance->stop_command = g_strdupv ((GStrv) stop);
  instance->start_command = g_strdupv ((GStrv) start);
  instance->command_user = g_strdup ("openbravo");
  return instance;
}

static char *
describe_text (ObInstance *instance)
{
  g_autoptr (JsonNode) node = json_node_new (JSON_NODE_OBJECT);

  json_node_take_object (node, ob_instance_describe (instance));
  return json_to_string (node, FALSE);
}

static void
test_round_trip (Config *config, gconstpointer data)
{
  g_autoptr (ObInstance) saved = make_full_instance ();
  g_autoptr (ObInstance) loaded = NULL;
  g_autofree char *before = describe_text (saved), *after = NULL;
  g_autoptr (GError) error = NULL;
  struct stat info;

  ob_instance_validate (saved, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (ob_instance_save (saved, config->fd, &error));
  g_assert_no_error (error);
  g_assert_cmpint (fstatat (config->fd, "ob.conf", &info, 0), ==, 0);
  g_assert_cmpuint (info.st_mode & 07777, ==, 0600);

  loaded = ob_instance_load (config->fd, "ob", &error);
  g_assert_no_error (error);
  after = describe_text (loaded);
  g_assert_cmpstr (after, ==, before);
  g_assert_cmpstr (loaded->database->password, ==, saved->database->password);
  g_assert_cmpstr (loaded->database->system_password, ==, saved->database->system_password);
  g_assert_cmpstr (loaded->database->ssl_mode, ==, "verify-full");
  g_assert_cmpstr (loaded->database->ssl_root_cert, ==, "/etc/ssl/ours.pem");
  g_assert_true (g_strv_equal ((const char *const *) loaded->stop_command,
                               (const char *const *) saved->stop_command));
  g_assert_true (ob_instance_can_control (loaded));
  g_assert_null (ob_instance_get_unit (loaded));
  g_assert_cmpuint (ob_instance_get_parts (loaded), ==, OB_PART_ALL);
  g_assert_null (ob_instance_get_path (loaded, OB_PART_DATABASE));
}

/* The queries of a drill come back with every character that they have, and are bounded. */
static void
test_checks (Config *config, gconstpointer data)
{
  static const char *const checks[]
    = { "SELECT count(*) FROM x WHERE a ~ '\\d;' AND b = 'ñ'\n", ";", " SELECT 1 ", NULL };
  g_autoptr (ObInstance) saved = make_full_instance ();
  g_autoptr (ObInstance) loaded = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_null (ob_instance_get_check_sql (saved));
  saved->check_sql = g_strdupv ((GStrv) checks);
  ob_instance_validate (saved, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (ob_instance_save (saved, config->fd, &error));
  loaded = ob_instance_load (config->fd, "ob", &error);
  g_assert_no_error (error);
  g_assert_true (g_strv_equal (ob_instance_get_check_sql (loaded), checks));

  g_free (saved->check_sql[1]);
  saved->check_sql[1] = g_strnfill (OB_DATABASE_MAX_CHECK_SIZE + 1, 'x');
  g_assert_false (ob_instance_validate (saved, NULL, &error));
  g_assert_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT);
  g_assert_nonnull (strstr (error->message, "Check 2"));
  g_clear_error (&error);
  *saved->check_sql[1] = '\0';
  g_assert_false (ob_instance_validate (saved, NULL, NULL));

  g_strfreev (saved->check_sql);
  saved->check_sql = g_new0 (char *, OB_DATABASE_MAX_CHECKS + 2);
  for (guint i = 0; i < OB_DATABASE_MAX_CHECKS; i++)
    saved->check_sql[i] = g_strdup ("SELECT 1");
  g_assert_true (ob_instance_validate (saved, NULL, NULL));
  saved->check_sql[OB_DATABASE_MAX_CHECKS] = g_strdup ("SELECT 1");
  g_assert_false (ob_instance_validate (saved, NULL, NULL));
}

static void
test_describe (void)
{
  g_autoptr (ObInstance) instance = make_full_instance ();
  g_autofree char *text = describe_text (instance);

  g_assert_null (strstr (text, "secret"));
  g_assert_null (strstr (text, "password"));
  g_assert_nonnull (strstr (text, "\"system-user\":\"postgres\""));
  g_assert_nonnull (strstr (text, "\"port\":65535"));
}

static const char good_config[]
    = "[instance]\nversion=1\nproperties=/opt/ob/config/Openbravo.properties\n"
      "context-name=openbravo\ndeploy-mode=class\n[paths]\nsources=/opt/ob\n"
      "attachments=/opt/att\n[database]\nhost=localhost\nport=5432\nname=openbravo\nuser=tad\n"
      "password=the-secret\n[application]\nunit=tomcat9.service\n";

static ObInstance *
load_text (Config *config, const char *text, gsize size, GError **error)
{
  g_autofree char *path = g_build_filename (config->directory, "bad.conf", NULL);

  g_assert_true (g_file_set_contents (path, text, (gssize) size, NULL));
  return ob_instance_load (config->fd, "bad", error);
}

/* good_config with @from replaced by @to. */
static char *
edit_config (const char *from, const char *to)
{
  g_auto (GStrv) parts = g_strsplit (good_config, from, 2);

  g_assert_cmpuint (g_strv_length (parts), ==, 2);
  return g_strjoinv (to, parts);
}

static void
test_hostile (Config *config, gconstpointer data)
{
  static const struct
  {
    const char *from, *to, *words;
  } cases[] = {
    { "version=1", "version=x", "version in [instance]" },
    { "version=1\n", "", "version in [instance]" },
    { "version=1", "version=2", "update obbackup" },
    { "version=1", "version=1\ncolour=red", "colour" },
    { "[paths]", "[places]\na=b\n[paths]", "[places]" },
    { "sources=/opt/ob\n", "", "sources" },
    { "sources=/opt/ob", "sources=", "sources in [paths]" },
    { "sources=/opt/ob", "sources=opt", "absolute" },
    { "sources=/opt/ob", "sources=/opt/../etc", "absolute" },
    { "sources=/opt/ob", "sources=/opt//ob", "absolute" },
    { "sources=/opt/ob", "sources=/", "operating system" },
    { "sources=/opt/ob", "sources=/opt/ob\\q", "sources in [paths]" },
    { "attachments=/opt/att", "attachments=/etc", "operating system" },
    { "attachments=/opt/att", "attachments=/opt/att\nwebapp=/var", "operating system" },
    { "port=5432", "port=0", "port" },
    { "port=5432", "port=65536", "port" },
    { "port=5432", "port=-1", "port in [database]" },
    { "port=5432", "port=5432;", "port in [database]" },
    { "port=5432\n", "", "port in [database]" },
    { "host=localhost\n", "", "host" },
    { "name=openbravo\nuser", "user", "name" },
    { "password=the-secret", "password=the-secret\\q", "password in [database]" },
    { "unit=tomcat9.service", "unit=--now.service", "unit" },
    { "unit=tomcat9.service", "unit=tomcat9.timer", "unit" },
    { "unit=tomcat9.service", "unit=a b.service", "unit" },
    { "unit=tomcat9.service", "unit=.service", "unit" },
    { "unit=tomcat9.service", "stop-command=/bin/a;", "start" },
    { "unit=tomcat9.service", "stop-command=/bin/a;\nstart-command=/bin/b;", "user" },
    { "unit=tomcat9.service", "stop-command=;\nstart-command=/bin/b;\nuser=x", "stop command" },
    { "unit=tomcat9.service", "stop-command=\nstart-command=/bin/b;\nuser=x", "stop command" },
    { "unit=tomcat9.service", "stop-command=a;\nstart-command=/bin/b;\nuser=x", "stop command" },
    { "unit=tomcat9.service", "stop-command=/b$x;\nstart-command=/bin/b;\nuser=x", "\"$\"" },
    { "unit=", "start-command=/bin/b;\nstop-command=/bin/a;\nunit=", "not both" },
    { "context-name=openbravo", "context-name=../x", "context.name" },
    { "context-name=openbravo", "context-name=..", "context.name" },
    { "deploy-mode=class", "deploy-mode=best", "deploy.mode" },
    { "deploy-mode=class", "deploy-mode=class\nmachine-name=a/b", "machine" },
    { "properties=/opt", "properties=opt", "Openbravo.properties" },
    { "[instance]", "instance", "" },
    { "openbravo", "\377", "UTF-8" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *text = edit_config (cases[i].from, cases[i].to);
      g_autoptr (GError) error = NULL;
      g_autoptr (ObInstance) instance = load_text (config, text, strlen (text), &error);

      g_test_message ("case %" G_GSIZE_FORMAT, i);
      g_assert_null (instance);
      g_assert_true (error->domain == OB_ERROR);
      g_assert_true (error->code == OB_ERROR_INVALID_ARGUMENT
                     || error->code == OB_ERROR_NOT_SUPPORTED);
      g_assert_nonnull (strstr (error->message, "bad.conf"));
      g_assert_nonnull (strstr (error->message, cases[i].words));
      g_assert_null (strstr (error->message, "the-secret"));
    }
}

static void
test_good (Config *config, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ObInstance) instance = load_text (config, good_config, sizeof good_config - 1, &error);
  g_autoptr (ObInstance) missing = NULL;

  g_assert_no_error (error);
  g_assert_cmpstr (ob_instance_get_unit (instance), ==, "tomcat9.service");
  g_assert_cmpuint (ob_instance_get_parts (instance), ==,
                    OB_PART_DATABASE | OB_PART_SOURCES | OB_PART_ATTACHMENTS);
  g_assert_cmpuint (ob_instance_get_database (instance)->port, ==, 5432);

  missing = ob_instance_load (config->fd, "other", &error);
  g_assert_error (error, OB_ERROR, OB_ERROR_NOT_FOUND);
  g_clear_error (&error);
  missing = ob_instance_load (config->fd, "../bad", &error);
  g_assert_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT);
}

static void
test_mutations (Config *config, gconstpointer data)
{
  guint rounds = g_test_quick () ? 1500 : 50000;

  for (guint i = 0; i < rounds; i++)
    {
      g_autofree char *text = g_memdup2 (good_config, sizeof good_config);
      g_autoptr (GError) error = NULL;
      g_autoptr (ObInstance) instance = NULL;

      for (gint n = g_test_rand_int_range (1, 5); n > 0; n--)
        text[g_test_rand_int_range (0, sizeof good_config - 1)]
            = (char) g_test_rand_int_range (0, 256);
      instance = load_text (config, text, sizeof good_config - 1, &error);
      g_assert_true ((instance == NULL) == (error != NULL));
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/instance/parts", test_parts);
  g_test_add_func ("/instance/all-overlaps", test_all_overlaps);
  g_test_add_func ("/instance/one-overlap", test_one_overlap);
  g_test_add_func ("/instance/describe", test_describe);
  g_test_add ("/instance/round-trip", Config, NULL, config_set_up, test_round_trip,
              config_tear_down);
  g_test_add ("/instance/checks", Config, NULL, config_set_up, test_checks, config_tear_down);
  g_test_add ("/instance/good", Config, NULL, config_set_up, test_good, config_tear_down);
  g_test_add ("/instance/hostile", Config, NULL, config_set_up, test_hostile, config_tear_down);
  g_test_add ("/instance/mutations", Config, NULL, config_set_up, test_mutations,
              config_tear_down);

  return g_test_run ();
}
