/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-destination-call.h"

#include <string.h>

#include "ob-authorizer.h"
#include "ob-descriptor.h"
#include "ob-error.h"
#include "ob-object-path.h"
#include "ob-operations.h"
#include "ob-options.h"
#include "ob-rate-limit.h"
#include "ob-reply.h"
#include "ob-secret.h"

/* How long a client may take to send a secret, below the 25 seconds that the call has. */
#define CLIENT_SECONDS 10

#define LOCAL "local"
#define S3 "s3"
/* What takes the limit of the bandwidth away. */
#define NO_LIMIT "none"

static const ObOptionSpec options_of_add_local[] = {
  { "path", "s", TRUE },
  { "no-passphrase", "b", FALSE },
  { "existing", "b", FALSE },
  { "bandwidth-limit", "s", FALSE },
  { NULL, NULL, FALSE },
};

static const ObOptionSpec options_of_update_local[] = {
  { "path", "s", FALSE },
  { "bandwidth-limit", "s", FALSE },
  { NULL, NULL, FALSE },
};

/* What ObS3Settings has, and which type that is on the bus. */
#define S3_SETTINGS                                                                                \
  { "bucket", "s", FALSE }, { "prefix", "s", FALSE }, { "endpoint", "s", FALSE },                  \
    { "region", "s", FALSE }, { "style", "s", FALSE }, { "ca-file", "s", FALSE },                  \
    { "allow-http", "b", FALSE }, { "storage-class", "s", FALSE }, { "encryption", "s", FALSE },   \
    { "kms-key", "s", FALSE }, { "connections", "u", FALSE }, { "lock-days", "u", FALSE },         \
    { "lock-mode", "s", FALSE }, { "credentials", "s", FALSE },                                    \
    { "access-key", "s", FALSE }, { "profile", "s", FALSE }, { "profile-file", "s", FALSE }

static const ObOptionSpec options_of_add_s3[] = {
  S3_SETTINGS,
  { "no-passphrase", "b", FALSE },
  { "existing", "b", FALSE },
  { "bandwidth-limit", "s", FALSE },
  { NULL, NULL, FALSE },
};

static const ObOptionSpec options_of_update_s3[] = {
  S3_SETTINGS,
  { "reset", "as", FALSE },
  { "bandwidth-limit", "s", FALSE },
  { NULL, NULL, FALSE },
};

static const ObOptionSpec secrets_of_local[] = {
  { "passphrase", "h", FALSE },
  { NULL, NULL, FALSE },
};

static const ObOptionSpec secrets_of_s3[] = {
  { "passphrase", "h", FALSE },
  { "secret-key", "h", FALSE },
  { NULL, NULL, FALSE },
};

/* A call that goes on when the secrets have come. */
typedef struct
{
  ObManager *manager;
  GDBusMethodInvocation *invocation;
  char *name;
  ObDestination *destination; /* that is updated; NULL: one is added */
  gboolean is_s3;
  ObOptions *options, *secrets;
  char *passphrase, *secret_key;
} Call;

/* internal methods */

static void
call_free (Call *call)
{
  g_object_unref (call->manager);
  g_free (call->name);
  g_clear_pointer (&call->destination, ob_destination_unref);
  g_clear_pointer (&call->options, ob_options_free);
  g_clear_pointer (&call->secrets, ob_options_free);
  ob_secret_free (call->passphrase);
  ob_secret_free (call->secret_key);
  g_free (call);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Call, call_free)

static Call *
call_new (ObManager *manager, GDBusMethodInvocation *invocation, const char *name,
          gboolean is_s3)
{
  Call *call = g_new0 (Call, 1);

  call->manager = g_object_ref (manager);
  call->invocation = invocation;
  call->name = g_strdup (name);
  call->is_s3 = is_s3;
  return call;
}

/* Whether a setting is a number on the bus. */
static gboolean
is_number (const char *name)
{
  return strcmp (name, "connections") == 0 || strcmp (name, "lock-days") == 0;
}

/* The settings of the call on top of those that there were. */
static gboolean
take_settings (Call *call, ObS3Settings *settings, GError **error)
{
  const char *const *reset
    = call->destination != NULL ? ob_options_get_strings (call->options, "reset") : NULL;

  for (; reset != NULL && *reset != NULL; reset++)
    if (!ob_s3_settings_set (settings, *reset, NULL, error))
      return FALSE;
  for (const char *const *name = ob_s3_settings_get_names (); *name != NULL; name++)
    {
      g_autofree char *number = NULL;
      const char *value = NULL;

      if (!ob_options_has (call->options, *name))
        continue;
      if (strcmp (*name, "allow-http") == 0)
        value = ob_options_get_boolean (call->options, *name) ? "true" : "false";
      else if (is_number (*name))
        value = number = g_strdup_printf ("%u", ob_options_get_uint (call->options, *name));
      else
        value = ob_options_get_string (call->options, *name);
      if (!ob_s3_settings_set (settings, *name, value, error))
        return FALSE;
    }
  return TRUE;
}

