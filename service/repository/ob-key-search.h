/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Finds among the keys of a repository one that a passphrase opens. */
#pragma once

#include "ob-config.h"
#include "ob-crypto.h"
#include "ob-store.h"

G_BEGIN_DECLS

/* Tries the key files @names (of char *, "keys/…") in their order, until one opens with the
 * passphrase and the config @sealed with it. @key is to be wiped by the caller. Takes a tenth of a
 * second or more a key. Any thread. Errors: CORRUPT where there is no key; WRONG_PASSPHRASE where
 * none opens; what was wrong with the first that could not be tried (CORRUPT, NOT_SUPPORTED) where
 * that is true of all; CANCELLED; DESTINATION_UNAVAILABLE. */
gboolean ob_key_search (ObStore *store, GPtrArray *names, GBytes *sealed, const char *passphrase,
                        ObCryptoKey *key, ObConfig *config, GCancellable *cancellable,
                        GError **error);

G_END_DECLS
