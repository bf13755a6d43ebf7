/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sealing and opening: AES-256-CTR with Poly1305-AES (restic, doc/design.rst, "Keys, Encryption and
 * MAC"): 16 bytes IV, ciphertext, 16 bytes MAC. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define OB_CRYPTO_OVERHEAD 32

/* The master key. */
typedef struct
{
  guint8 encrypt[32];
  guint8 mac_k[16];
  guint8 mac_r[16]; /* masked as Poly1305 wants it */
} ObCryptoKey;

/* A thread's own contexts; not shared between threads. */
typedef struct _ObCrypto ObCrypto;
ObCrypto *ob_crypto_new (const ObCryptoKey *key);
void ob_crypto_free (ObCrypto *crypto);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObCrypto, ob_crypto_free)

/* Seals @size bytes: @out has room for @size + OB_CRYPTO_OVERHEAD. @in may be @out + 16. */
void ob_crypto_seal (ObCrypto *crypto, const guint8 *in, gsize size, guint8 *out);

/* Checks the MAC, then decrypts @size bytes (with overhead) into @out (room for @size - 32; may be
 * @in + 16). FALSE where it is too short or the MAC is wrong. */
gboolean ob_crypto_open (ObCrypto *crypto, const guint8 *in, gsize size, guint8 *out);

/* Fills with random bytes; never fails (aborts). */
void ob_crypto_random (void *data, gsize size);

G_END_DECLS
