/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of the database's restore share. */
#pragma once

#include "ob-child.h"
#include "ob-copy-script.h"
#include "ob-postgres.h"
#include "ob-space-guard.h"

G_BEGIN_DECLS

/* How many rows were loaded into which table. */
typedef struct _ObRowTally ObRowTally;
typedef struct _ObRestoreOwners ObRestoreOwners;

/* A restore under way. Its own thread sets the fields, while none of those runs that it starts:
 * they only read them. */
typedef struct
{
  const ObDatabaseConfig *config;
  const ObDatabaseRestore *request;
  ObRole admin;         /* superuser where one is configured, else the owner */
  char *pg_restore;     /* absolute path */
  int server_version;   /* 150004 and so on */
  ObPassFile *pass_file;
  int schema_fd;        /* memfd with schema.dump */
  char *tablespace;     /* that the database goes to; NULL: the server's own directory */
  gboolean no_tablespaces; /* all else goes where the database is */
  gboolean outruns;     /* deadlock_timeout is set for the database meanwhile */
  gboolean user_is_member; /* bbdd.user is another than the owner, and has all that he has */
  ObProgress *progress;
  ObRowTally *tally;
  ObRestoreOwners *owners; /* of what pre-data and post-data made so far; NULL before */
  GString *rights;      /* of pre-data; NULL before */
  guint64 sort_kib;     /* maintenance_work_mem while indexes are built; 0: the server's own */
} ObRestoreRun;

/* ---- ob-database-archive.c: running pg_restore */

typedef enum
{
  OB_RESTORE_TO_DATABASE,
  OB_RESTORE_TO_LIST,   /* prints the table of contents, connects to nothing */
  OB_RESTORE_TO_SCRIPT, /* prints what it would send to the database */
} ObRestoreOutput;

/* How one pg_restore is run. */
typedef struct
{
  ObRole role;
  const char *section; /* "pre-data"…; NULL: all of the archive */
  int archive_fd;      /* memfd; -1: the archive comes through @stdin_fd */
  int list_fd;         /* memfd with entries to restore; -1: all */
  gboolean no_owner;   /* all stays with @role */
  gboolean at_once;    /* in one transaction, over one connection */
  gboolean row_security; /* what is read is what its reader may see, and not all or nothing */
  int stdin_fd;        /* 0: none */
  int stdout_fd;       /* 0: none; a list is captured */
  guint n_jobs;
  ObRestoreOutput output;
} ObRestoreCommand;

/* Transfer full. */
ObChild *ob_restore_start_pg_restore (ObRestoreRun *run, const ObRestoreCommand *command,
                                      GError **error);

/* A memfd for @lines of a table of contents. -1 on error. */
int ob_restore_make_list (const GString *lines, GError **error);

/* Feeds schema.dump into a memfd. -1 on error. */
int ob_restore_load_schema (ObRestoreRun *run, GCancellable *cancellable, GError **error);

/* All of pre-data; without a superuser what belongs to the owner. */
gboolean ob_restore_pre_data (ObRestoreRun *run, GCancellable *cancellable, GError **error);

/* Indexes, constraints, triggers…, as pre-data. Then nothing is defined any more: the owners have
 * what is theirs, and event triggers are live. */
gboolean ob_restore_post_data (ObRestoreRun *run, GCancellable *cancellable, GError **error);

/* ---- ob-database-load.c */

/* All rows and the values of sequences, over as many connections as asked for. */
gboolean ob_restore_data (ObRestoreRun *run, GCancellable *cancellable, GError **error);

/* ---- ob-database-copy.c */

/* The connections of all loaders. Any thread. */
typedef struct _ObLanePool ObLanePool;

/* At most @n_lanes connections, and one at least for each of the @n_loaders that will be made.
 * Transfer full. */
ObLanePool *ob_lane_pool_new (ObRestoreRun *run, guint n_lanes, guint n_loaders,
                              GCancellable *cancellable);
/* After its loaders. */
void ob_lane_pool_free (ObLanePool *pool);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObLanePool, ob_lane_pool_free)

/* Loads the rows of one table after the other, over its share of the pool's connections, at most
 * 32. Those of a loader that was freed are for the others. One thread. */
