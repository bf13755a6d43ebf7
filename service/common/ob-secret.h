/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Overwrites @size bytes in a way the compiler keeps. Any thread. */
void ob_secret_wipe (void *data, gsize size);

/* Overwrites and frees a string; NULL is fine. Any thread. */
void ob_secret_free (char *secret);

/* `ob_autosecret char *passphrase = …;` */
void ob_secret_clear (char **secret);
#define ob_autosecret __attribute__ ((cleanup (ob_secret_clear)))

/* Reads one secret from a descriptor to its end: at most @max bytes, one trailing line end removed,
 * no NUL inside. Transfer full (ob_secret_free). Any thread, blocks. Errors: INVALID_ARGUMENT. */
char *ob_secret_read (int fd, gsize max, GError **error);

/* As ob_secret_read(), for whoever may keep the other end open for ever: INVALID_ARGUMENT where the
 * secret has not come to its end after @seconds. */
char *ob_secret_read_within (int fd, gsize max, guint seconds, GError **error);

/* A new passphrase of 160 random bits as eight groups of four letters and digits (base 32 without
 * those that look alike), joined by "-". Transfer full. */
char *ob_secret_generate (void);

G_END_DECLS
