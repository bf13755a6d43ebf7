/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* @text as one line that may be shown anywhere: valid UTF-8 (what is not becomes U+FFFD), each
 * character that controls or formats (Unicode's Cc, Cf, Zl and Zp) a blank, and at most @max bytes,
 * 4 or more: what is longer is cut at a character and ends in "…". One byte more than @max of @text
 * is looked at. Transfer full. Any thread. */
char *ob_text_make_line (const char *text, gsize max);

G_END_DECLS
