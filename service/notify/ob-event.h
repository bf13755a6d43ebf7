/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Something that happened and that people or machines should hear of: its kind, how bad it is, a
 * sentence, and fields. It goes to the journal (ob-journal.h) and to hooks (ob-hooks.h).
 *
 * SECURITY: what is in an event leaves the service. Nothing gets in but what is set below: never
 * set a passphrase, a password, a key, or a URL that holds one.
 *
 * An event belongs to one thread at a time. Everything in it is bounded: what is longer is cut at
 * a character and ends in "…", what is not UTF-8 is made so, and control characters become blanks.
 */
#pragma once

#include <json-glib/json-glib.h>

G_BEGIN_DECLS

/* Bytes of the sentence, and of the text of a field. */
#define OB_EVENT_MAX_MESSAGE 4096
#define OB_EVENT_MAX_TEXT 1024
/* Fields of an event. */
#define OB_EVENT_MAX_FIELDS 32

typedef enum
{
  OB_EVENT_JOB_FINISHED,         /* "job-finished": of any operation, in any state */
  OB_EVENT_BACKUP_LATE,          /* "backup-late": the last good one is older than it may be */
  OB_EVENT_BACKUP_IN_TIME_AGAIN, /* "backup-in-time-again": the end of the former */
  OB_EVENT_SPACE_LOW,            /* "space-low": a destination fills up */
  OB_EVENT_DAMAGE_FOUND,         /* "damage-found": a repository holds what cannot be read */
  OB_EVENT_SCHEDULE_MISSED,      /* "schedule-missed": a run was due and did not begin */
  OB_EVENT_CONFIGURATION_ERROR,  /* "configuration-error": a setting cannot be followed */
  OB_EVENT_CHANGE_OPEN_LONG,     /* "change-open-long": a change is neither kept nor undone */
  OB_N_EVENTS
} ObEventKind;

typedef enum
{
  OB_SEVERITY_INFO,    /* nothing has to be done */
  OB_SEVERITY_WARNING, /* somebody should look at it soon */
  OB_SEVERITY_ERROR,   /* something that was asked for did not happen, or data is in danger */
} ObSeverity;

typedef struct _ObEvent ObEvent;

/* "backup-late" for OB_EVENT_BACKUP_LATE: lower-case letters and "-" alone. Transfer none. Any
 * thread. */
const char *ob_event_kind_get_name (ObEventKind kind);

/* "info", "warning" or "error". Transfer none. Any thread. */
const char *ob_severity_get_name (ObSeverity severity);

/* An event that happens now, with a sentence for people in @message. Transfer full. */
ObEvent *ob_event_new (ObEventKind kind, ObSeverity severity, const char *message);

/* Sets a field. @key is 1 to 32 of [a-z_] and begins with a letter. The usual ones are, as text:
 * instance, destination, schedule, job, operation, backup, state, error (a name of ob-error.h);
 * as numbers: duration_seconds, age_seconds, bytes. A field that is set again has the new value.
 * A text of NULL sets nothing, so that a caller need not ask what it knows. It is a mistake of the
 * program, that changes nothing, to set more than OB_EVENT_MAX_FIELDS, or one of those that
 * ob_event_to_json() names by itself. */
void ob_event_set_string (ObEvent *event, const char *key, const char *text);
void ob_event_set_int64 (ObEvent *event, const char *key, gint64 number);
void ob_event_set_boolean (ObEvent *event, const char *key, gboolean value);

ObEventKind ob_event_get_kind (const ObEvent *event);
ObSeverity ob_event_get_severity (const ObEvent *event);

/* The sentence as it was bounded. Transfer none. */
const char *ob_event_get_message (const ObEvent *event);

/* The fields in the order in which they were set: text, gint64 and boolean values by their keys.
 * Transfer none; not to be changed. */
JsonObject *ob_event_get_fields (const ObEvent *event);

/* One JSON object, UTF-8, with a member a line so that a shell script can pick one, and a line end:
 *
 *   event            the name of its kind
 *   time             when, RFC 3339 in UTC with milliseconds, "2026-11-23T04:05:06.789Z"
 *   host             this machine's name
 *   severity         "info", "warning" or "error"
 *   message          the sentence
 *   service_version  of obbackupd
 *
 * and then the fields. At most 64 KiB are usual; text that needs escapes takes up to 6 times its
 * own size. Transfer full. */
char *ob_event_to_json (const ObEvent *event);

void ob_event_free (ObEvent *event);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObEvent, ob_event_free)

G_END_DECLS
