/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "ob-repository.h"

G_BEGIN_DECLS

/* A lock file (restic, doc/design.rst, "Locks"), refreshed every five minutes by a thread of its
 * own as long as it is held. */
typedef struct _ObLock ObLock;

/* Locks. Stale locks (no refresh for 30 minutes, or of a process of this host that is gone) are
 * removed. Errors: LOCKED naming user, host and pid of the holder, since when, and when it will
 * expire. Transfer full. Blocks. */
ObLock *ob_lock_acquire (ObRepository *repository, gboolean exclusive, GCancellable *cancellable,
                         GError **error);

/* Called once, in the calling thread, when somebody else's lock is in the way; @message says
 * whose. */
typedef void (*ObLockWaitFunc) (const char *message, gpointer user_data);

/* Who waits for so long, or longer, also waits for what this machine held before its
 * latest start. */
#define OB_LOCK_PATIENT_SECONDS 60

/* As ob_lock_acquire(), but while it is LOCKED tries again for @seconds; with
 * OB_LOCK_PATIENT_SECONDS or more also until the machine is up for six minutes. @waits may be
 * NULL. */
ObLock *ob_lock_acquire_within (ObRepository *repository, gboolean exclusive, guint seconds,
                                ObLockWaitFunc waits, gpointer user_data,
                                GCancellable *cancellable, GError **error);

/* Whether there was a lock that its holder had left behind (it was cut off), when this one was
 * taken. Any thread. */
gboolean ob_lock_has_met_leftover (ObLock *lock);

/* FALSE once the lock could not be refreshed in time: the job must not publish anything any more.
 * Any thread. */
gboolean ob_lock_is_valid (ObLock *lock);

/* The same, with the error LOCKED where it is not. Any thread. */
gboolean ob_lock_check (ObLock *lock, GError **error);

/* As ob_lock_check(), and looks whether the lock's file is still there: a machine that stood still
 * (a virtual one that was paused, or moved) does not know how long, nor does one whose clock is
 * behind see that others take its locks for stale. To be called before what cannot be taken back:
 * before others can see a backup or an index file, and before anything is removed. Errors: LOCKED,
 * CANCELLED, those of the store. Any thread. Blocks. */
gboolean ob_lock_confirm (ObLock *lock, GCancellable *cancellable, GError **error);

/* As ob_lock_confirm(), but asks nobody where a refresh or an earlier call has seen the file within
 * the last five minutes and a half: refreshes come every five, so in the ordinary case it is as
 * cheap as ob_lock_check(). To be called before each of many steps of which none can be taken back,
 * after ob_lock_confirm() before the first. Any thread. May block. */
gboolean ob_lock_confirm_again (ObLock *lock, GCancellable *cancellable, GError **error);

/* Removes the lock file. Blocks shortly. */
void ob_lock_release (ObLock *lock);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObLock, ob_lock_release)

G_END_DECLS
