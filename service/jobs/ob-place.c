/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ob-aws-sources.h"
#include "ob-cache-store.h"
#include "ob-error.h"
#include "ob-fd.h"
#include "ob-http-checkup.h"
#include "ob-io.h"
#include "ob-local-store.h"
#include "ob-path.h"
#include "ob-s3-store.h"
#include "ob-secret.h"

#define LOCAL "local"
#define S3 "s3"

struct _ObPlace
{
  gatomicrefcount references;
  char *path;
  ObS3Settings *s3; /* NULL: it is a directory */
  char *secret;     /* not kept yet, or NULL */
};

/* internal methods */

static ObPlace *
allocate (void)
{
  ObPlace *place = g_new0 (ObPlace, 1);

  g_atomic_ref_count_init (&place->references);
  return place;
}

static ObPlace *
load_s3 (GKeyFile *file, const char *group, GError **error)
{
  g_autoptr (ObS3Settings) settings = ob_s3_settings_new ();

  for (const char *const *name = ob_s3_settings_get_names (); *name != NULL; name++)
    {
      g_autofree char *value = g_key_file_get_string (file, group, *name, NULL);

      if (!ob_s3_settings_set (settings, *name, value, error))
        return NULL;
    }
  return ob_place_new_s3 (settings, NULL, error);
}

static char *
get_secret_name (const char *name)
{
  return g_strconcat (name, ".s3", NULL);
}

