/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An archive of rows as pg_dump's format "custom" writes it into a pipe, item by item, as
 * ob-copy-script.h gives them.
 *
 * The format is PostgreSQL's own and has no document; it is that of src/bin/pg_dump, 9.0 to 17:
 * pg_backup_archiver.c (WriteHead, WriteToc, WriteInt, WriteStr) and pg_backup_custom.c ("Format",
 * _StartData, _WriteData, _EndData). A head and a table of contents, then for each table a block:
 * a byte 1, the number of its entry, and pieces of rows with their lengths, up to one without
 * length. The last piece ends with the line "\.". */
#pragma once

#include "ob-copy-script.h"

G_BEGIN_DECLS

typedef struct _ObDumpArchive ObDumpArchive;

/* The next bytes of the archive, which are there until the next call; *@size is 0 at the end alone.
 * FALSE: they cannot be had. */
typedef gboolean (*ObNextBytes) (gpointer source, const guint8 **data, gsize *size,
                                 GError **error);

/* Reads what @next gives of @source; it may block. Transfer full. */
ObDumpArchive *ob_dump_archive_new (ObNextBytes next, gpointer source);

/* Reads head and table of contents. *@known: it is one that can be read here. Else, where it is of
 * another version, compressed, or has more than settings, rows and values of sequences, nothing can
 * be told of it, and pg_restore is to be asked. Errors: those of the source. */
gboolean ob_dump_archive_open (ObDumpArchive *self, gboolean *known, GError **error);

/* The next item of one that is known, in the order of its table of contents. Errors: CORRUPT where
 * it is damaged or ends too early; those of the source. */
gboolean ob_dump_archive_next (ObDumpArchive *self, ObScriptItem *item, GError **error);

void ob_dump_archive_free (ObDumpArchive *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObDumpArchive, ob_dump_archive_free)

G_END_DECLS
