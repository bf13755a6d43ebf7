/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The service's own files of JSON below STATE. Any thread. */
#pragma once

#include <json-glib/json-glib.h>

G_BEGIN_DECLS

/* The object in @bytes; NULL where that is no JSON, too deep or large (ob_json_is_bounded()), or no
 * object. Transfer full. */
JsonObject *ob_state_json_parse (GBytes *bytes);

/* Nothing is set for NULL. */
void ob_state_json_set_text (JsonObject *object, const char *name, const char *value);

/* NULL where there is none, or an empty one. Transfer full. */
char *ob_state_json_dup_text (JsonObject *object, const char *name);

G_END_DECLS
