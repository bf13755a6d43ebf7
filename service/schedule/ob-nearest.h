/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Words of more bytes are like no other. */
#define OB_NEAREST_MAX_LENGTH 64

/* The one of @known (NULL at the end) that somebody may have meant who wrote @word: the fewest
 * bytes have to be put in, left out or changed (the distance of Levenshtein), at most a third of
 * @word's. Of several the one that begins most like it; NULL where none is so near. Transfer none.
 * Any thread. */
const char *ob_nearest_word (const char *word, const char *const *known);

G_END_DECLS
