/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Members of the a{sv} that the service answers with. */
#pragma once

#include <glib.h>

/* "" where there is none. Transfer none: valid as long as @dictionary. */
const char *ob_dict_text (GVariant *dictionary, const char *key);

/* Of type t; 0 where there is none. */
guint64 ob_dict_number (GVariant *dictionary, const char *key);
