/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which backups may go: a pure function of a policy, a list of backups and a time. It reads no
 * clock and touches nothing; whoever deletes asks it first.
 *
 * A policy has rules (see ob-retention-rules.h) for each kind of backup, and each kind is counted
 * for itself, so that what the service makes by itself pushes out nothing that somebody made:
 *
 *   scheduled  the rules that the policy has to have. Copies (the kind "copy") count among them.
 *   automatic  made before a change: rules with "automatic-" before their names. Where there is
 *              none, the last 3 and all within 7 days.
 *   manual     rules with "manual-" before their names. Where there is none, kept for ever.
 *   any other  kept: nobody here knows what they are for.
 *
 * Good backups go where no rule keeps them. Beyond the rules:
 *
 *   - What is pinned, or needed by something, stays. It takes its place in the counts all the same:
 *     to pin one changes nothing for the others.
 *   - The last good backup of each part never goes, whatever its kind. Where there is no good one,
 *     the newest partial one stays; where there is none of these either, the newest failed one.
 *   - A partial backup, which lacks something but can be restored, stays as long as the rules would
 *     keep it if it were a good one; but it takes no place from a good one.
 *   - A failed one goes as soon as there is a newer good one that has its parts. Until then it
 *     stays as long as the rules would keep it if it were a good one, and takes no place from
 *     others. So it is for manual ones too, whose failed attempts are not kept for ever.
 *   - One whose time has not come yet, made while the clock was wrong, stays until then; it takes
 *     no place in any count, and counts neither as last good one nor as newer one. */
#pragma once

#include "ob-retention-rules.h"

G_BEGIN_DECLS

/* From good to bad. */
typedef enum
{
  OB_RETENTION_GOOD,
  OB_RETENTION_PARTIAL, /* something is missing in it, the rest can be restored */
  OB_RETENTION_FAILED   /* never finished, or damaged since */
} ObRetentionResult;

/* A backup. A plain struct; its texts are the caller's. */
typedef struct
{
  const char *id;
  gint64 time;      /* seconds since 1970, UTC */
  const char *kind; /* "scheduled", "copy", "automatic", "manual"; others and NULL: kept */
  ObRetentionResult result;
  gboolean pinned;
  guint parts;           /* a bit for each part that it holds; 0: nobody tells them apart */
  const char *needed_by; /* "the open change Module X"; NULL: nothing needs it */
} ObRetentionItem;

/* What becomes of one. */
typedef struct
{
  gboolean keep;
  GStrv reasons; /* for people, at least one: "daily 3 of 7", "pinned"; "no rule keeps it" */
} ObRetentionVerdict;

void ob_retention_verdict_free (ObRetentionVerdict *verdict);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObRetentionVerdict, ob_retention_verdict_free)

/* A policy; it does not change, so any thread may use it. */
typedef struct _ObRetention ObRetention;

/* A policy from texts by the names of rules, a{ss} or a{sv} of texts: { "keep-daily": "7",
 * "automatic-keep-within": "2m" }. A floating @rules is sunk. Transfer full. Any thread. Errors:
 * INVALID_ARGUMENT: a name that is not known, or there twice; a number or a span of time that is
 * none; rules for a kind that would keep nothing at all. */
ObRetention *ob_retention_new (GVariant *rules, GError **error);

/* A policy from all keys of @group of @file, in the same way. Errors: also INVALID_ARGUMENT where
 * there is no such group. */
ObRetention *ob_retention_new_from_key_file (GKeyFile *file, const char *group, GError **error);

void ob_retention_free (ObRetention *retention);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObRetention, ob_retention_free)

/* For people: "the last 3 and 7 daily; automatic: the last 3 and all within 7 days; manual: all".
 * Transfer full. Any thread. */
char *ob_retention_to_string (const ObRetention *retention);

/* Judges @n_items backups, in any order, all of one installation at one destination and no two with
 * the same id. @zone: where days and weeks are cut; @now: seconds since 1970, UTC. Backups of the
 * same second are ordered by their ids. Array of ObRetentionVerdict, the first one for the first
 * item, transfer full. Any thread. */
GPtrArray *ob_retention_apply (const ObRetention *retention, const ObRetentionItem *items,
                               gsize n_items, GTimeZone *zone, gint64 now);

G_END_DECLS
