/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Directory trees made by chance, and what can be told of one to compare it with another. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Fills the empty directory @fd with about @n entries: files of any size with and without holes,
 * directories, links of both kinds, FIFOs, names of any bytes, extended attributes, modes and
 * times. The same @rand makes the same. */
void random_tree_make (int fd, guint n, GRand *rand);

/* Changes, adds, renames and removes a few of the entries below @fd. */
void random_tree_change (int fd, GRand *rand);

/* A text with a line for each entry below @fd, in order: all that a backup keeps of it. Transfer
 * full. */
char *random_tree_describe (int fd);

/* Asserts that the two texts are the same, and tells of the first lines that are not. */
void random_tree_assert_same (const char *a, const char *b);

G_END_DECLS
