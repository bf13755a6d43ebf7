/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What drills of several backups found, for the result of a job. */
#pragma once

#include "ob-catalogue.h"
#include "ob-job.h"

G_BEGIN_DECLS

typedef enum
{
  OB_DRILL_PROVEN,
  OB_DRILL_FAILED,  /* the backup is to blame */
  OB_DRILL_UNKNOWN, /* nothing was learnt of the backup */
} ObDrillOutcome;

/* One backup. */
typedef struct
{
  const ObBackupRecord *record; /* borrowed */
  ObDrillOutcome outcome;
  guint64 rows, files, bytes; /* restored */
  GPtrArray *checks;          /* of ObDatabaseCheck; NULL for none */
  gdouble seconds;
  const char *message;        /* borrowed; NULL where it is proven */
} ObDrill;

typedef struct _ObDrillResult ObDrillResult;

/* Transfer full. One thread at a time. */
ObDrillResult *ob_drill_result_new (void);
void ob_drill_result_free (ObDrillResult *result);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObDrillResult, ob_drill_result_free)

/* "proven", "failed", "unknown". Transfer none. Any thread. */
const char *ob_drill_outcome_get_name (ObDrillOutcome outcome);

/* Takes a copy of what @drill tells. */
void ob_drill_result_add (ObDrillResult *result, const ObDrill *drill);

/* "backups" of the job's result: aa{sv}, floating. Empties @result. */
GVariant *ob_drill_result_end (ObDrillResult *result);

/* The first check that is not good, as a sentence that names it; NULL where all are. @checks: of
 * ObDatabaseCheck. Transfer full. */
char *ob_drill_result_blame_check (GPtrArray *checks);

/* Whether @message, of a restore that failed, tells of this host rather than of the backup: no
 * room, no memory, a disk that fails, a server that goes. By the English words of PostgreSQL and of
 * the C library, since what pg_restore says has no code. Any thread. */
gboolean ob_drill_result_blames_host (const char *message);

G_END_DECLS
