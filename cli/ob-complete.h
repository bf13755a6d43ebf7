/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What may come next on a command line, for the shells' completions (data/completions): all that
 * there is to know stands in the commands themselves, their options and their synopses. */
#pragma once

#include "ob-command.h"

G_BEGIN_DECLS

/* The names of things of a kind, each with a description behind a tab or without; NULL or empty
 * where there are none, or they cannot be had. @kind: the last part of the name of their interface
 * on the bus ("Instance", "Destination"), or "Backup", "Change" or "Job". Transfer full. */
typedef GStrv (*ObCompleteNames) (const char *kind, gpointer user_data);

/* The words that may stand in the place of the last one of @words (NULL-terminated, without the
 * program's name; the last one is what is typed of it, perhaps nothing) and that begin with it;
 * each with a description behind a tab, or without. Where these are no words of ours there is
 * one that says what they are: ":file", ":directory", or ":command" (the words behind "--" are
 * one). "=" may be a word of its own, as bash has it. One thread at a time. Never NULL; transfer
 * full. */
GStrv ob_complete (const ObCommand *const *commands, gsize n_commands, const char *const *words,
                   ObCompleteNames names, gpointer user_data);

G_END_DECLS
