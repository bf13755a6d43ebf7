/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "ob-checkup.h"
#include "ob-s3-http.h"
#include "ob-s3-settings.h"

G_BEGIN_DECLS

/* Adds the steps that a store in S3 has of its own, see ob_store_checkup(). A bucket that does not
 * say how it is set up, or that the keys may not ask, is "not told". Blocks. Any thread. */
void ob_s3_checkup (const ObS3Settings *settings, ObS3Http *http, ObCheckup *checkup);

G_END_DECLS
