/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Where a repository is in S3, and how it is reached: texts under the names that configuration
 * files, the bus and the command line have for them alike. None of them is a secret.
 *
 *   bucket         required
 *   prefix         names of objects begin with it and a "/"; none: the repository is the bucket
 *   endpoint       "https://HOST[:PORT]"; none: AWS's own for the region
 *   region         "us-east-1" if it is not set
 *   style          "path" (HOST/BUCKET), "virtual" (BUCKET.HOST), or "auto" (virtual for AWS, where
 *                  the name of the bucket has no dot; this if it is not set)
 *   ca-file        absolute path of certificates (PEM) that are trusted instead of the system's
 *   allow-http     "true": also plain HTTP, which others can read and change, to another host
 *   storage-class  of packs: "STANDARD_IA", …; not one that has to be thawed before it can be read
 *   encryption     by the server: "AES256" or "aws:kms"
 *   kms-key        the id of its key, for "aws:kms"
 *   connections    at most so many at once: 1 to 32; 5 if it is not set
 *   lock-days      so many days nobody can remove what is stored (object lock of the bucket): 1 to
 *                  36500; "0" or not set: it is not locked
 *   lock-mode      "governance" (who has a right of its own to can take the lock back; this if it
 *                  is not set) or "compliance" (nobody can)
 *   credentials    where the keys come from: "keys" (access-key, and a secret key in a file of its
 *                  own), "profile" (profile, profile-file), "environment" (of the service), "role"
 *                  (of the EC2 instance). If it is not set: keys where there is an access-key,
 *                  profile where there is one of its two, else the role.
 *   access-key     the id of the access key
 *   profile        "default" if it is not set
 *   profile-file   absolute path of AWS's shared credentials file; root's own if it is not set
 */
typedef struct _ObS3Settings ObS3Settings;

/* None set. Transfer full. */
ObS3Settings *ob_s3_settings_new (void);
ObS3Settings *ob_s3_settings_copy (const ObS3Settings *settings);
void ob_s3_settings_free (ObS3Settings *settings);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObS3Settings, ob_s3_settings_free)

/* All names, ending with NULL. Any thread. */
const char *const *ob_s3_settings_get_names (void);

/* Sets one of them after a look at its form; "" or NULL takes it away. Errors: INVALID_ARGUMENT. */
gboolean ob_s3_settings_set (ObS3Settings *settings, const char *name, const char *value,
                             GError **error);

/* Whether they make sense together. Errors: INVALID_ARGUMENT. */
gboolean ob_s3_settings_check (const ObS3Settings *settings, GError **error);

/* As it was set, or NULL. Belongs to @settings. */
const char *ob_s3_settings_get (const ObS3Settings *settings, const char *name);

/* The following are for settings that were found to make sense, and say what holds where nothing
 * was set. */
const char *ob_s3_settings_get_region (const ObS3Settings *settings);
const char *ob_s3_settings_get_credentials (const ObS3Settings *settings);
guint ob_s3_settings_get_connections (const ObS3Settings *settings);
guint ob_s3_settings_get_lock_days (const ObS3Settings *settings); /* 0: none */

/* "https://HOST[:PORT]", with the bucket in it where the style is virtual. *@host: what the header
 * Host says. *@path: what comes before the name of an object, "/" or "/BUCKET/". Transfer full. */
char *ob_s3_settings_get_base (const ObS3Settings *settings, char **host, char **path);

/* The address as restic writes it, "s3:https://HOST/BUCKET/PREFIX". Transfer full. */
char *ob_s3_settings_describe (const ObS3Settings *settings);

G_END_DECLS
