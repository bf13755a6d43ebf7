/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Whether a connection is encrypted.
 *
 * What bbdd.props says of it holds. Where it says nothing, libpq encrypts whatever the server is
 * able to ("prefer"), and on Debian a server is. Towards a server on this host that protects from
 * nobody: who reads the loopback interface is root, and the server's certificate is not looked at in
 * either case. But all rows would be encrypted here and decrypted there, an eighth of the processor
 * time that a COPY takes. So those connections are made without, once a server has been seen to be
 * here, unless it wants it: what pg_hba.conf has as "hostssl" alone is refused without.
 *
 * "localhost" does not say that the server is here: a proxy may listen there, and the server be far
 * away. So the first connection is made as to any other server, and the server is asked for the
 * address by which it was reached. That of a tunnel's far end is its loopback, too; but the tunnel
 * encrypts. Each later connection asks it again before anything else, since the server may move
 * away, behind such a proxy, for as long as we live.
 */
#include "ob-postgres-private.h"

#include <pthread.h>
#include <string.h>

/* What is known of a server. */
typedef enum
{
  UNKNOWN,
  IS_HERE, /* on this host */
  WANTS_ENCRYPTION,
} Knowledge;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static GHashTable *known; /* of servers as they are described: Knowledge */

/* internal methods */

static Knowledge
recall (const ObDatabaseConfig *config)
{
  g_autofree char *server = ob_postgres_describe_server (config);
  Knowledge knowledge = UNKNOWN;

  pthread_mutex_lock (&mutex);
  if (known != NULL)
    knowledge = GPOINTER_TO_INT (g_hash_table_lookup (known, server));
  pthread_mutex_unlock (&mutex);
  return knowledge;
}

static void
remember (const ObDatabaseConfig *config, Knowledge knowledge)
{
  pthread_mutex_lock (&mutex);
  if (known == NULL)
    known = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_hash_table_insert (known, ob_postgres_describe_server (config), GINT_TO_POINTER (knowledge));
  pthread_mutex_unlock (&mutex);
}

static gboolean
is_loopback (const char *text)
{
  g_autoptr (GInetAddress) address = g_inet_address_new_from_string (text);

  return address != NULL && g_inet_address_get_is_loopback (address);
}

/* Whether it was reached by an address of this host, as it says itself. */
static gboolean
is_here (ObPostgres *postgres, GCancellable *cancellable)
{
  g_autofree char *address
    = ob_postgres_get_text (postgres, "SELECT pg_catalog.host (pg_catalog.inet_server_addr ())",
                            NULL, cancellable, NULL);

  return address != NULL && is_loopback (address);
}

/* methods of this room */

const char *
ob_postgres_choose_ssl_mode (const ObDatabaseConfig *config, const char *without)
{
  return config->ssl_mode == NULL && recall (config) == IS_HERE ? without : config->ssl_mode;
}

gboolean
ob_postgres_may_want_encryption (const char *sqlstate)
{
  /* pg_hba.conf's refusal is one of class 28, a pooler's one of class 08; a wrong password stays
   * wrong. */
  return (g_str_has_prefix (sqlstate, "28") && strcmp (sqlstate, "28P01") != 0)
         || g_str_has_prefix (sqlstate, "08");
}

void
ob_postgres_learn_encryption (const ObDatabaseConfig *config, ObPostgres *postgres,
                              gboolean was_refused, GCancellable *cancellable)
{
  if (config->ssl_mode != NULL || PQsslInUse (ob_postgres_get_connection (postgres)) == 0)
    return;
  if (was_refused)
    remember (config, WANTS_ENCRYPTION);
  if (was_refused || !ob_postgres_is_local (config) || recall (config) != UNKNOWN)
    return;
  if (is_here (postgres, cancellable))
    remember (config, IS_HERE);
}

gboolean
ob_postgres_is_still_here (const ObDatabaseConfig *config, ObPostgres *postgres,
                           GCancellable *cancellable)
{
  if (is_here (postgres, cancellable))
    return TRUE;
  remember (config, UNKNOWN);
  return FALSE;
}

/* public methods */

gboolean
ob_postgres_is_local (const ObDatabaseConfig *config)
{
  return *config->host == '/' || strcmp (config->host, "localhost") == 0
         || is_loopback (config->host);
}