typedef struct _ObRowLoader ObRowLoader;

/* Connects to nothing yet. Transfer full. */
ObRowLoader *ob_row_loader_new (ObLanePool *pool);

/* Makes its first connection, where it has none. Errors: as ob_postgres_connect(). */
gboolean ob_row_loader_connect (ObRowLoader *loader, GError **error);

/* The next item of @source, as ob_copy_script_next() or ob_dump_archive_next() gives it. */
typedef gboolean (*ObNextItem) (gpointer source, ObScriptItem *item, GError **error);

/* Loads all that @source gives, up to its end. What was loaded is added to the run's tally. */
gboolean ob_row_loader_run (ObRowLoader *loader, ObNextItem next, gpointer source, GError **error);
void ob_row_loader_free (ObRowLoader *loader);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObRowLoader, ob_row_loader_free)

/* ---- ob-database-indexes.c */

/* Whether an index is best built by its connection alone, without the server's helpers, since the
 * processors have enough to do without them. */
gboolean ob_restore_sorts_alone (const ObRestoreRun *run);

/* The memory in KiB that an index of up to @bytes is sorted in best, by as many processes as
 * @n_helpers and the connection. */
guint64 ob_restore_get_sort_memory (guint64 bytes, guint n_helpers);

/* Sets run->sort_kib for the rows that are in by now; never to more than the server would give.
 * Blocks. Errors: as ob_postgres_connect(). */
gboolean ob_restore_choose_sort_memory (ObRestoreRun *run, GCancellable *cancellable,
                                        GError **error);

/* Makes indexes of partitioned tables valid that a parallel pg_restore left invalid. */
gboolean ob_restore_validate_indexes (ObRestoreRun *run, GCancellable *cancellable, GError **error);

/* ---- ob-database-toc.c: who restores what */

typedef enum
{
  OB_TOC_BY_USER,      /* bbdd.user */
  OB_TOC_TRIGGERS_BY_USER, /* bbdd.user, on tables of superusers, who set when they fire */
  OB_TOC_BY_SUPERUSER,
  OB_TOC_BY_SUPERUSER_AT_ONCE, /* in one transaction, so that nobody sees it as a superuser's */
  OB_TOC_BY_USER_IF_ALLOWED, /* one by one, where there is no superuser */
} ObTocMaker;

/* Entries of a table of contents that follow each other and that one role restores. */
typedef struct
{
  ObTocMaker maker;
  char *owner; /* whose they are in the end, where bbdd.user makes them for another; else NULL */
  GString *lines;
  guint n_lines;
} ObTocRun;

typedef struct
{
  GPtrArray *runs; /* of ObTocRun */
  GString *rights; /* GRANT and REVOKE: after the last run */
  GPtrArray *refreshes; /* of ObTocRun, which fill materialized views: when all have their own, and
                         * the rights that they read with; empty where there is no superuser */
  GString *event_triggers; /* for the superuser, after all else */
  GString *triggers; /* of the runs, those on tables of superusers */
  GString *foreign_triggers; /* of these, what bbdd.user makes */
  GPtrArray *left_out; /* "KIND SCHEMA NAME OWNER" of what only a superuser could make another's */
} ObTocCut;

void ob_toc_cut_free (ObTocCut *cut);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObTocCut, ob_toc_cut_free)

/* What the definition of an entry tells, beyond its kind and its owner. */
typedef enum
{
  OB_TOC_PLAIN,
  OB_TOC_INERT,   /* no expression is evaluated by whoever makes it */
  OB_TOC_MIGHTY,  /* as that, and superusers alone may make it */
  OB_TOC_FOREIGN, /* an expression is evaluated that may be another's than the owner's */
} ObTocNature;

/* @kind: what is behind the numbers of @line, as "FUNCTION public f() tad". @of_another: it belongs
 * to neither bbdd.user nor a superuser, so that it matters whether it is inert. */
typedef ObTocNature (*ObTocJudge) (const char *line, const char *kind, gboolean of_another,
                                   gpointer user_data);

/* The roles of the server. */
typedef struct _ObTocRoles ObTocRoles;

