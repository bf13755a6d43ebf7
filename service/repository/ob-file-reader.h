/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "ob-directory.h"
#include "ob-names.h"
#include "ob-splitter.h"

G_BEGIN_DECLS

/* Reads regular files into the repository, one at a time. For one thread. */
typedef struct _ObFileReader ObFileReader;

/* @names must outlive it. */
ObFileReader *ob_file_reader_new (ObWriter *writer, ObNames *names, ObProgress *progress,
                                  GCancellable *cancellable);
void ob_file_reader_free (ObFileReader *reader);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObFileReader, ob_file_reader_free)

typedef enum
{
  OB_FILE_READ,       /* the node is whole */
  OB_FILE_CHANGING,   /* as well, but the file changed each time that it was read */
  OB_FILE_VANISHED,   /* it is not there any more, or is no regular file any more */
  OB_FILE_UNREADABLE, /* errno tells why */
  OB_FILE_FAILED,     /* the backup itself failed: the error is set */
} ObFileOutcome;

/* Reads the file @name of the open directory @dirfd, with its attributes. A file that changes
 * meanwhile is read again, three times at most. @node: set for the first two outcomes (transfer
 * full). */
ObFileOutcome ob_file_reader_read (ObFileReader *reader, int dirfd, const char *name, ObNode **node,
                                   GError **error);

G_END_DECLS
