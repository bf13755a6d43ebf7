/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The options that say where a repository is in S3, of "destination add" and "destination edit". */
#pragma once

#include <gio/gio.h>
#include <gio/gunixfdlist.h>

G_BEGIN_DECLS

#define OB_S3_N_TEXTS 14

typedef struct
{
  char *texts[OB_S3_N_TEXTS]; /* under the names that the service has for them */
  gboolean allow_http;
  int connections;
  int lock_days; /* G_MININT: not given */
  char *secret_key_file;
} ObS3Options;

void ob_s3_options_clear (ObS3Options *options);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (ObS3Options, ob_s3_options_clear)

/* The entries @own (which end with an empty one), followed by those that fill @options. Transfer
 * full (g_free()); what they point to is @options' own. */
GOptionEntry *ob_s3_options_make_entries (ObS3Options *options, const GOptionEntry *own);

/* Whether any was given. */
gboolean ob_s3_options_are_given (const ObS3Options *options);

/* The bucket, with the prefix if there is one, for messages. Transfer full. */
char *ob_s3_options_describe (const ObS3Options *options);

/* Adds what was given to the arguments of a call: @dictionary is an a{sv}, @secrets an a{sh} of
 * indexes into @fds. Errors: as ob_open_passphrase_file(). */
gboolean ob_s3_options_add (const ObS3Options *options, GVariantBuilder *dictionary,
                            GVariantBuilder *secrets, GUnixFDList *fds, GError **error);

G_END_DECLS
