/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "database-fixture.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <netinet/in.h>
#include <pwd.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ob-child.h"
#include "ob-fd.h"
#include "ob-io.h"

/* With what a pass file has to escape. */
#define SUPERUSER_PASSWORD "super:pass\\word"
#define OWNER_PASSWORD "tad-contraseña"
#define SECONDS_TO_START 60

static struct
{
  char *directory;
  char *bin;
  guint port;
  ObChild *postgres;
} server;

/* the server */

static char *
find_programs (void)
{
  for (guint major = 30; major >= 12; major--)
    {
      g_autofree char *bin = g_strdup_printf ("/usr/lib/postgresql/%u/bin", major);
      g_autofree char *initdb = g_build_filename (bin, "initdb", NULL);

      if (access (initdb, X_OK) == 0)
        return g_steal_pointer (&bin);
    }
  return NULL;
}

static guint
find_port (void)
{
  ob_autofd int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_in address
    = { .sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  socklen_t size = sizeof address;

  g_assert_cmpint (bind (fd, (struct sockaddr *) &address, size), ==, 0);
  g_assert_cmpint (getsockname (fd, (struct sockaddr *) &address, &size), ==, 0);
  return ntohs (address.sin_port);
}

static void
make_cluster (const char *data)
{
  g_autofree char *program = g_build_filename (server.bin, "initdb", NULL);
  g_autofree char *pwfile = g_build_filename (server.directory, "pwfile", NULL);
  g_autofree char *pwfile_option = g_strdup_printf ("--pwfile=%s", pwfile);
  const char *const argv[] = { program, "--pgdata", data, "--username=postgres", pwfile_option,
                               "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8",
                               "--no-sync", NULL };
  ObChildSpec spec = { .argv = argv, .user = "postgres" };
  g_autoptr (GError) error = NULL;

  g_file_set_contents (pwfile, SUPERUSER_PASSWORD "\n", -1, &error);
  g_assert_no_error (error);
  g_assert_cmpint (chmod (pwfile, 0644), ==, 0);
  ob_child_run (&spec, NULL, &error);
  g_assert_no_error (error);
}

static void
run_postgres (const char *data)
{
  g_autofree char *program = g_build_filename (server.bin, "postgres", NULL);
  g_autofree char *port = g_strdup_printf ("port=%u", server.port);
  g_autofree char *sockets = g_strdup_printf ("unix_socket_directories=%s", server.directory);
  const char *const argv[]
    = { program, "-D", data, "-c", port, "-c", sockets, "-c", "listen_addresses=127.0.0.1", "-c",
        "fsync=off", "-c", "full_page_writes=off", "-c", "max_connections=60", "-c",
        "logging_collector=on", NULL };
  ObChildSpec spec = { .argv = argv, .user = "postgres" };
  g_autoptr (GError) error = NULL;

  server.postgres = ob_child_start (&spec, &error);
  g_assert_no_error (error);
}

static ObDatabaseConfig *
make_config (const char *name)
{
  ObDatabaseConfig *config = g_new0 (ObDatabaseConfig, 1);

  config->host = g_strdup ("127.0.0.1");
  config->port = server.port;
  config->name = g_strdup (name);
  config->user = g_strdup (OWNER);
  config->password = g_strdup (OWNER_PASSWORD);
  config->system_user = g_strdup ("postgres");
  config->system_password = g_strdup (SUPERUSER_PASSWORD);
  return config;
}

static void
run_in (const char *name, ObRole role, const char *sql)
{
  g_autoptr (ObDatabaseConfig) config = make_config (name);
  g_autoptr (GError) error = NULL;
  g_autoptr (ObPostgres) postgres = ob_postgres_connect (config, role, NULL, NULL, &error);

  g_assert_no_error (error);
  ob_postgres_run (postgres, NULL, &error, sql);
  g_assert_no_error (error);
}

static void
await_server (void)
{
  g_autoptr (ObDatabaseConfig) config = make_config ("postgres");

  for (guint i = 0; i < SECONDS_TO_START * 20; i++)
    {
      g_autoptr (ObPostgres) postgres
        = ob_postgres_connect (config, OB_ROLE_SUPERUSER, NULL, NULL, NULL);

      if (postgres != NULL)
        return;
      g_usleep (50 * 1000);
    }
  g_error ("PostgreSQL does not start");
}

gboolean
server_start (void)
{
  g_autofree char *data = NULL;
  g_autoptr (GError) error = NULL;
  struct passwd *user = getpwnam ("postgres");

  /* An archive that cannot be loaded is not read to its end. */
  signal (SIGPIPE, SIG_IGN);
  server.bin = find_programs ();
  if (geteuid () != 0 || server.bin == NULL || user == NULL)
    return FALSE;
  server.directory = g_dir_make_tmp ("ob-test-XXXXXX", &error);
  g_assert_no_error (error);
  g_assert_cmpint (chmod (server.directory, 0755), ==, 0);
  g_assert_cmpint (chown (server.directory, user->pw_uid, user->pw_gid), ==, 0);
  data = g_build_filename (server.directory, "data", NULL);
  make_cluster (data);
  server.port = find_port ();
  run_postgres (data);
  await_server ();
  run_in ("postgres", OB_ROLE_SUPERUSER,
          "CREATE ROLE " OWNER " LOGIN CREATEDB CREATEROLE PASSWORD '" OWNER_PASSWORD "'");
  run_in ("postgres", OB_ROLE_SUPERUSER, "CREATE ROLE " READER " LOGIN PASSWORD 'reader'");
  return TRUE;
}

void
server_stop (void)
{
  g_autoptr (GError) error = NULL;

  if (server.postgres != NULL)
    {
      g_clear_pointer (&server.postgres, ob_child_free);
      ob_remove_tree_at (AT_FDCWD, server.directory, NULL, &error);
      g_assert_no_error (error);
    }
  g_clear_pointer (&server.directory, g_free);
  g_clear_pointer (&server.bin, g_free);
}

/* what a test leaves */

static guint
count_fds (void)
{
  g_autoptr (GDir) directory = g_dir_open ("/proc/self/fd", 0, NULL);
  guint count = 0;

  while (g_dir_read_name (directory) != NULL)
    count++;
  return count;
}

GArray *
find_children (const char *name)
{
  GArray *found = g_array_new (FALSE, FALSE, sizeof (guint));
  g_autoptr (GDir) directory = g_dir_open ("/proc", 0, NULL);
  const char *entry;

  while ((entry = g_dir_read_name (directory)) != NULL)
    {
      g_autofree char *path = g_build_filename ("/proc", entry, "stat", NULL);
      g_autofree char *text = NULL;
      char comm[64], state;
      guint pid, parent;

      if (g_ascii_isdigit (*entry) && g_file_get_contents (path, &text, NULL, NULL)
          && sscanf (text, "%u (%63[^)]) %c %u", &pid, comm, &state, &parent) == 4
          && parent == (guint) getpid () && strcmp (comm, name) == 0)
        g_array_append_val (found, pid);
    }
  return found;
}

/* databases */

static void
on_warning (const char *message, gboolean lost, gpointer user_data)
{
  Database *database = user_data;

  g_ptr_array_add (database->warnings, g_strconcat (lost ? "LOST: " : "", message, NULL));
}

void
database_set_up (Database *database, gconstpointer data)
{
  if (server.postgres == NULL)
    return;
  database->config = make_config ("erp");
  database->no_superuser = make_config ("erp");
  g_clear_pointer (&database->no_superuser->system_user, g_free);
  g_clear_pointer (&database->no_superuser->system_password, g_free);
  database->warnings = g_ptr_array_new_with_free_func (g_free);
  database->progress = ob_progress_new (NULL, on_warning, database);
  run_in ("postgres", OB_ROLE_SUPERUSER,
          "CREATE DATABASE erp OWNER " OWNER " TEMPLATE template0 ENCODING 'UTF8'"
          " LC_COLLATE 'C.UTF-8' LC_CTYPE 'C.UTF-8' CONNECTION LIMIT 30");
  database->n_fds = count_fds ();
}

void
database_tear_down (Database *database, gconstpointer data)
{
  static const char *const names[]
    = { "erp", "copy", "kept", "staged", "moving", "doomed", "thief" };
  g_autoptr (GArray) left = NULL;

  if (database->config == NULL)
    return;
  /* A statement is cancelled by a thread of its own, which may be at it still. */
  for (guint i = 0; i < 200 && count_fds () != database->n_fds; i++)
    g_usleep (10 * 1000);
  g_assert_cmpuint (count_fds (), ==, database->n_fds);
  left = find_children ("pg_dump");
  g_assert_cmpuint (left->len, ==, 0);
  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *sql
        = g_strdup_printf ("DROP DATABASE IF EXISTS %s WITH (FORCE)", names[i]);

      run_in ("postgres", OB_ROLE_SUPERUSER, sql);
    }
  ob_progress_unref (database->progress);
  g_ptr_array_unref (database->warnings);
  ob_database_config_free (database->config);
  ob_database_config_free (database->no_superuser);
}

