/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <pthread.h>

#include "ob-pack.h"
#include "ob-progress.h"

G_BEGIN_DECLS

/* Reads a pack whole and looks at everything in it, in one pass and in bounded memory: a few
 * MiB, and what the largest blob takes. Contexts and buffers are kept from one pack to the next.
 * For one thread at a time. */
typedef struct _ObPackCheck ObPackCheck;

/* @large: the threads of one verification share it, so that only one of them at a time holds a blob
 * beyond the common sizes. It must outlive the check. */
ObPackCheck *ob_pack_check_new (ObRepository *repository, pthread_mutex_t *large,
                                ObProgress *progress);
void ob_pack_check_free (ObPackCheck *check);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObPackCheck, ob_pack_check_free)

/* What was found. A sound pack has TRUE, a header and nothing in bad; where it has a read_problem
 * nevertheless, the disk is not. */
typedef struct
{
  gboolean hash_is_right; /* its bytes are those that its name promises */
  guint64 size;           /* bytes that it has */
  guint64 unreadable;     /* of them: those that the store could not give, some sectors */
  char *read_problem;     /* why that is, a sentence; also where all was read at a second try */
  GArray *header;         /* of ObPackEntry, by offset; NULL where it cannot be read */
  char *header_problem;   /* then: why, a sentence */
  GArray *bad;            /* of ObPackEntry: blobs that are not what they should be */
  GArray *good;           /* of ObPackEntry: the others */
} ObPackFindings;

void ob_pack_findings_clear (ObPackFindings *findings);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (ObPackFindings, ob_pack_findings_clear)

/* Reads @pack of @size bytes (as listed by the store). @listed: what the index has in it (of
 * ObPackEntry), by offset; may be empty. The blobs are those of the header, and of @listed where
 * that cannot be read. Whether it agrees with @listed is for the caller to see. Where a disk fails
 * to give some sectors only what lies there is bad. Adds to the done bytes of the progress.
 * Errors: those of the store, also where nothing of the pack can be read; what is wrong with the
 * content is none. */
gboolean ob_pack_check_run (ObPackCheck *check, const ObId *pack, guint64 size, GArray *listed,
                            ObPackFindings *findings, GCancellable *cancellable, GError **error);

/* Only the header. Transfer full; NULL with CORRUPT, or an error of the store. */
GArray *ob_pack_check_read_header (ObPackCheck *check, const ObId *pack, guint64 size,
                                   GCancellable *cancellable, GError **error);

G_END_DECLS
