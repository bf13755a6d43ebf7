/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-instance-settings.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ob-error.h"
#include "ob-instance-path.h"
#include "ob-instance-private.h"
#include "ob-io.h"
#include "ob-jdbc-url.h"
#include "ob-properties-edit.h"
#include "ob-secret.h"

#define FILE_NAME "Openbravo.properties"

/* What is to be said, and the file that is to say it. */
typedef struct
{
  ObInstance *instance;
  const ObInstanceCopy *copy;
  ObProperties *properties;
  gboolean complete;    /* what the file does not say is added; else only what it says is looked
                         * at */
  GHashTable *settings; /* key → value: what has to be changed */
} Settlement;

/* internal methods */

static void
wipe (gpointer value)
{
  ob_secret_free (value);
}

static gboolean
is_looked_at (const Settlement *self, const char *key)
{
  return self->complete || ob_properties_get (self->properties, key) != NULL;
}

static void
want (Settlement *self, const char *key, const char *value)
{
  if (value != NULL && is_looked_at (self, key)
      && g_strcmp0 (ob_properties_get (self->properties, key), value) != 0)
    g_hash_table_insert (self->settings, g_strdup (key), g_strdup (value));
}

/* Not where it is another word for the same server. */
static void
want_server (Settlement *self, const ObDatabaseConfig *database)
{
  const char *url = ob_properties_get (self->properties, "bbdd.url");
  g_autoptr (ObJdbcUrl) parsed
    = url != NULL ? ob_jdbc_url_parse (url, NULL, NULL, NULL) : NULL;
  gboolean is_address = strchr (database->host, ':') != NULL;
  g_autofree char *wanted = g_strdup_printf ("jdbc:postgresql://%s%s%s:%u", is_address ? "[" : "",
                                             database->host, is_address ? "]" : "",
                                             database->port);

  if (parsed == NULL || strcmp (parsed->host, database->host) != 0
      || parsed->port != database->port)
    want (self, "bbdd.url", wanted);
}

/* Not where links lead to the same place. */
static void
want_path (Settlement *self, const char *key, const char *path)
{
  g_autofree char *said = ob_properties_expand (self->properties, key, NULL);
  g_autofree char *resolved = said != NULL ? ob_instance_path_resolve (said, NULL, NULL) : NULL;

  if (g_strcmp0 (resolved, path) != 0)
    want (self, key, path);
}

static void
want_paths (Settlement *self)
{
  const ObInstanceCopy *copy = self->copy;
  const char *sources = copy != NULL ? copy->sources : self->instance->paths[OB_TREE_SOURCES];
  const char *attachments
    = copy != NULL ? copy->attachments : self->instance->paths[OB_TREE_ATTACHMENTS];
  const char *reprintables = copy == NULL ? self->instance->paths[OB_TREE_REPRINTABLES] : NULL;
  g_autofree char *usual = g_build_filename (attachments, "reprintable", NULL);

  want_path (self, "source.path", sources);
  want_path (self, "attach.path", attachments);
  if (reprintables != NULL)
    want_path (self, "reprintable.path", reprintables);
  else if (ob_properties_get (self->properties, "reprintable.path") != NULL)
    want_path (self, "reprintable.path", usual);
}

static void
settle (Settlement *self)
{
  const ObDatabaseConfig *database = self->instance->database;

  want_server (self, database);
  want (self, "bbdd.sid", self->copy != NULL ? self->copy->database : database->name);
  want (self, "bbdd.user", database->user);
  want (self, "bbdd.password", database->password);
  want (self, "bbdd.systemUser", database->system_user);
  want (self, "bbdd.systemPassword", database->system_password);
  want_paths (self);
}

static gboolean
settle_file (ObInstance *instance, const ObInstanceCopy *copy, int dirfd, const char *name,
             gboolean complete, guint *n_changed, GError **error)
{
  g_autoptr (GError) local_error = NULL;
  g_autoptr (GBytes) bytes = ob_read_file_at (dirfd, name, OB_PROPERTIES_MAX_SIZE, &local_error);
  g_autoptr (ObProperties) properties = NULL;
  g_autoptr (GHashTable) settings = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, wipe);
  Settlement self
    = { .instance = instance, .copy = copy, .complete = complete, .settings = settings };

  if (bytes == NULL)
    {
      if (g_error_matches (local_error, OB_ERROR, OB_ERROR_NOT_FOUND))
        return TRUE;
      g_propagate_error (error, g_steal_pointer (&local_error));
      return FALSE;
    }
  properties = ob_properties_parse (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), name,
                                    error);
  if (properties == NULL)
    return FALSE;
  self.properties = properties;
  settle (&self);
  if (g_hash_table_size (settings) == 0)
    return TRUE;
  (*n_changed)++;
  return ob_properties_edit_file_at (dirfd, name, settings,
                                     complete ? OB_PROPERTIES_EDIT_ALL : OB_PROPERTIES_EDIT_PRESENT,
                                     name, error);
}

/* public methods */

gboolean
ob_instance_settle_settings (ObInstance *instance, const ObInstanceCopy *copy, int dirfd,
                             guint *n_changed, GError **error)
{
  const char *machine
    = instance->machine_name != NULL ? instance->machine_name : g_get_host_name ();
  g_autofree char *override = g_strconcat (machine, "." FILE_NAME, NULL);
  struct stat before = { 0 };

  *n_changed = 0;
  if (fstat (dirfd, &before) < 0)
    return TRUE;
  if (!settle_file (instance, copy, dirfd, FILE_NAME, TRUE, n_changed, error)
      || (strchr (override, '/') == NULL
          && !settle_file (instance, copy, dirfd, override, FALSE, n_changed, error)))
    return FALSE;
  if (*n_changed > 0)
    futimens (dirfd, (const struct timespec[]){ before.st_atim, before.st_mtim });
  return TRUE;
}
