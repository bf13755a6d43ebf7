/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The plain text of a repository's config file (restic, doc/design.rst, "Repository Format"). */
#pragma once

#include "ob-crypto.h"
#include "ob-id.h"

G_BEGIN_DECLS

/* The largest config file that is read; real ones have some 200 bytes. */
#define OB_CONFIG_MAX_SIZE (64 * 1024)

typedef struct
{
  guint version;              /* of the format: 1 or 2 */
  char id[OB_ID_HEX_SIZE];    /* of the repository: 64 hexadecimal digits */
  guint64 chunker_polynomial; /* restic's, irreducible */
} ObConfig;

/* One of a new repository, version 2, with an id and a polynomial that nobody has. */
void ob_config_generate (ObConfig *config);

/* The JSON text, and back. Transfer full. Errors: CORRUPT; NOT_SUPPORTED for another version. */
char *ob_config_to_json (const ObConfig *config);
gboolean ob_config_from_json (const void *text, gsize size, ObConfig *config, GError **error);

/* The config out of the sealed file. Errors: CORRUPT, also where the key is another one's;
 * NOT_SUPPORTED. */
gboolean ob_config_unseal (GBytes *sealed, const ObCryptoKey *key, ObConfig *config,
                           GError **error);

G_END_DECLS
