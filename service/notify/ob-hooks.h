/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Programs of the administrator's that hear of events: every hook in a directory (ob-hook-file.h
 * tells which files are hooks, and which of them are refused) runs once for each event.
 *
 * A hook gets the event on standard input (ob_event_to_json()), in a file in memory: it may read
 * all of it, a part or nothing. It has no arguments, the working directory "/", the rights and the
 * sandbox of the service, and of the environment PATH, LANG=C.UTF-8, HOME, OBBACKUP_EVENT (the
 * event's name) and OBBACKUP_SEVERITY; no descriptor but the standard ones.
 *
 * Each hook hears of events one after the other, in order; different hooks run side by side. Up to
 * OB_HOOKS_MAX_WAITING events wait for each of them. A hook that takes longer than its time is sent
 * SIGTERM and OB_HOOKS_GRACE_SECONDS later SIGKILL, with all of its process group. Where it fails,
 * a warning names it, the event, why, and the last lines of what it wrote (8 lines, 1500 bytes).
 * What it leaves running when it ends in time is left alone and not waited for.
 *
 * A hook that is refused is warned of once, and again when the reason changes. No failure of a hook
 * reaches whoever emits.
 */
#pragma once

#include "ob-event.h"

G_BEGIN_DECLS

#define OB_HOOKS_TIME_LIMIT_SECONDS 30
#define OB_HOOKS_GRACE_SECONDS 5
#define OB_HOOKS_DRAIN_SECONDS 5
#define OB_HOOKS_MAX_WAITING 100

typedef struct _ObHooks ObHooks;

/* The hooks in @directory (which may be missing, then or later, and is looked into anew for each
 * event; a relative one is below the working directory of now), each with @time_limit_seconds for
 * one event, at least 1. Transfer full. */
ObHooks *ob_hooks_new (const char *directory, guint time_limit_seconds);

/* Has all hooks told of @event (transfer none). Returns at once: directories are read, and programs
 * started and waited for, in other threads. Any thread. */
void ob_hooks_emit (ObHooks *hooks, const ObEvent *event);

/* Waits, blocking, until all hooks have been told of all events, for @seconds at most: whether it
 * came to that. For the end of the service, before ob_hooks_free(). Any thread. */
gboolean ob_hooks_drain (ObHooks *hooks, guint seconds);

/* Stops the hooks that run, as where their time is up, which takes OB_HOOKS_GRACE_SECONDS at most
 * where they heed no SIGTERM; and drops, with a warning for each hook, what they were not told
 * of. */
void ob_hooks_free (ObHooks *hooks);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObHooks, ob_hooks_free)

G_END_DECLS
