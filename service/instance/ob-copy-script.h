/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The script that pg_restore makes of an archive with rows, item by item: settings, values of
 * sequences, and COPY … FROM stdin with its rows up to the line "\." (PostgreSQL, "COPY", Text
 * Format: a newline that belongs to a value is written as two other characters, so that each line
 * is a row). */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

typedef struct _ObCopyScript ObCopyScript;

typedef enum
{
  OB_SCRIPT_STATEMENT, /* text: a statement with its semicolon */
  OB_SCRIPT_COPY,      /* text: a COPY … FROM stdin, whose rows follow */
  OB_SCRIPT_ROWS,      /* data, size: whole rows; or else, see continues */
  OB_SCRIPT_COPY_END,  /* there are no more rows */
  OB_SCRIPT_END,
} ObScriptKind;

typedef struct
{
  ObScriptKind kind;
  const char *text;   /* valid until the next item, as @data is */
  const guint8 *data;
  gsize size;
  gboolean continues; /* the data begins within the row that the item before ended in: a row that is
                       * longer than an item */
} ObScriptItem;

/* Reads from @fd, which stays the caller's; it may block. Transfer full. */
ObCopyScript *ob_copy_script_new (int fd);

/* The next item. Errors: CORRUPT where the script is not one of those, or ends too early; FAILED
 * where it cannot be read. */
gboolean ob_copy_script_next (ObCopyScript *self, ObScriptItem *item, GError **error);

/* The table that a COPY names, both names without their quotes (transfer full). FALSE where the
 * text is something else. */
gboolean ob_copy_script_parse_table (const char *text, char **schema, char **name);

void ob_copy_script_free (ObCopyScript *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObCopyScript, ob_copy_script_free)

G_END_DECLS