void
database_run (Database *database, ObRole role, const char *name, const char *sql)
{
  run_in (name != NULL ? name : "erp", role, sql);
}

char *
database_ask (Database *database, const char *name, const char *sql)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ObPostgres) postgres
    = ob_postgres_connect (database->config, OB_ROLE_SUPERUSER, name, NULL, &error);
  char *text;

  g_assert_no_error (error);
  text = ob_postgres_get_text (postgres, sql, NULL, NULL, &error);
  g_assert_no_error (error);
  return text;
}

ObPostgres *
database_connect (Database *database, ObRole role)
{
  g_autoptr (GError) error = NULL;
  ObPostgres *postgres = ob_postgres_connect (database->config, role, NULL, NULL, &error);

  g_assert_no_error (error);
  return postgres;
}

/* Transfer full. */
static char *
build_conninfo (ObRole role)
{
  return g_strdup_printf ("host=127.0.0.1 port=%u dbname=erp user=%s", server.port,
                          role == OB_ROLE_OWNER ? OWNER : "postgres");
}

/* One of the server's, with its passwords. */
static void
run_program (Database *database, const char *const *argv)
{
  g_autoptr (ObPassFile) pass_file = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *pass_variable = NULL;
  const char *environment[] = { "PATH=/usr/bin:/bin", "LANG=C.UTF-8", NULL, NULL };
  ObChildSpec spec = { .argv = argv, .environment = environment };
  int pass_fd = -1;

  pass_file = ob_pass_file_new (database->config, &error);
  g_assert_no_error (error);
  pass_fd = ob_pass_file_get_fd (pass_file);
  spec.keep_fds = &pass_fd;
  spec.n_keep_fds = 1;
  pass_variable = g_strconcat ("PGPASSFILE=", ob_pass_file_get_path (pass_file), NULL);
  environment[2] = pass_variable;
  ob_child_run (&spec, NULL, &error);
  g_assert_no_error (error);
}

