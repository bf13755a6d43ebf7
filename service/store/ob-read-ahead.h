/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What was read of objects beyond what was asked for: who reads one from its begin to its end in
 * small pieces, over a network, would wait for an answer at each of them. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* All functions: any thread. */
typedef struct _ObReadAhead ObReadAhead;

/* Remembers at most @max objects, the latest used. Transfer full. */
ObReadAhead *ob_read_ahead_new (guint max);
void ob_read_ahead_free (ObReadAhead *ahead);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObReadAhead, ob_read_ahead_free)

/* Copies as much as there is of the object's bytes from @offset, at most @size, into @buffer: the
 * count. *@goes_on: the one before ended at @offset, so that it is worth reading more than was
 * asked for. *@at_end: the object has no byte beyond those. */
gsize ob_read_ahead_take (ObReadAhead *ahead, const char *name, guint64 offset, void *buffer,
                          gsize size, gboolean *goes_on, gboolean *at_end);

/* Remembers that the object was read up to @offset, where @bytes (transfer full, may be NULL) go
 * on; @at_end: up to its end. */
void ob_read_ahead_put (ObReadAhead *ahead, const char *name, guint64 offset, GBytes *bytes,
                        gboolean at_end);

void ob_read_ahead_forget (ObReadAhead *ahead, const char *name);

G_END_DECLS
