/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The way to an HTTP server, step by step: each error is told where it arises. No credentials go
 * there. */
#pragma once

#include "ob-checkup.h"

G_BEGIN_DECLS

/* Adds the steps
 *   resolve   figure "addresses" (as)
 *   connect   figures "address" (s), "milliseconds" (d)
 *   tls       figures "protocol" (s), "valid-until" (t: seconds since the epoch), "days-left" (x);
 *             a warning where fewer than 14 days are left. Skipped with plain HTTP.
 * @url: "http[s]://HOST[:PORT]". @ca_file: as in ObS3Settings, or NULL. @timeout: seconds that each
 * may take. Blocks. Any thread. Errors of the steps: DESTINATION_UNAVAILABLE, INVALID_ARGUMENT
 * (@ca_file). */
void ob_http_checkup (const char *url, const char *ca_file, guint timeout, ObCheckup *checkup);

G_END_DECLS
