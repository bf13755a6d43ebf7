/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a request to AWS, or to what speaks like it, is signed with. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Immutable, reference-counted, any thread. What is secret in it is overwritten when it goes. */
typedef struct _ObAwsKeys ObAwsKeys;

/* @session_token: NULL where the keys are not temporary. @expires: when they end, seconds since the
 * epoch; 0: never. Copies its arguments. Transfer full. */
ObAwsKeys *ob_aws_keys_new (const char *access_key, const char *secret_key,
                            const char *session_token, gint64 expires);

ObAwsKeys *ob_aws_keys_ref (ObAwsKeys *keys);
void ob_aws_keys_unref (ObAwsKeys *keys);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObAwsKeys, ob_aws_keys_unref)

/* The id of the access key, which is no secret. */
const char *ob_aws_keys_get_access_key (ObAwsKeys *keys);
const char *ob_aws_keys_get_secret_key (ObAwsKeys *keys);
const char *ob_aws_keys_get_session_token (ObAwsKeys *keys); /* or NULL */
gint64 ob_aws_keys_get_expires (ObAwsKeys *keys);

/* Whether @text can be a key or a token at all: 1 to @max printable ASCII characters without
 * blanks, so that it cannot begin another header. Any thread. */
gboolean ob_aws_keys_is_valid_text (const char *text, gsize max);

/* Bytes that an id of a key, a secret key and a token may have; AWS's own are up to 128, 40 and
 * some 1,500 bytes long. */
#define OB_AWS_MAX_KEY 512
#define OB_AWS_MAX_TOKEN 8192

G_END_DECLS
