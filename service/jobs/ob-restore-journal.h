/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a restore in place writes down before each step: STATE/restores/INSTANCE.json, with a
 * copy of the instance's configuration beside it (INSTANCE.conf), for the case that it is
 * removed meanwhile. Once the restore is through, the journal stays as INSTANCE.TIME.json, the
 * record of the former state that is kept. Undoing the restore is another exchange, of the same
 * directories and databases, whose journal becomes the record in its turn. */
#pragma once

#include "ob-context.h"
#include "ob-database-exchange.h"
#include "ob-instance.h"

G_BEGIN_DECLS

typedef enum
{
  OB_RESTORE_STAGING,  /* nothing that lives has been touched */
  OB_RESTORE_STOPPING, /* as before, but the application may be stopped */
  OB_RESTORE_SWAPPING, /* directories may have been exchanged, and then the database */
  OB_RESTORE_SWAPPED,  /* all is in place; the application may be stopped, or not yet well */
  OB_RESTORE_RETURNING, /* the application was not well: all is being exchanged back */
  OB_RESTORE_RETURNED, /* all is back; the application may be stopped */
  OB_RESTORE_DONE,     /* the application was well, or there is no way back; all that is left to do
                        * is to remove what is not needed any more, and to keep the former state */
} ObRestorePhase;

/* A part nested in a unit that was not asked for: the living one moves into the new tree. */
typedef struct
{
  char *path;    /* relative to the unit */
  guint64 inode; /* of the living directory; 0 where there is none */
} ObRestoreCarry;

/* A directory that is exchanged as a whole, with the parts that lie in it. */
typedef struct
{
  ObParts part;          /* the outermost */
  ObParts parts;         /* all that were restored in it */
  char *path;            /* canonical */
  char *staging_parent;  /* directory, on the same file system */
  char *staging_name;    /* in it: root's alone, holds "new" and later "previous" */
  guint64 staging_inode; /* 0 before it was made */
  guint64 parent_inode;  /* of the directory that holds @path */
  guint64 new_inode;     /* of the restored directory, wherever it is by now */
  gboolean had_former;   /* there was a directory at @path before */
  guint64 kept_size;     /* bytes of the former one, once it is kept */
  GPtrArray *carries;    /* of ObRestoreCarry */

  /* Not written down. */
  char *made; /* the uppermost directory that was made to hold @path, or NULL */
} ObRestoreUnit;

typedef struct
{
  ObRestorePhase phase;
  char *instance;
  char *backup;          /* id */
  char *time;            /* of its beginning, YYYYMMDDHHMMSS, UTC */
  gboolean control;      /* the application is stopped and started */
  char *staged_database; /* NULL where the database is not restored */
  char *kept_database;   /* name that the former one gets */
  char *moving_database; /* name of the former one while its number is passed on */
  guint32 oid;           /* number that the database keeps; 0: it gets a new one */
  gboolean had_database; /* there is a former one; known from "swapping" on */
  guint64 kept_size;     /* bytes of the former database, once it is kept */
  gint64 kept_since;     /* seconds since the epoch: end of the last exchange */
  gboolean undo;         /* what is staged is the former state */
  char *change;          /* whose rollback this is; NULL for none */
  gboolean lossy;        /* what was restored lacks something */
  gboolean whole;        /* what lives is whole and was seen to be well: the former state may go */
  GPtrArray *units;      /* of ObRestoreUnit */

  /* Not written down. */
  gboolean resumed;     /* by who did not begin it: the application may run already */
  gboolean lived;       /* what was restored may have been worked with since */
  gint64 stopped_at;    /* monotonic microseconds, for the downtime */
  gint64 well_at;
  char *doomed_database; /* name that one gets before it is dropped; follows from that of moving */
  gdouble copy_seconds; /* that passing on the database's number took */
} ObRestoreJournal;

/* Its time is one that none of the kept restores of the instance has. */
ObRestoreJournal *ob_restore_journal_new (ObContext *context, ObInstance *instance,
                                          const char *backup);
void ob_restore_journal_free (ObRestoreJournal *journal);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObRestoreJournal, ob_restore_journal_free)

/* Another exchange, that takes back what @record did: with its time and its databases. Its units
 * are for the caller to plan. */
ObRestoreJournal *ob_restore_journal_new_undo (ObContext *context, ObInstance *instance,
                                               const ObRestoreJournal *record);

/* What its databases are to be exchanged for; borrows from @journal. */
ObDatabaseExchange ob_restore_journal_get_exchange (const ObRestoreJournal *journal);

/* Whether there was a state before that can be gone back to, in every part. */
gboolean ob_restore_journal_has_former (const ObRestoreJournal *journal);

/* The database @name is restored too: sets the names that the staged and the former one get. */
void ob_restore_journal_set_database (ObRestoreJournal *journal, const char *name);

/* Adds a unit with nothing but its part and path. Transfer none. */
ObRestoreUnit *ob_restore_journal_add_unit (ObRestoreJournal *journal, ObParts part,
                                            const char *path);

/* On the disk when it returns. */
gboolean ob_restore_journal_save (ObRestoreJournal *journal, ObContext *context, GError **error);

/* Saves it with another phase; on error the phase is as it was. */
gboolean ob_restore_journal_advance (ObRestoreJournal *journal, ObContext *context,
                                     ObRestorePhase phase, GError **error);

/* NULL with NOT_FOUND where the instance has none. @file: INSTANCE.json or INSTANCE.TIME.json. */
ObRestoreJournal *ob_restore_journal_load (ObContext *context, const char *file, GError **error);

/* Removes the record of a former state that is gone. */
gboolean ob_restore_journal_forget (ObRestoreJournal *journal, ObContext *context, GError **error);

/* Removes journal and configuration copy. */
gboolean ob_restore_journal_remove (ObRestoreJournal *journal, ObContext *context, GError **error);

/* Turns it into the record of the former state. */
gboolean ob_restore_journal_keep (ObRestoreJournal *journal, ObContext *context, GError **error);

/* Names of files in STATE/restores: journals (of all instances), or records of @instance; sorted.
 * Transfer full. */
GPtrArray *ob_restore_journal_list (ObContext *context);
GPtrArray *ob_restore_journal_list_kept (ObContext *context, const char *instance);

/* The instance as it was when the restore began. Transfer full. */
ObInstance *ob_restore_journal_load_instance (ObRestoreJournal *journal, ObContext *context,
                                              GError **error);

/* STAGING_PARENT/STAGING_NAME. Transfer full. */
char *ob_restore_unit_get_staging (const ObRestoreUnit *unit);

G_END_DECLS