/* Transfer full (ob_secret_free()). */
static char *
read_secret (ObContext *context, const char *name, GError **error)
{
  g_autofree char *file = get_secret_name (name);
  ob_autofd int fd
    = openat (context->keys_fd, file, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
  char *secret;

  if (fd < 0)
    {
      ob_set_error_errno (error, errno, "The secret key in %s/keys/%s cannot be read",
                          context->config_path, file);
      return NULL;
    }
  secret = ob_secret_read (fd, OB_AWS_MAX_KEY, error);
  if (secret == NULL)
    g_prefix_error (error, "The secret key in %s/keys/%s: ", context->config_path, file);
  return secret;
}

static ObAwsCredentials *
make_fixed (ObPlace *self, ObContext *context, const char *name, GError **error)
{
  ob_autosecret char *secret
    = self->secret != NULL ? g_strdup (self->secret) : read_secret (context, name, error);
  g_autoptr (ObAwsKeys) keys = NULL;

  if (secret == NULL)
    return NULL;
  keys = ob_aws_keys_new (ob_s3_settings_get (self->s3, "access-key"), secret, NULL, 0);
  return ob_aws_credentials_new_fixed (keys);
}

static ObAwsCredentials *
make_profile (ObPlace *self)
{
  const char *path = ob_s3_settings_get (self->s3, "profile-file");
  const char *profile = ob_s3_settings_get (self->s3, "profile");
  g_autofree char *usual = g_build_filename (g_get_home_dir (), ".aws", "credentials", NULL);

  if (path == NULL)
    path = g_getenv ("AWS_SHARED_CREDENTIALS_FILE");
  return ob_aws_credentials_new_profile (path != NULL ? path : usual,
                                         profile != NULL ? profile : "default");
}

static ObAwsCredentials *
make_credentials (ObPlace *self, ObContext *context, const char *name, GError **error)
{
  const char *source = ob_s3_settings_get_credentials (self->s3);

  if (strcmp (source, "keys") == 0)
    return make_fixed (self, context, name, error);
  if (strcmp (source, "profile") == 0)
    return make_profile (self);
  if (strcmp (source, "environment") == 0)
    return ob_aws_credentials_new_environment (error);
  /* The variable is that of AWS's own programs. */
  return ob_aws_credentials_new_role (g_getenv ("AWS_EC2_METADATA_SERVICE_ENDPOINT"));
}

static ObStore *
open_s3 (ObPlace *self, ObContext *context, const char *name, const ObS3Limits *limits,
         GError **error)
{
  g_autoptr (ObAwsCredentials) credentials = make_credentials (self, context, name, error);

  return credentials != NULL ? ob_s3_store_new (self->s3, credentials, limits, error) : NULL;
}

/* Steps that cannot be tried since @needs has failed. */
static void
skip (ObCheckup *checkup, const char *const *names, const char *needs)
{
  for (; *names != NULL; names++)
    ob_checkup_begin (checkup, *names, needs);
}

static ObStore *
checkup_local (ObPlace *self, const char *name, ObCheckup *checkup)
{
  static const char *const rest[] = { "permissions", "file-system", NULL };
  g_autofree char *real = NULL;
  g_autofree char *shown = NULL;
  GError *error = NULL;
  ObStore *store;

  if (!ob_checkup_begin (checkup, "directory", NULL))
    return NULL;
  store = ob_local_store_new (self->path, FALSE, &error);
  if (store == NULL)
    {
      g_prefix_error (&error, "Destination %s: ", name);
      ob_checkup_fail (checkup, error);
      skip (checkup, rest, "directory");
      return NULL;
    }
  real = realpath (self->path, NULL);
  shown = g_filename_display_name (real != NULL ? real : self->path);
  ob_checkup_add_figure (checkup, "path", g_variant_new_string (shown));
  ob_checkup_end (checkup, OB_CHECKUP_OK, "%s", shown);
  ob_store_checkup (store, checkup);
  return store;
}

static ObStore *
checkup_s3 (ObPlace *self, ObContext *context, const char *name, ObCheckup *checkup)
{
  static const char *const rest[] = { "bucket", "clock", "versioning", "object-lock", NULL };
  g_autofree char *host = NULL;
  g_autofree char *path = NULL;
  g_autofree char *url = ob_s3_settings_get_base (self->s3, &host, &path);
  GError *error = NULL;
  ObStore *store = NULL;

  ob_http_checkup (url, ob_s3_settings_get (self->s3, "ca-file"), ob_s3_checkup_limits.timeout,
                   checkup);
  if (ob_checkup_has_passed (checkup, "tls"))
    store = open_s3 (self, context, name, &ob_s3_checkup_limits, &error);
  if (store != NULL)
    {
      ob_store_checkup (store, checkup);
      return store;
    }
  if (ob_checkup_begin (checkup, "credentials", "tls"))
    ob_checkup_fail (checkup, g_steal_pointer (&error));
  g_clear_error (&error);
  skip (checkup, rest, "credentials");
  return NULL;
}

/* The store itself. */
static ObStore *
open_store (ObPlace *self, ObContext *context, const char *name, gboolean create, GError **error)
{
  return self->s3 == NULL ? ob_local_store_new (self->path, create, error)
                          : open_s3 (self, context, name, NULL, error);
}

/* public methods */

ObPlace *
ob_place_new_local (const char *path, GError **error)
{
  g_autofree char *normal = path != NULL ? ob_path_normalize (path) : NULL;
  ObPlace *place;

  if (normal == NULL || strcmp (normal, "/") == 0)
    {
      g_set_error_literal (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                           "The path of a destination has to be absolute, without \"..\", and not "
                           "\"/\".");
      return NULL;
    }
  place = allocate ();
  place->path = g_steal_pointer (&normal);
  return place;
}

ObPlace *
ob_place_new_s3 (const ObS3Settings *settings, const char *secret, GError **error)
{
  ObPlace *place;

  if (!ob_s3_settings_check (settings, error))
    return NULL;
  if (secret != NULL && !ob_aws_keys_is_valid_text (secret, OB_AWS_MAX_KEY))
    {
      g_set_error_literal (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                           "The secret key has to be one word of printable characters");
      return NULL;
    }
  if (secret != NULL && strcmp (ob_s3_settings_get_credentials (settings), "keys") != 0)
    {
      g_set_error_literal (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                           "There is a secret key, but no access-key that it belongs to");
      return NULL;
    }
  place = allocate ();
  place->s3 = ob_s3_settings_copy (settings);
  place->path = ob_s3_settings_describe (settings);
  place->secret = g_strdup (secret);
  return place;
}

ObPlace *
ob_place_load (GKeyFile *file, const char *group, GError **error)
{
  g_autofree char *kind = g_key_file_get_string (file, group, "kind", NULL);
  g_autofree char *path = g_key_file_get_string (file, group, "path", NULL);

  if (kind == NULL)
    g_set_error_literal (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT, "\"kind\" is missing.");
  else if (strcmp (kind, LOCAL) == 0)
    return ob_place_new_local (path, error);
  else if (strcmp (kind, S3) == 0)
    return load_s3 (file, group, error);
  else
    g_set_error (error, OB_ERROR, OB_ERROR_NOT_SUPPORTED,
                 "There is no kind of destination \"%.64s\"; there are: local, s3.", kind);
  return NULL;
}

ObPlace *
ob_place_ref (ObPlace *place)
{
  g_atomic_ref_count_inc (&place->references);
  return place;
}

void
ob_place_unref (ObPlace *place)
{
  if (place == NULL || !g_atomic_ref_count_dec (&place->references))
    return;
  g_free (place->path);
  ob_s3_settings_free (place->s3);
  ob_secret_free (place->secret);
  g_free (place);
}

void
ob_place_save (ObPlace *place, GKeyFile *file, const char *group)
{
  g_key_file_set_string (file, group, "kind", ob_place_get_kind (place));
  if (place->s3 == NULL)
    {
      g_key_file_set_string (file, group, "path", place->path);
      return;
    }
  for (const char *const *name = ob_s3_settings_get_names (); *name != NULL; name++)
    if (ob_s3_settings_get (place->s3, *name) != NULL)
      g_key_file_set_string (file, group, *name, ob_s3_settings_get (place->s3, *name));
}

const char *
ob_place_get_kind (ObPlace *place)
{
  return place->s3 != NULL ? S3 : LOCAL;
}

const char *
ob_place_get_path (ObPlace *place)
{
  return place->path;
}

const ObS3Settings *
ob_place_get_s3 (ObPlace *place)
{
  return place->s3;
}

gboolean
ob_place_is_local (ObPlace *place)
{
  return place->s3 == NULL;
}

const char *
ob_place_get_hint (ObPlace *place)
{
  return place->s3 == NULL ? "its disk may not be mounted"
                           : "the bucket, or what is in it, may have been removed";
}

ObStore *
ob_place_open (ObPlace *place, ObContext *context, const char *name, gboolean create,
               GError **error)
{
  g_autoptr (ObStore) store = open_store (place, context, name, create, error);

  if (store == NULL || ob_place_is_local (place))
    return g_steal_pointer (&store);
  /* Now the limit may be another one, and nobody waits for every millisecond. */
  ob_cache_directory_trim (context->cache);
  return ob_cache_directory_get_limit (context->cache) > 0
           ? ob_cache_store_new (store, context->cache)
           : g_steal_pointer (&store);
}

ObStore *
ob_place_checkup (ObPlace *place, ObContext *context, const char *name, const char **needs,
                  ObCheckup *checkup)
{
  *needs = place->s3 == NULL ? "directory" : "bucket";
  return place->s3 == NULL ? checkup_local (place, name, checkup)
                           : checkup_s3 (place, context, name, checkup);
}

ObStore *
ob_place_open_directly (ObPlace *place, ObContext *context, const char *name, GError **error)
{
  return open_store (place, context, name, FALSE, error);
}

void
ob_place_forget_copies (ObPlace *place, ObContext *context)
{
  if (!ob_place_is_local (place))
    ob_cache_store_forget (place->path, context->cache);
}

gboolean
ob_place_save_secret (ObPlace *place, ObContext *context, const char *name, GError **error)
{
  g_autofree char *file = get_secret_name (name);
  ob_autosecret char *text = NULL;

  if (place->secret == NULL)
    return TRUE;
  text = g_strconcat (place->secret, "\n", NULL);
  return ob_replace_file_at (context->keys_fd, file, text, strlen (text), 0600, error);
}

gboolean
ob_place_remove_secret (ObPlace *place, ObContext *context, const char *name, GError **error)
{
  g_autofree char *file = get_secret_name (name);

  return place->s3 == NULL || ob_remove_file_at (context->keys_fd, file, error);
}
