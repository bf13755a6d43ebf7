/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Key files: the master key sealed with a key derived from a passphrase (restic, doc/design.rst,
 * "Keys, Encryption and MAC"). */
#pragma once

#include <glib.h>

#include "ob-crypto.h"

G_BEGIN_DECLS

/* The largest key file that is read; real ones have some 500 bytes. */
#define OB_KEY_FILE_MAX_SIZE (64 * 1024)

/* A new random master key. Any thread. */
void ob_key_generate (ObCryptoKey *master);

/* The text of a key file that opens with @passphrase. Takes a tenth of a second or more. Transfer
 * full. Any thread. Errors: FAILED. */
char *ob_key_file_build (const ObCryptoKey *master, const char *passphrase, GError **error);

/* Opens one. Its cost parameters are bounded before anything is allocated (512 MiB). @master is to
 * be wiped by the caller. Any thread. Errors: WRONG_PASSPHRASE; CORRUPT; NOT_SUPPORTED for another
 * way of derivation or one that costs too much. */
gboolean ob_key_file_open (const void *text, gsize size, const char *passphrase,
                           ObCryptoKey *master, GError **error);

G_END_DECLS
