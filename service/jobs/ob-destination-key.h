/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Key files: CONFIG/keys/NAME.key, mode 0600, holding a passphrase and a line end. A passphrase
 * that was written once is never lost: what another takes the place of stays as NAME.key.1, .2,
 * … */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The passphrase of destination @name. Transfer full (ob_secret_free()). Errors: NOT_FOUND,
 * INVALID_ARGUMENT (not a key file). Any thread. */
char *ob_destination_key_read (int keys_fd, const char *name, GError **error);

/* Writes it, unless it is there already: *@written tells. Where another one was, *@kept is the name
 * that file has from now on; NULL where there was none (transfer full). Both may be NULL. Any
 * thread. */
gboolean ob_destination_key_write (int keys_fd, const char *name, const char *passphrase,
                                   gboolean *written, char **kept, GError **error);

/* Takes ob_destination_key_write() back where it has written, and the passphrase opens nothing. */
void ob_destination_key_take_back (int keys_fd, const char *name, const char *kept);

G_END_DECLS
