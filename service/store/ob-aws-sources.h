/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where AWS's own programs find keys, in the forms that its reference guide of SDKs and tools
 * has. */
#pragma once

#include "ob-aws-credentials.h"

G_BEGIN_DECLS

/* From AWS's shared credentials file @path, the section [@profile]; read when keys are needed, and
 * again where the server refuses them, since other programs may renew them there. Transfer full. */
ObAwsCredentials *ob_aws_credentials_new_profile (const char *path, const char *profile);

/* From AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, as they are now in the
 * environment. Transfer full. Errors: NOT_FOUND, INVALID_ARGUMENT. */
ObAwsCredentials *ob_aws_credentials_new_environment (GError **error);

/* Those of the role of the EC2 instance that this machine is, from its metadata service, version 2
 * ("Use IMDS"): a token is asked for by PUT, which no redirect and no careless proxy passes on.
 * They are renewed before they end. @endpoint: "http://HOST[:PORT]", NULL for EC2's own. Transfer
 * full. */
ObAwsCredentials *ob_aws_credentials_new_role (const char *endpoint);

/* The keys of [@profile] in the text of a shared credentials file. Transfer full. Errors: NOT_FOUND
 * (no such section), INVALID_ARGUMENT (what is in it are no keys). Any thread. */
ObAwsKeys *ob_aws_profile_parse (const char *text, gsize size, const char *profile,
                                 GError **error);

/* The keys that the metadata service gives as JSON. Transfer full. Errors: CREDENTIALS_REJECTED.
 * Any thread. */
ObAwsKeys *ob_aws_role_parse (const char *text, gsize size, GError **error);

G_END_DECLS
