/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Connections without encryption, to a server that is on this host, and then is not. */
#include "database-fixture.h"

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ob-child.h"
#include "slow-relay.h"

/* helpers */

/* With a certificate that nobody knows, as on Debian. */
static void
enable_encryption (Database *database)
{
  g_autofree char *certificate = database_make_path ("data/server.crt");
  g_autofree char *key = database_make_path ("data/server.key");
  const char *const argv[]
    = { "/usr/bin/openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj",
        "/CN=localhost", "-out", certificate, "-keyout", key, NULL };
  ObChildSpec spec = { .argv = argv };
  const struct passwd *user = getpwnam ("postgres");
  g_autoptr (GError) error = NULL;

  ob_child_run (&spec, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpint (chmod (key, 0600), ==, 0);
  g_assert_cmpint (chown (key, user->pw_uid, user->pw_gid), ==, 0);
  g_assert_cmpint (chown (certificate, user->pw_uid, user->pw_gid), ==, 0);
  database_run (database, OB_ROLE_SUPERUSER, NULL, "ALTER SYSTEM SET ssl TO on");
  database_run (database, OB_ROLE_SUPERUSER, NULL, "SELECT pg_reload_conf ()");
}

static gboolean
is_encrypted (const ObDatabaseConfig *config)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ObPostgres) postgres
    = ob_postgres_connect (config, OB_ROLE_OWNER, NULL, NULL, &error);

  g_assert_no_error (error);
  return PQsslInUse (ob_postgres_get_connection (postgres)) != 0;
}

/* tests */

/* What listens on localhost is a proxy, and leads elsewhere from some time on. */
static void
test_moves_away (Database *database, gconstpointer data)
{
  g_autoptr (ObDatabaseConfig) config = NULL;
  SlowRelay *relay;

  database_or_skip (database);
  enable_encryption (database);
  config = ob_database_config_copy (database->config);
  relay = slow_relay_new (config->port);
  config->port = slow_relay_get_port (relay);
  for (guint i = 0; i < 100 && !is_encrypted (config); i++)
    g_usleep (50 * 1000);
  g_assert_false (is_encrypted (config));
  slow_relay_lie (relay);
  g_assert_true (is_encrypted (config));
  slow_relay_free (relay);
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  server_start ();
  g_test_add ("/postgres-encryption/moves-away", Database, NULL, database_set_up, test_moves_away,
              database_tear_down);
  status = g_test_run ();
  server_stop ();
  return status;
}