static ObPlace *
make_s3_place (Call *call, GError **error)
{
  g_autoptr (ObS3Settings) settings
    = call->destination != NULL
        ? ob_s3_settings_copy (ob_place_get_s3 (ob_destination_get_place (call->destination)))
        : ob_s3_settings_new ();

  if (!take_settings (call, settings, error))
    return NULL;
  if (call->destination == NULL && call->secret_key == NULL
      && strcmp (ob_s3_settings_get_credentials (settings), "keys") == 0)
    {
      g_set_error_literal (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                           "The access-key needs its \"secret-key\"");
      return NULL;
    }
  return ob_place_new_s3 (settings, call->secret_key, error);
}

/* Where the destination is to be; NULL without error where that does not change. */
static ObPlace *
make_place (Call *call, GError **error)
{
  const char *path;

  if (call->is_s3)
    return make_s3_place (call, error);
  path = ob_options_get_string (call->options, "path");
  return path != NULL ? ob_place_new_local (path, error) : NULL;
}

/* Whose name is reserved, or which is held: from here it is released by whoever fails. */
static char *
start_add (Call *call, ObPlace *place, guint uid, GError **error)
{
  g_autoptr (ObDestination) destination
    = ob_destination_new (call->name, place, call->passphrase,
                          ob_options_get_boolean (call->options, "no-passphrase"), error);

  if (destination == NULL
      || !ob_destination_set_bandwidth_limit (
        destination, ob_options_get_string (call->options, "bandwidth-limit"), error))
    {
      ob_manager_release (call->manager, OB_FOLDER_DESTINATIONS, call->name);
      return NULL;
    }
  if (ob_options_get_boolean (call->options, "existing"))
    ob_destination_require_existing (destination);
  return ob_manager_start_set_up (
    call->manager,
    ob_add_destination_job_new (ob_manager_get_context (call->manager), destination, uid),
    destination, error);
}

static char *
start_update (Call *call, ObPlace *place, guint uid, GError **error)
{
  const char *limit = ob_options_get_string (call->options, "bandwidth-limit");
  ObJob *job = ob_update_destination_job_new (ob_manager_get_context (call->manager),
                                              call->destination, place, call->passphrase, uid);

  if (limit != NULL)
    ob_update_destination_job_set_limit (job, strcmp (limit, NO_LIMIT) == 0 ? NULL : limit);
  ob_manager_release (call->manager, OB_FOLDER_DESTINATIONS, call->name);
  return ob_manager_start_job (call->manager, job, error);
}

static void
start (Call *call)
{
  guint uid = ob_authorizer_get_caller (call->invocation);
  GError *error = NULL;
  g_autoptr (ObPlace) place = make_place (call, &error);
  g_autofree char *path = NULL;

  if (error != NULL)
    ob_manager_release (call->manager, OB_FOLDER_DESTINATIONS, call->name);
  else if (call->destination != NULL)
    path = start_update (call, place, uid, &error);
  else
    path = start_add (call, place, uid, &error);
  if (path == NULL)
    ob_reply_error (call->invocation, error);
  else
    g_dbus_method_invocation_return_value (call->invocation, g_variant_new ("(o)", path));
}

static void read_secrets (Call *call);

static void
on_secret (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (Call) call = user_data;
  GError *error = NULL;
  char *secret = ob_descriptor_read_secret_finish (result, &error);

  if (secret == NULL)
    {
      ob_manager_release (call->manager, OB_FOLDER_DESTINATIONS, call->name);
      ob_reply_error (call->invocation, error);
      return;
    }
  if (call->passphrase == NULL && ob_options_has (call->secrets, "passphrase"))
    call->passphrase = secret;
  else
    call->secret_key = secret;
  read_secrets (g_steal_pointer (&call));
}

/* One after the other, since a client may well write them in that order. Takes @call. */
static void
read_secrets (Call *call)
{
  int fd = -1;

  if (call->passphrase == NULL)
    fd = ob_options_get_fd (call->secrets, "passphrase");
  if (fd < 0 && call->is_s3 && call->secret_key == NULL)
    fd = ob_options_get_fd (call->secrets, "secret-key");
  if (fd >= 0)
    {
      ob_descriptor_read_secret (fd, CLIENT_SECONDS, call->manager, on_secret, call);
      return;
    }
  start (call);
  call_free (call);
}

static gboolean
check_secret (Call *call, const char *name, GError **error)
{
  int fd = ob_options_get_fd (call->secrets, name);

  return fd < 0 || ob_descriptor_check_source (fd, name, error);
}

