/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Questions to the catalogue of backups, answered in a thread. */
#pragma once

#include "ob-catalogue.h"
#include "ob-manager.h"

G_BEGIN_DECLS

/* A question. Zero it, and set what is wanted; strings and arrays are copied where it is asked. */
typedef struct
{
  const char *id; /* one backup, as ob_catalogue_find() takes it; NULL: all that match */
  const char *destination; /* NULL: any */
  const char *instance;    /* NULL: any */
  const char *kind;        /* NULL: any */
  gint64 since, until;     /* seconds since the epoch; 0: any */
  guint limit;             /* 0: all */
  ObParts parts;
  gboolean with_manifest;
  const char *path; /* of a directory in that one backup: what is in it is the answer; NULL: none */
  guint64 offset;   /* of its entries, those from this one on, and @limit of them */
} ObBackupQuestion;

/* Main context. Errors that are seen at once are given to @callback too. */
void ob_backup_query_begin (ObManager *manager, const ObBackupQuestion *question,
                            GAsyncReadyCallback callback, gpointer user_data);

/* The answer to a question without an id: aa{sv} as ListBackups gives it, newest first, and what
 * could not be read. Transfer full, not floating. */
GVariant *ob_backup_query_finish_list (GAsyncResult *result, GStrv *problems, GError **error);

/* The answer to a question with a path: aa{sv} as ListFiles gives it. Transfer full, not
 * floating. */
GVariant *ob_backup_query_finish_files (GAsyncResult *result, GError **error);

/* The answer to a question with an id: a{sv} as GetBackup gives it. Transfer full, not floating. */
GVariant *ob_backup_query_finish_one (GAsyncResult *result, GError **error);

G_END_DECLS