void
database_run_file (Database *database, ObRole role, const char *file)
{
  g_autofree char *psql = g_build_filename (server.bin, "psql", NULL);
  g_autofree char *path = g_build_filename (TESTS_LIB, file, NULL);
  g_autofree char *conninfo = build_conninfo (role);
  const char *const argv[]
    = { psql, "-X", "-q", "-o", "/dev/null", "-v", "ON_ERROR_STOP=1", "-v", "database=erp", "-v",
        "owner=" OWNER, "-v", "reader=" READER, "-v", "seed=1", "-v", "orders=200", "-v",
        "images=3", "-v", "imagebytes=30000", "-d", conninfo, "-f", path, NULL };

  run_program (database, argv);
}

char *
database_make_path (const char *name)
{
  return g_build_filename (server.directory, name, NULL);
}

void
database_fill (Database *database)
{
  database_run_file (database, OB_ROLE_SUPERUSER, "schema-superuser.sql");
  database_run_file (database, OB_ROLE_OWNER, "schema.sql");
  database_run_file (database, OB_ROLE_SUPERUSER, "schema-superuser-after.sql");
  database_run_file (database, OB_ROLE_OWNER, "data.sql");
}

static void
append_result (ObPostgres *postgres, GString *text, const char *sql)
{
  g_autoptr (GError) error = NULL;
  PGresult *result = ob_postgres_query (postgres, sql, NULL, NULL, &error);

  g_assert_no_error (error);
  for (int row = 0; row < PQntuples (result); row++)
    for (int i = 0; i < PQnfields (result); i++)
      g_string_append_printf (text, "%s%s", PQgetvalue (result, row, i),
                              i + 1 < PQnfields (result) ? " " : "\n");
  PQclear (result);
}

