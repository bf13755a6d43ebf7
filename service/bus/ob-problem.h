/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "ob-event.h"

G_BEGIN_DECLS

typedef enum
{
  OB_PROBLEM_BACKUP_LATE,
  OB_PROBLEM_SPACE_LOW,
  OB_PROBLEM_DAMAGE_FOUND,
  OB_PROBLEM_CHANGE_OPEN_LONG,
  OB_PROBLEM_CONFIGURATION_ERROR,
  OB_PROBLEM_SCHEDULE_MISSED,
  OB_PROBLEM_SCHEDULE_FAILED,
  OB_PROBLEM_DESTINATION_UNAVAILABLE,
  OB_PROBLEM_APPLICATION_STOPPED,
  OB_PROBLEM_HISTORY_LOST,
} ObProblemKind;

/* Something that is wrong. */
typedef struct
{
  ObProblemKind kind;
  ObSeverity severity;
  char *name;    /* of the instance, destination, schedule or file that it is about */
  char *message; /* a sentence */
  gint64 since;  /* when it was seen first, seconds since the epoch */
  gint64 age;    /* of the last backup, in seconds; -1 where it is about none */
} ObProblem;

/* Transfer full. */
ObProblem *ob_problem_new (ObProblemKind kind, ObSeverity severity, const char *name,
                           const char *format, ...) G_GNUC_PRINTF (4, 5);
void ob_problem_free (ObProblem *problem);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObProblem, ob_problem_free)

/* "backup-late"… Transfer none. */
const char *ob_problem_kind_get_name (ObProblemKind kind);

/* "backup-late:erp". Transfer full. */
char *ob_problem_get_code (const ObProblem *problem);

/* "instance", "destination", "schedule" or "file": what it is about. Transfer none. */
const char *ob_problem_get_about (const ObProblem *problem);

/* The event that tells of it; NULL where another event tells of it already. Transfer full. */
ObEvent *ob_problem_make_event (const ObProblem *problem);

/* An a{sv} of GetProblems. Floating. */
GVariant *ob_problem_describe (const ObProblem *problem);

G_END_DECLS