ObTocRoles *ob_toc_roles_new (void);
void ob_toc_roles_add (ObTocRoles *roles, const char *name, gboolean superuser);
void ob_toc_roles_free (ObTocRoles *roles);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObTocRoles, ob_toc_roles_free)

/* Cuts the text of `pg_restore --list` into runs, in its order; with @only_owned, where there is no
 * superuser, what is @user's, which is bbdd.user, and what is nobody's. The superuser gets what
 * belongs to superusers, and what evaluates nothing. @judge may be NULL: all is plain then.
 * Transfer full. */
ObTocCut *ob_restore_cut_list (const char *list, ObTocRoles *roles, const char *user,
                               gboolean only_owned, ObTocJudge judge, gpointer user_data);

/* ---- ob-database-contents.c */

/* The section's entries by who restores them. Transfer full. */
ObTocCut *ob_restore_read_contents (ObRestoreRun *run, const char *section,
                                    GCancellable *cancellable, GError **error);

/* A connection to the database over which a name is the same bytes as in the archive, which is in
 * the encoding of its database. Transfer full. */
ObPostgres *ob_restore_connect_as_archive (ObRestoreRun *run, ObRole role,
                                           GCancellable *cancellable, GError **error);

/* What pg_restore makes of the @n entries from @lines on. Transfer full. */
char *ob_restore_read_script (ObRestoreRun *run, char **lines, guint n, GCancellable *cancellable,
                              GError **error);

/* ---- ob-database-nature.c: what a definition tells */

/* Whether an entry with such a @kind, as "FUNCTION public f() tad", may be anything but plain. */
gboolean ob_toc_can_judge (const char *kind, gboolean of_superuser);

/* Whether any definition of such a kind in a text, of an archive or a script, may be anything but
 * plain or inert. */
gboolean ob_toc_has_odd (const char *kind, const char *text, gssize size);

/* @script: what pg_restore makes of that entry alone. */
ObTocNature ob_toc_judge (const char *kind, const char *script);

/* Parts the script of a trigger: how it is defined, and the statement that has it fire at other
 * times than it does then. NULL for what there is not. Transfer full. */
void ob_toc_split_trigger (const char *script, char **definition, char **state);

/* ---- ob-database-owners.c */

/* Whose the things are that bbdd.user makes for others. Until ob_restore_owners_give() they are
 * its own, so that it needs no right of those others. Needs the superuser. */
ObRestoreOwners *ob_restore_owners_new (void);

/* Around the restore of @entries: what was made meanwhile, and they name, is noted as their
 * owner's. */
gboolean ob_restore_owners_begin (ObRestoreOwners *owners, ObRestoreRun *run,
                                  const ObTocRun *entries, GCancellable *cancellable,
                                  GError **error);
gboolean ob_restore_owners_end (ObRestoreOwners *owners, ObRestoreRun *run,
                                const ObTocRun *entries, GCancellable *cancellable,
                                GError **error);

/* Gives to each what is his. Warns of functions that do not run with their owner's rights then, as
 * they did. */
gboolean ob_restore_owners_give (ObRestoreOwners *owners, ObRestoreRun *run,
                                 GCancellable *cancellable, GError **error);
void ob_restore_owners_free (ObRestoreOwners *owners);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObRestoreOwners, ob_restore_owners_free)

/* ---- ob-database-grants.c */

/* Rights that bbdd.user has for as long as it restores. Nothing without a superuser. What is not
 * taken back when they are freed goes with the unfinished database; but those on the server's
 * tablespaces are taken back by that, whatever was cancelled, with a warning where it fails. */
typedef struct _ObRestoreGrants ObRestoreGrants;

/* For a section's @cut, which has to outlive it; NULL for rows. */
ObRestoreGrants *ob_restore_grants_new (ObRestoreRun *run, const ObTocCut *cut,
                                        GCancellable *cancellable, GError **error);

/* Gives what is lacking by now; what was made meanwhile may lack it again. */
gboolean ob_restore_grants_give (ObRestoreGrants *grants, GCancellable *cancellable,
                                 GError **error);

/* Drops what bbdd.user could put on tables of superusers meanwhile, and warns of it. */
gboolean ob_restore_grants_take_back (ObRestoreGrants *grants, GCancellable *cancellable,
                                      GError **error);
