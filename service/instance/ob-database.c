/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-database.h"

#include "ob-error.h"
#include "ob-postgres.h"
#include "ob-secret.h"

ObDatabaseConfig *
ob_database_config_copy (const ObDatabaseConfig *config)
{
  ObDatabaseConfig *copy = g_new0 (ObDatabaseConfig, 1);

  copy->host = g_strdup (config->host);
  copy->port = config->port;
  copy->name = g_strdup (config->name);
  copy->user = g_strdup (config->user);
  copy->password = g_strdup (config->password);
  copy->system_user = g_strdup (config->system_user);
  copy->system_password = g_strdup (config->system_password);
  copy->ssl_mode = g_strdup (config->ssl_mode);
  copy->ssl_root_cert = g_strdup (config->ssl_root_cert);
  return copy;
}

void
ob_database_config_free (ObDatabaseConfig *config)
{
  if (config == NULL)
    return;

  g_free (config->host);
  g_free (config->name);
  g_free (config->user);
  ob_secret_free (config->password);
  g_free (config->system_user);
  ob_secret_free (config->system_password);
  g_free (config->ssl_mode);
  g_free (config->ssl_root_cert);
  g_free (config);
}

/* methods of this room */

ObRole
ob_database_admin_role (const ObDatabaseConfig *config)
{
  return config->system_user != NULL && *config->system_user != '\0' ? OB_ROLE_SUPERUSER
                                                                      : OB_ROLE_OWNER;
}

ObPostgres *
ob_database_connect_admin (const ObDatabaseConfig *config, GCancellable *cancellable,
                           GError **error)
{
  g_autoptr (GError) first = NULL;
  ObRole role = ob_database_admin_role (config);
  ObPostgres *postgres = ob_postgres_connect (config, role, "postgres", cancellable, &first);

  /* The first error is the one that tells why. */
  if (postgres == NULL && !g_cancellable_is_cancelled (cancellable))
    postgres = ob_postgres_connect (config, role, "template1", cancellable, NULL);
  if (postgres != NULL)
    return postgres;
  if (role == OB_ROLE_OWNER && g_error_matches (first, OB_ERROR, OB_ERROR_CREDENTIALS_REJECTED))
    g_propagate_prefixed_error (error, g_steal_pointer (&first),
                                "Where the role \"%s\" is not there yet, the properties have to "
                                "name a superuser, bbdd.systemUser and bbdd.systemPassword. ",
                                config->user);
  else
    g_propagate_error (error, g_steal_pointer (&first));
  return NULL;
}

/* public methods */

gboolean
ob_database_has_activation_key (const ObDatabaseConfig *config,
                                gboolean *has_key,
                                GCancellable *cancellable,
                                GError **error)
{
  g_autoptr (ObPostgres) postgres = NULL;
  g_autoptr (GError) local_error = NULL;
  g_autofree char *column = NULL;
  g_autofree char *found = NULL;
  gboolean exists;

  *has_key = FALSE;
  if (!ob_database_exists (config, config->name, &exists, cancellable, error))
    return FALSE;
  if (!exists)
    return TRUE;

  postgres = ob_postgres_connect (config, OB_ROLE_OWNER, NULL, cancellable, error);
  if (postgres == NULL)
    return FALSE;
  column = ob_postgres_get_text (postgres,
                                 "SELECT 1 FROM pg_attribute"
                                 " WHERE attrelid = to_regclass ('public.ad_system')"
                                 " AND attname = 'activation_key' AND NOT attisdropped",
                                 NULL, cancellable, &local_error);
  if (local_error == NULL && column != NULL)
    found = ob_postgres_get_text (postgres,
                                  "SELECT 1 FROM public.ad_system"
                                  " WHERE activation_key IS NOT NULL LIMIT 1",
                                  NULL, cancellable, &local_error);
  if (local_error != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&local_error));
      return FALSE;
    }
  *has_key = found != NULL;
  return TRUE;
}
