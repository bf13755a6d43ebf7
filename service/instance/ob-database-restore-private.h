/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of the database's restore share. */
#pragma once

#include "ob-postgres.h"
#include "ob-space-guard.h"

G_BEGIN_DECLS

/* A restore under way. Fields are set once by ob_database_restore() and then only read, also by its
 * threads. */
typedef struct
{
  const ObDatabaseConfig *config;
  const ObDatabaseRestore *request;
  ObRole admin;         /* superuser where one is configured, else the owner */
  char *pg_restore;     /* absolute path */
  ObPassFile *pass_file;
  int schema_fd;        /* memfd with schema.dump */
  gboolean no_tablespaces;
  ObProgress *progress;
} ObRestoreRun;

/* ---- ob-database-archive.c: running pg_restore */

/* Feeds schema.dump into a memfd. -1 on error. */
int ob_restore_load_schema (ObRestoreRun *run, GCancellable *cancellable, GError **error);

/* All of pre-data, by the superuser (or, without one, what belongs to the owner, by the owner). */
gboolean ob_restore_pre_data (ObRestoreRun *run, GCancellable *cancellable, GError **error);

/* All rows, as many streams at a time as asked for. */
gboolean ob_restore_data (ObRestoreRun *run, GCancellable *cancellable, GError **error);

/* Indexes, constraints, triggers…: the owner's by the owner, then the others' by the superuser. */
gboolean ob_restore_post_data (ObRestoreRun *run, GCancellable *cancellable, GError **error);

/* Splits the text of `pg_restore --list` into the entries of @owner and the rest. @roles: names of
 * all roles that the backup knows, so that "a b" is not taken for "b". Both transfer full. */
void ob_restore_split_list (const char *list, const char *owner, GPtrArray *roles, GString **owned,
                            GString **others);

/* ---- ob-database-roles.c: what pg_restore leaves out */

/* Creates roles that the backup names and the server lacks. */
gboolean ob_restore_roles (ObRestoreRun *run, GCancellable *cancellable, GError **error);

/* CREATE DATABASE, closed to everybody but owner and superusers. */
gboolean ob_restore_create_database (ObRestoreRun *run, GCancellable *cancellable, GError **error);

/* Settings, comment, ACL, connection limit. Last, since it opens the database. */
gboolean ob_restore_settings (ObRestoreRun *run, GCancellable *cancellable, GError **error);

/* "a, \"b c\"" as a setting of kind list keeps it, to its elements. NULL where it does not parse.
 * Transfer full. */
GStrv ob_restore_split_list_setting (const char *value);

/* ---- ob-database-rows.c */

/* ANALYZE and row counts of every table, in parallel. Errors: CORRUPT naming a table whose count is
 * not the manifest's. */
gboolean ob_restore_check_rows (ObRestoreRun *run, GCancellable *cancellable, GError **error);

/* ---- ob-database-space.c */

/* Watches the free space of the server's file system while it is filled, and cancels @cancellable
 * when the floor is reached: 5 %, but 32 MiB at least and 1 GiB at most. NULL where the server's
 * files cannot be seen from here. Transfer full. */
ObSpaceGuard *ob_restore_guard_space (const ObDatabaseConfig *config, GCancellable *cancellable);

G_END_DECLS