/* What can be seen without the secrets themselves. */
static gboolean
check_secrets (Call *call, GError **error)
{
  if (call->destination == NULL && ob_options_has (call->secrets, "passphrase")
      && ob_options_get_boolean (call->options, "no-passphrase"))
    {
      g_set_error_literal (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                           "Give \"passphrase\" or \"no-passphrase\", not both");
      return FALSE;
    }
  return check_secret (call, "passphrase", error)
         && (!call->is_s3 || check_secret (call, "secret-key", error));
}

static gboolean
check_limit (Call *call, GError **error)
{
  const char *limit = ob_options_get_string (call->options, "bandwidth-limit");
  guint64 rate = 0;

  if (limit == NULL || ob_rate_limit_parse (limit, &rate)
      || (call->destination != NULL && strcmp (limit, NO_LIMIT) == 0))
    return TRUE;
  g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
               "The bandwidth limit \"%.32s\" has to be bytes a second as 500K, 10M or 1G, of 1K "
               "at least, or \"none\" to take it away",
               limit);
  return FALSE;
}

static gboolean
read_arguments (Call *call, const ObOptionSpec *specs, GVariant *options, GVariant *secrets,
                GUnixFDList *fds, GError **error)
{
  call->options = ob_options_read (options, specs, NULL, error);
  if (call->options == NULL)
    return FALSE;
  call->secrets
    = ob_options_read (secrets, call->is_s3 ? secrets_of_s3 : secrets_of_local, fds, error);
  return call->secrets != NULL && check_secrets (call, error) && check_limit (call, error);
}

/* public methods */

void
ob_destination_call_add (ObManager *manager, GDBusMethodInvocation *invocation, const char *name,
                         const char *kind, GVariant *options, GVariant *secrets, GUnixFDList *fds)
{
  gboolean is_s3 = strcmp (kind, S3) == 0;
  g_autoptr (Call) call = call_new (manager, invocation, name, is_s3);
  GError *error = NULL;

  if (!is_s3 && strcmp (kind, LOCAL) != 0)
    {
      ob_reply_error (invocation,
                      g_error_new (OB_ERROR, OB_ERROR_NOT_SUPPORTED,
                                   "There is no kind of destination \"%.64s\"; this version has "
                                   "\"local\" and \"s3\"",
                                   kind));
      return;
    }
  if (!read_arguments (call, is_s3 ? options_of_add_s3 : options_of_add_local, options, secrets,
                       fds, &error)
      || !ob_manager_reserve (manager, OB_FOLDER_DESTINATIONS, name, &error))
    {
      ob_reply_error (invocation, error);
      return;
    }
  read_secrets (g_steal_pointer (&call));
}

void
ob_destination_call_update (ObManager *manager, GDBusMethodInvocation *invocation,
                            ObDestination *destination, GVariant *options, GVariant *secrets,
                            GUnixFDList *fds)
{
  const char *name = ob_destination_get_name (destination);
  gboolean is_s3 = !ob_place_is_local (ob_destination_get_place (destination));
  g_autoptr (Call) call = call_new (manager, invocation, name, is_s3);
  GError *error = NULL;

  call->destination = ob_destination_ref (destination);
  if (read_arguments (call, is_s3 ? options_of_update_s3 : options_of_update_local, options,
                      secrets, fds, &error)
      && g_variant_n_children (options) == 0 && g_variant_n_children (secrets) == 0)
    g_set_error (&error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                 "There is nothing to change; give \"%s\" or \"passphrase\"",
                 is_s3 ? "bucket\", \"endpoint" : "path");
  if (error != NULL || !ob_manager_hold (manager, OB_FOLDER_DESTINATIONS, name, &error))
    {
      ob_reply_error (invocation, error);
      return;
    }
  read_secrets (g_steal_pointer (&call));
}

void
ob_destination_call_insert_settings (ObDestination *destination, GVariantDict *details)
{
  const ObS3Settings *settings = ob_place_get_s3 (ob_destination_get_place (destination));

  for (const char *const *name = ob_s3_settings_get_names ();
       settings != NULL && *name != NULL; name++)
    {
      const char *value = ob_s3_settings_get (settings, *name);

      if (value == NULL)
        continue;
      if (strcmp (*name, "allow-http") == 0)
        g_variant_dict_insert (details, *name, "b", strcmp (value, "true") == 0);
      else if (is_number (*name))
        g_variant_dict_insert (details, *name, "u", (guint) g_ascii_strtoull (value, NULL, 10));
      else
        g_variant_dict_insert (details, *name, "s", value);
    }
  if (settings != NULL)
    g_variant_dict_insert (details, "credentials", "s", ob_s3_settings_get_credentials (settings));
}