void ob_restore_grants_free (ObRestoreGrants *grants);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObRestoreGrants, ob_restore_grants_free)

/* ---- ob-database-roles.c: what pg_restore leaves out */

/* Creates roles that the backup names and the server lacks, and bbdd.user where it is another than
 * the owner, whom it is then made a member of if he was created too. */
gboolean ob_restore_roles (ObRestoreRun *run, GCancellable *cancellable, GError **error);

/* CREATE DATABASE, closed to everybody but owner and superusers. */
gboolean ob_restore_create_database (ObRestoreRun *run, GCancellable *cancellable, GError **error);

/* Settings, comment, ACL, connection limit. Last, since it opens the database. */
gboolean ob_restore_settings (ObRestoreRun *run, GCancellable *cancellable, GError **error);

/* The options of CREATE DATABASE for encoding and locale. It always names the provider, where the
 * server knows some: else it would be that of the server's template. Transfer full. */
char *ob_restore_format_locale (JsonObject *facts, int server_version);

/* "a, \"b c\"" as a setting of kind list keeps it, to its elements. NULL where it does not parse.
 * Transfer full. */
GStrv ob_restore_split_list_setting (const char *value);

/* ---- ob-database-rows.c */

ObRowTally *ob_row_tally_new (void);
void ob_row_tally_add (ObRowTally *tally, const char *schema, const char *name, guint64 rows);
void ob_row_tally_free (ObRowTally *tally);

/* ANALYZE and the number of rows of every table, in parallel: as the server counted them while
 * they were loaded; a table that the tally does not know is counted, and in a scratch database
 * every one. Errors: CORRUPT naming a table whose number is not the manifest's. */
gboolean ob_restore_check_rows (ObRestoreRun *run, GCancellable *cancellable, GError **error);

/* ---- ob-database-swap.c */

/* Ends all sessions on both databases, those of replication and of extensions too; *@n_ended counts
 * them up. Autovacuum yields to a rename by itself. Who is no superuser could end none of the
 * server's own processes, and would get an error instead. */
gboolean ob_database_end_sessions (ObPostgres *postgres, const char *first, const char *second,
                                   guint *n_ended, GCancellable *cancellable, GError **error);

/* In one transaction, renames @name to @away and @in to @name (each may be NULL: not that one),
 * after ending the sessions on both. */
gboolean ob_database_rename_pair (ObPostgres *postgres, const char *name, const char *away,
                                  const char *in, guint *n_ended, GCancellable *cancellable,
                                  GError **error);

/* ---- ob-database-space.c */

/* The directory of @tablespace (NULL, or one that has none of its own: the server's), where it is
 * on this host and may be known; else NULL. Transfer full. */
char *ob_restore_find_data_directory (const ObDatabaseConfig *config, ObPostgres *postgres,
                                      const char *tablespace, GCancellable *cancellable);

/* Watches the free space of the file system of that directory while it is filled, and cancels
 * @cancellable when the floor is reached: 5 %, but 32 MiB at least and 1 GiB at most. NULL where
 * the server's files cannot be seen from here. Transfer full. */
ObSpaceGuard *ob_restore_guard_space (const ObDatabaseConfig *config, const char *tablespace,
                                      GCancellable *cancellable);

/* ---- ob-database-tablespaces.c */

/* *@name: that of a database; NULL where there is no such database. Transfer full. */
gboolean ob_restore_find_tablespace (ObPostgres *postgres, const char *database, char **name,
                                     GCancellable *cancellable, GError **error);

/* Sets run->tablespace to that of the backup's database; warns where it cannot be had. */
gboolean ob_restore_choose_tablespace (ObRestoreRun *run, ObPostgres *postgres,
                                       GCancellable *cancellable, GError **error);

/* Sets run->no_tablespaces where one is missing that the backup's tables or indexes lie in, or
 * gives bbdd.user no room, and warns of it. After ob_restore_choose_tablespace(). */
gboolean ob_restore_check_tablespaces (ObRestoreRun *run, ObPostgres *postgres,
                                       GCancellable *cancellable, GError **error);

G_END_DECLS
