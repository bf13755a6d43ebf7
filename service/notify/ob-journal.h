/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Events in the journal, where people find them with journalctl and programs by their fields:
 *
 *   MESSAGE_ID     what kind of event it is, one of the constants below; `journalctl -x` explains
 *                  each (data/obbackup.catalog)
 *   MESSAGE        the sentence
 *   PRIORITY       5 for info, 4 for warning, 3 for error, as syslog counts
 *   OBBACKUP_…     the fields in capitals, with _SEC for _seconds: OBBACKUP_INSTANCE,
 *                  OBBACKUP_DESTINATION, OBBACKUP_SCHEDULE, OBBACKUP_JOB, OBBACKUP_OPERATION,
 *                  OBBACKUP_BACKUP, OBBACKUP_STATE, OBBACKUP_DURATION_SEC, OBBACKUP_BYTES and so
 *                  on; a boolean is "true" or "false"
 *   OBBACKUP_EVENT the event's name
 *
 * They go through GLib's structured log, to whichever writer the program has set. GLib's own one
 * sends all fields where standard error is the journal's, and prints the sentence where it is not.
 */
#pragma once

#include "ob-event.h"

G_BEGIN_DECLS

/* Random numbers of 128 bits (systemd-id128 new) that never change: people filter by them. Kept in
 * step with data/obbackup.catalog, which a test compares. */
#define OB_JOURNAL_ID_JOB_FINISHED         "a4fca444267f4e27b34d7072f0bf6fd7"
#define OB_JOURNAL_ID_BACKUP_LATE          "aadc30615fd74bedb2a013c71fa0fdee"
#define OB_JOURNAL_ID_BACKUP_IN_TIME_AGAIN "f0fd90a199a24a12b012ef7777a3580c"
#define OB_JOURNAL_ID_SPACE_LOW            "91d9c146cde74f8e9b469d71be7766a6"
#define OB_JOURNAL_ID_DAMAGE_FOUND         "31240a145db643d392b10f03ffbb8420"
#define OB_JOURNAL_ID_SCHEDULE_MISSED      "b17093aad6be467592e77724ef912eaf"
#define OB_JOURNAL_ID_CONFIGURATION_ERROR  "99784d40ef4247d1a1b334f3ba492e1e"
#define OB_JOURNAL_ID_CHANGE_OPEN_LONG     "1768d6cc8dcc4d9da56ab17430a2b6b1"

/* The MESSAGE_ID of events of @kind, 32 hexadecimal digits. Transfer none. Any thread. */
const char *ob_journal_get_message_id (ObEventKind kind);

/* Logs @event (transfer none). Whoever has no journal loses nothing but the fields. Any thread. */
void ob_journal_write (const ObEvent *event);

G_END_DECLS
