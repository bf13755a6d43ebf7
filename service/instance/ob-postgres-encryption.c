/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Whether a connection is encrypted.
 *
 * What bbdd.props says of it holds. Where it says nothing, libpq encrypts whatever the server is
 * able to ("prefer"), and on Debian a server is. To a server on this host that protects from nobody:
 * who reads the loopback interface is root, and the server's certificate is not looked at in either
 * case. But all rows would be encrypted here and decrypted there, an eighth of the processor time
 * that a COPY takes. So those connections are made without, unless the server wants it: what
 * pg_hba.conf has as "hostssl" alone is refused without.
 */
#include "ob-postgres-private.h"

#include <pthread.h>
#include <string.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static GHashTable *strict; /* servers of this host that want it, as they are described */

/* internal methods */

static gboolean
is_strict (const ObDatabaseConfig *config)
{
  g_autofree char *server = ob_postgres_describe_server (config);
  gboolean found;

  pthread_mutex_lock (&mutex);
  found = strict != NULL && g_hash_table_contains (strict, server);
  pthread_mutex_unlock (&mutex);
  return found;
}

/* methods of this room */

const char *
ob_postgres_choose_ssl_mode (const ObDatabaseConfig *config, const char *without)
{
  if (config->ssl_mode != NULL)
    return config->ssl_mode;
  /* A socket has no encryption at all. */
  return *config->host != '/' && ob_postgres_is_local (config) && !is_strict (config) ? without
                                                                                      : NULL;
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
ob_postgres_remember_encryption (const ObDatabaseConfig *config)
{
  pthread_mutex_lock (&mutex);
  if (strict == NULL)
    strict = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_hash_table_add (strict, ob_postgres_describe_server (config));
  pthread_mutex_unlock (&mutex);
}

/* public methods */

gboolean
ob_postgres_is_local (const ObDatabaseConfig *config)
{
  g_autoptr (GInetAddress) address = NULL;

  if (*config->host == '/' || strcmp (config->host, "localhost") == 0)
    return TRUE;
  address = g_inet_address_new_from_string (config->host);
  return address != NULL && g_inet_address_get_is_loopback (address);
}
