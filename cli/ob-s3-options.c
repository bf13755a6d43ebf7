/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-s3-options.h"

#include <string.h>
#include <unistd.h>

#include "ob-fd-open.h"

typedef struct
{
  const char *name;
  GOptionArg kind;
  const char *help;
  const char *argument;
} Text;

/* Those with a file name are made absolute: the service has another working directory. */
static const Text texts[OB_S3_N_TEXTS] = {
  { "bucket", G_OPTION_ARG_STRING, "Bucket of S3 for the repository", "BUCKET" },
  { "prefix", G_OPTION_ARG_STRING, "Path within the bucket", "PATH" },
  { "endpoint", G_OPTION_ARG_STRING, "Server that speaks S3, AWS if it is left out", "URL" },
  { "region", G_OPTION_ARG_STRING, "Region of the bucket, us-east-1 if it is left out", "REGION" },
  { "style", G_OPTION_ARG_STRING, "Where the bucket is in addresses: path, virtual or auto",
    "STYLE" },
  { "ca-file", G_OPTION_ARG_FILENAME, "Certificates to trust instead of the system's", "FILE" },
  { "storage-class", G_OPTION_ARG_STRING, "Storage class of the data, as STANDARD_IA", "CLASS" },
  { "encryption", G_OPTION_ARG_STRING, "Encryption by the server: AES256 or aws:kms", "HOW" },
  { "kms-key", G_OPTION_ARG_STRING, "Its key, for aws:kms", "ID" },
  { "lock-mode", G_OPTION_ARG_STRING, "How it is locked: governance or compliance", "MODE" },
  { "credentials", G_OPTION_ARG_STRING,
    "Where keys come from: keys, profile, environment or role (of the EC2 instance)", "SOURCE" },
  { "access-key", G_OPTION_ARG_STRING, "Id of the access key", "ID" },
  { "profile", G_OPTION_ARG_STRING, "Profile in AWS's shared credentials file", "NAME" },
  { "profile-file", G_OPTION_ARG_FILENAME, "That file, if it is not root's own", "FILE" },
};

/* public methods */

void
ob_s3_options_clear (ObS3Options *options)
{
  for (gsize i = 0; i < OB_S3_N_TEXTS; i++)
    g_clear_pointer (&options->texts[i], g_free);
  g_clear_pointer (&options->secret_key_file, g_free);
}

GOptionEntry *
ob_s3_options_make_entries (ObS3Options *options, const GOptionEntry *own)
{
  const GOptionEntry rest[] = {
    { "secret-key-file", 0, 0, G_OPTION_ARG_FILENAME, &options->secret_key_file,
      "Read the secret key from FILE (- is standard input)", "FILE" },
    { "connections", 0, 0, G_OPTION_ARG_INT, &options->connections,
      "At most so many connections at once, 5 if it is left out", "N" },
    { "lock-days", 0, 0, G_OPTION_ARG_INT, &options->lock_days,
      "Nobody can remove what is stored for so many days (the bucket needs object lock)", "N" },
    { "allow-http", 0, 0, G_OPTION_ARG_NONE, &options->allow_http,
      "Also plain HTTP, which others can read and change, to another host", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr (GArray) entries = g_array_new (FALSE, FALSE, sizeof (GOptionEntry));

  options->lock_days = G_MININT;
  for (; own->long_name != NULL; own++)
    g_array_append_val (entries, *own);
  for (gsize i = 0; i < OB_S3_N_TEXTS; i++)
    {
      GOptionEntry entry = { texts[i].name, 0, 0, texts[i].kind, &options->texts[i],
                             texts[i].help, texts[i].argument };

      g_array_append_val (entries, entry);
    }
  g_array_append_vals (entries, rest, G_N_ELEMENTS (rest));
  return (GOptionEntry *) g_array_free (g_steal_pointer (&entries), FALSE);
}

gboolean
ob_s3_options_are_given (const ObS3Options *options)
{
  for (gsize i = 0; i < OB_S3_N_TEXTS; i++)
    if (options->texts[i] != NULL)
      return TRUE;
  return options->secret_key_file != NULL || options->connections != 0
         || options->lock_days != G_MININT || options->allow_http;
}

char *
ob_s3_options_describe (const ObS3Options *options)
{
  const char *bucket = options->texts[0] != NULL ? options->texts[0] : "";
  const char *prefix = options->texts[1];

  return g_strconcat ("the bucket ", bucket, prefix != NULL ? ", below " : "", prefix, NULL);
}

gboolean
ob_s3_options_add (const ObS3Options *options, GVariantBuilder *dictionary,
                   GVariantBuilder *secrets, GUnixFDList *fds, GError **error)
{
  int fd, handle;

  for (gsize i = 0; i < OB_S3_N_TEXTS; i++)
    {
      g_autofree char *absolute
        = options->texts[i] != NULL && texts[i].kind == G_OPTION_ARG_FILENAME
            ? g_canonicalize_filename (options->texts[i], NULL)
            : NULL;

      if (options->texts[i] != NULL)
        g_variant_builder_add (
          dictionary, "{sv}", texts[i].name,
          g_variant_new_string (absolute != NULL ? absolute : options->texts[i]));
    }
  if (options->connections != 0)
    g_variant_builder_add (dictionary, "{sv}", "connections",
                           g_variant_new_uint32 ((guint32) MAX (options->connections, 0)));
  if (options->lock_days != G_MININT)
    g_variant_builder_add (dictionary, "{sv}", "lock-days",
                           g_variant_new_uint32 ((guint32) options->lock_days));
  if (options->allow_http)
    g_variant_builder_add (dictionary, "{sv}", "allow-http", g_variant_new_boolean (TRUE));
  if (options->secret_key_file == NULL)
    return TRUE;
  fd = ob_open_passphrase_file (options->secret_key_file, error);
  if (fd < 0)
    return FALSE;
  handle = g_unix_fd_list_append (fds, fd, error);
  close (fd);
  if (handle < 0)
    return FALSE;
  g_variant_builder_add (secrets, "{sh}", "secret-key", handle);
  return TRUE;
}
