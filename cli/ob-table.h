/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A table of text: headings, rows, columns as wide as they need to be. */
typedef struct _ObTable ObTable;

/* @headings: joined by '|'; one that begins with '>' is flushed right. Transfer full. */
ObTable *ob_table_new (const char *headings);

/* A row, a string for each column, then NULL. Texts are copied and made safe to print. */
void ob_table_add (ObTable *table, ...) G_GNUC_NULL_TERMINATED;

/* Prints it to standard output; nothing for one without rows. */
void ob_table_print (ObTable *table);

void ob_table_free (ObTable *table);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObTable, ob_table_free)

G_END_DECLS
