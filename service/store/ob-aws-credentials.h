/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <gio/gio.h>

#include "ob-aws-keys.h"

G_BEGIN_DECLS

/* Where the keys come from that requests are signed with. Reference-counted, any thread. */
typedef struct _ObAwsCredentials ObAwsCredentials;

/* Gives keys. @renew: the former ones are refused. Blocks; any thread, one at a time. */
typedef ObAwsKeys *(*ObAwsKeysFunc) (gpointer data, gboolean renew, GCancellable *cancellable,
                                     GError **error);

/* Keys that never change. Transfer full. */
ObAwsCredentials *ob_aws_credentials_new_fixed (ObAwsKeys *keys);

/* Keys that @func gives; they are asked for when there are none, or those there are end within five
 * minutes. @destroy frees @data. Transfer full. */
ObAwsCredentials *ob_aws_credentials_new (ObAwsKeysFunc func, gpointer data,
                                          GDestroyNotify destroy);

ObAwsCredentials *ob_aws_credentials_ref (ObAwsCredentials *credentials);
void ob_aws_credentials_unref (ObAwsCredentials *credentials);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObAwsCredentials, ob_aws_credentials_unref)

/* The keys for the next request. @refused: those that the server does not take, which are replaced
 * unless somebody has done so meanwhile; NULL for none. Where newer ones cannot be had, those that
 * have not ended yet are given. Transfer full. Blocks. Errors: CREDENTIALS_REJECTED, CANCELLED, and
 * what the source says. */
ObAwsKeys *ob_aws_credentials_get (ObAwsCredentials *credentials, ObAwsKeys *refused,
                                   GCancellable *cancellable, GError **error);

G_END_DECLS