char *
database_describe (Database *database, const char *name)
{
  GString *text = g_string_new (NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (ObPostgres) postgres
    = ob_postgres_connect (database->config, OB_ROLE_SUPERUSER, name, NULL, &error);
  PGresult *relations;

  g_assert_no_error (error);
  relations = ob_postgres_query (
    postgres,
    "SELECT format ('%I.%I', nspname, relname), relkind,"
    "       CASE WHEN NOT relispopulated THEN 'SELECT ''empty'''"
    "            WHEN relkind = 'S' THEN format ('SELECT last_value, is_called FROM %I.%I',"
    "                                            nspname, relname)"
    "            ELSE format ('SELECT count(*), sum (hashtextextended (t::text, 0)::numeric)"
    "                          FROM ONLY %I.%I t', nspname, relname) END"
    "  FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace"
    " WHERE relkind IN ('r', 'm', 'S') AND nspname !~ '^pg_' AND nspname <> 'information_schema'"
    " ORDER BY 1",
    NULL, NULL, &error);
  g_assert_no_error (error);
  for (int row = 0; row < PQntuples (relations); row++)
    {
      g_string_append_printf (text, "%s ", PQgetvalue (relations, row, 0));
      append_result (postgres, text, PQgetvalue (relations, row, 2));
    }
  PQclear (relations);
  append_result (postgres, text,
                 "SELECT oid, lomacl, pg_get_userbyid (lomowner), md5 (lo_get (oid))"
                 "  FROM pg_largeobject_metadata ORDER BY oid");
  return g_string_free (text, FALSE);
}

/* archives */

typedef struct
{
  ObDatabaseDump *dump;
  guint index;
  GByteArray *bytes;
  GCancellable *cancellable;
  GError *error;
} Reading;

static gpointer
read_stream (gpointer data)
{
  Reading *reading = data;
  ob_autofd int fd
    = ob_database_dump_open (reading->dump, reading->index, reading->cancellable, &reading->error);
  guint8 buffer[65536];
  gssize size;

  if (fd < 0)
    return NULL;
  while ((size = read (fd, buffer, sizeof buffer)) > 0)
    g_byte_array_append (reading->bytes, buffer, (guint) size);
  ob_fd_clear (&fd);
  ob_database_dump_close (reading->dump, reading->index, reading->cancellable, &reading->error);
  return NULL;
}

static gboolean
read_streams (ObDatabaseDump *dump, Archives *archives, GCancellable *cancellable, GError **error)
{
  guint n = ob_database_dump_get_n_streams (dump);
  g_autofree Reading *readings = g_new0 (Reading, n);
  g_autoptr (GPtrArray) threads = g_ptr_array_new ();
  gboolean ok = TRUE;

  for (guint i = 0; i < n; i++)
    {
      g_ptr_array_add (archives->names, g_strdup (ob_database_dump_get_stream_name (dump, i)));
      g_ptr_array_add (archives->archives, g_byte_array_new ());
      readings[i] = (Reading){ dump, i, g_ptr_array_index (archives->archives, i), cancellable,
                               NULL };
      g_ptr_array_add (threads, g_thread_new ("read", read_stream, &readings[i]));
    }
  g_ptr_array_add (archives->names, NULL);
  for (guint i = 0; i < n; i++)
    {
      g_thread_join (g_ptr_array_index (threads, i));
      if (readings[i].error == NULL)
        continue;
      if (ok)
        g_propagate_error (error, readings[i].error);
      else
        g_error_free (readings[i].error);
      ok = FALSE;
    }
  return ok;
}

Archives *
archives_dump (const ObDatabaseConfig *config,
               guint n_parallel,
               guint lock_timeout,
               ObProgress *progress,
               GCancellable *cancellable,
               GError **error)
{
  g_autoptr (Archives) archives = g_new0 (Archives, 1);
  g_autoptr (ObDatabaseDump) dump = NULL;

  archives->names = g_ptr_array_new_with_free_func (g_free);
  archives->archives = g_ptr_array_new_with_free_func ((GDestroyNotify) g_byte_array_unref);
  archives->n_parallel = 2;
  dump = ob_database_dump_begin (config, n_parallel, lock_timeout, progress, cancellable, error);
  if (dump == NULL || !read_streams (dump, archives, cancellable, error))
    return NULL;
  archives->facts = ob_database_dump_describe (dump, cancellable, error);
  return archives->facts != NULL ? g_steal_pointer (&archives) : NULL;
}

/* NULL where there is none, or it is to be taken for a broken one. */
static GByteArray *
find_archive (Archives *archives, const char *stream, GError **error)
{
  if (g_strcmp0 (stream, archives->broken) == 0)
    {
      g_atomic_int_inc (&archives->n_broken);
      g_set_error (error, OB_ERROR, OB_ERROR_CORRUPT, "%s is damaged", stream);
      return NULL;
    }
  for (guint i = 0; i < archives->archives->len; i++)
    if (strcmp (g_ptr_array_index (archives->names, i), stream) == 0)
      return g_ptr_array_index (archives->archives, i);
  g_set_error (error, OB_ERROR, OB_ERROR_NOT_FOUND, "no %s", stream);
  return NULL;
}

static gboolean
feed (const char *stream, int fd, gpointer user_data, GCancellable *cancellable, GError **error)
{
  const GByteArray *bytes = find_archive (user_data, stream, error);

  return bytes != NULL
         && (ob_write_full (fd, bytes->data, bytes->len)
             || ob_set_error_errno (error, EPIPE, "The pipe broke"));
}

/* In pieces of an odd size, so that everything lies across the end of one at times. */
typedef struct
{
  const GByteArray *bytes;
  gsize at;
} Reader;

static gpointer
open_reader (const char *stream, gpointer user_data, GCancellable *cancellable, GError **error)
{
  const GByteArray *bytes = find_archive (user_data, stream, error);
  Reader *reader;

  if (bytes == NULL)
    return NULL;
  reader = g_new0 (Reader, 1);
  reader->bytes = bytes;
  return reader;
}

static gboolean
next_of_reader (gpointer data, const guint8 **bytes, gsize *size, GError **error)
{
  Reader *reader = data;

  *bytes = reader->bytes->data + reader->at;
  *size = MIN (reader->bytes->len - reader->at, 65537);
  reader->at += *size;
  return TRUE;
}

static const ObDatabaseSource source = { feed, open_reader, next_of_reader, g_free };

gboolean
archives_restore (Archives *archives, const ObDatabaseConfig *config, const char *target,
                  ObProgress *progress, GError **error)
{
  ObDatabaseRestore restore = { .target = target,
                                .facts = archives->facts,
                                .streams = (const char *const *) archives->names->pdata,
                                .n_parallel = archives->n_parallel,
                                .source = &source,
                                .user_data = archives };

  return ob_database_restore (config, &restore, progress, NULL, error);
}

void
archives_compress (Archives *archives, Database *database)
{
  g_autofree char *pg_dump = g_build_filename (server.bin, "pg_dump", NULL);
  g_autofree char *path = g_build_filename (server.directory, "compressed.dump", NULL);
  g_autofree char *conninfo = build_conninfo (OB_ROLE_SUPERUSER);
  const char *const argv[] = { pg_dump, "--format=custom", "--compress=1", "--section=data", "-B",
                               "--file", path, "--dbname", conninfo, NULL };
  g_autoptr (GError) error = NULL;
  char *data = NULL;
  gsize size = 0;

  run_program (database, argv);
  g_file_get_contents (path, &data, &size, &error);
  g_assert_no_error (error);
  g_unlink (path);
  g_assert_cmpuint (archives->archives->len, >, 1);
  g_assert_cmpstr (g_ptr_array_index (archives->names, 1), ==, "data-1.dump");
  g_byte_array_unref (archives->archives->pdata[1]);
  archives->archives->pdata[1] = g_byte_array_new_take ((guint8 *) data, size);
}

void
archives_free (Archives *archives)
{
  if (archives == NULL)
    return;
  g_ptr_array_unref (archives->names);
  g_ptr_array_unref (archives->archives);
  g_clear_pointer (&archives->facts, json_object_unref);
  g_free (archives);
}
