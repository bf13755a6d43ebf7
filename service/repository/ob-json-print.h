/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <json-glib/json-glib.h>

G_BEGIN_DECLS

/* @node as text. As json_to_string(), which leaves U+001F in a string as it is, so that nobody can
 * read the text, neither we nor restic. Transfer full. Any thread. */
char *ob_json_print (JsonNode *node, gboolean pretty);

G_END_DECLS
