/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <gio/gio.h>
#include <sys/uio.h>

#include "ob-checkup.h"

G_BEGIN_DECLS

#define OB_TYPE_STORE (ob_store_get_type ())
G_DECLARE_DERIVABLE_TYPE (ObStore, ob_store, OB, STORE, GObject)

/* Bytes at a destination, under names like "data/ab/abcd…" ('/'-separated, no "." or ".."): what a
 * repository needs of a directory, a bucket or a share. Every call blocks; every call may come from
 * any thread, several at once. */

typedef enum
{
  OB_STORE_PUT_NONE = 0,
  /* The object need not be durable nor visible before ob_store_flush() returns; lets a store sync
   * many objects at once. */
  OB_STORE_PUT_DEFERRED = 1 << 0,
  /* EXISTS where the name is taken already, so that of two who make the same thing at once one is
   * refused. A store that cannot tell replaces it as ever: who has to know looks before. */
  OB_STORE_PUT_NEW = 1 << 1,
  /* The object will be read again and again (a pack of trees): a store that keeps copies of what is
   * far away may keep one. */
  OB_STORE_PUT_KEEP = 1 << 2,
  /* Not locked as ob_store_get_lock_days() has it: it takes the place of another, whose lock it
   * gets. */
  OB_STORE_PUT_UNLOCKED = 1 << 3,
} ObStorePutFlags;

/* Called for each object; FALSE ends the listing without an error. @name is relative to the listed
 * directory's own store name (whole name). */
typedef gboolean (*ObStoreListFunc) (const char *name, guint64 size, gpointer user_data);

struct _ObStoreClass
{
  GObjectClass parent_class;

  gboolean (*put) (ObStore *self, const char *name, const struct iovec *parts, gsize n_parts,
                   ObStorePutFlags flags, GCancellable *cancellable, GError **error);
  gboolean (*flush) (ObStore *self, GCancellable *cancellable, GError **error);
  gssize (*read) (ObStore *self, const char *name, guint64 offset, void *buffer, gsize size,
                  GCancellable *cancellable, GError **error);
  /* May be NULL: stat and read. */
  GBytes *(*get) (ObStore *self, const char *name, gsize max, GCancellable *cancellable,
                  GError **error);
  gboolean (*stat) (ObStore *self, const char *name, guint64 *size, GCancellable *cancellable,
                    GError **error);
  gboolean (*list) (ObStore *self, const char *directory, ObStoreListFunc func, gpointer user_data,
                    GCancellable *cancellable, GError **error);
  gboolean (*remove) (ObStore *self, const char *name, GCancellable *cancellable, GError **error);
  gboolean (*space) (ObStore *self, guint64 *free_bytes, guint64 *total_bytes,
                     GCancellable *cancellable, GError **error);
  gboolean (*prepare) (ObStore *self, GCancellable *cancellable, GError **error);
  char *(*describe) (ObStore *self);
  gboolean (*has_failed) (ObStore *self); /* may be NULL: never */
  gboolean (*is_consistent) (ObStore *self); /* may be NULL: no */
  guint (*get_reads_at_once) (ObStore *self); /* may be NULL: 1 */
  char *(*get_waiting) (ObStore *self, gint64 *since); /* may be NULL: never */
  void (*forget) (ObStore *self, const char *name); /* may be NULL: keeps nothing */
  gboolean (*purge) (ObStore *self, const char *name, GCancellable *cancellable,
                     GError **error); /* may be NULL: keeps nothing of what was removed */
  void (*checkup) (ObStore *self, ObCheckup *checkup); /* may be NULL: no steps of its own */
  /* May be NULL: read. */
  gssize (*read_kept) (ObStore *self, const char *name, guint64 offset, void *buffer, gsize size,
                       GCancellable *cancellable, GError **error);
  gboolean (*distrust) (ObStore *self, const char *name); /* may be NULL: no copy */
  void (*set_rate) (ObStore *self, guint64 rate); /* may be NULL: all that is put and read counts */
  guint64 (*get_requests) (ObStore *self); /* may be NULL: 0 */
  /* May be NULL, all of them: nothing can be locked. */
  guint (*get_lock_days) (ObStore *self);
  gboolean (*can_lock) (ObStore *self, gboolean *can, GCancellable *cancellable, GError **error);
  gboolean (*get_lock) (ObStore *self, const char *name, gint64 *until, GCancellable *cancellable,
                        GError **error);
  gboolean (*extend_lock) (ObStore *self, const char *name, gint64 until, gboolean *changed,
                           GCancellable *cancellable, GError **error);
};

/* Stores the parts one behind another under @name, as a whole or not at all: a reader never sees
 * half an object under its name, and after a crash there is none. Replaces what had the name.
 * Errors: NO_SPACE, DESTINATION_UNAVAILABLE (also where the directory of the store has gone),
 * EXISTS (only with OB_STORE_PUT_NEW). */
gboolean ob_store_put (ObStore *self, const char *name, const struct iovec *parts, gsize n_parts,
                       ObStorePutFlags flags, GCancellable *cancellable, GError **error);

/* Makes everything put so far durable and visible, and every removal durable. */
gboolean ob_store_flush (ObStore *self, GCancellable *cancellable, GError **error);

/* Reads up to @size bytes from @offset into @buffer: the count, smaller only at the object's end;
 * -1 on error. Errors: NOT_FOUND, DESTINATION_UNAVAILABLE, FAILED. */
gssize ob_store_read (ObStore *self, const char *name, guint64 offset, void *buffer, gsize size,
                      GCancellable *cancellable, GError **error);

/* As ob_store_read(), of an object that will be read again and again (a pack of trees): a store
 * that keeps copies of what is far away may read the whole of it once, and this from its copy. */
gssize ob_store_read_kept (ObStore *self, const char *name, guint64 offset, void *buffer,
                           gsize size, GCancellable *cancellable, GError **error);

/* What ob_store_read_kept() gave was not what the object should have: drops a copy of it. Whether
 * there was one, so that it makes sense to read it once more. Any thread. */
gboolean ob_store_distrust (ObStore *self, const char *name);

/* A whole object of at most @max bytes. Transfer full. Errors: as read; CORRUPT where larger. */
GBytes *ob_store_get (ObStore *self, const char *name, gsize max, GCancellable *cancellable,
                      GError **error);

/* Size in bytes. Errors: NOT_FOUND. @size may be NULL. */
gboolean ob_store_stat (ObStore *self, const char *name, guint64 *size, GCancellable *cancellable,
                        GError **error);

/* All objects below @directory ("data", "index", …) in any order and depth, without those still
 * being written. A missing directory is empty. */
gboolean ob_store_list (ObStore *self, const char *directory, ObStoreListFunc func,
                        gpointer user_data, GCancellable *cancellable, GError **error);

/* Removes an object; one that is not there is no error. Errors: LOCKED, saying until when. */
gboolean ob_store_remove (ObStore *self, const char *name, GCancellable *cancellable,
                          GError **error);

/* The same for one whose content is there under another name by now: locked or not it is seen no
 * more, and where it is locked its bytes stay, as a version that is not the latest. */
gboolean ob_store_hide (ObStore *self, const char *name, GCancellable *cancellable, GError **error);

/* Whether an object is one of those that are locked: all of a repository but its lock files, which
 * come and go. */
gboolean ob_store_is_for_good (const char *name);

/* For how many days what is put is locked from then on, so that nobody can remove it: 0 where it is
 * not. Lock files of a repository, and what is no part of one, never are. Any thread. */
guint ob_store_get_lock_days (ObStore *self);

/* FALSE where objects are to be locked, and cannot be there. Errors: NOT_SUPPORTED. */
gboolean ob_store_check_locks (ObStore *self, GCancellable *cancellable, GError **error);

/* Until when @name cannot be removed: seconds since the epoch, in the future; 0 where it can be. */
gboolean ob_store_get_lock (ObStore *self, const char *name, gint64 *until,
                            GCancellable *cancellable, GError **error);

/* FALSE with LOCKED, saying until when, where it cannot be removed. */
gboolean ob_store_check_unlocked (ObStore *self, const char *name, GCancellable *cancellable,
                                  GError **error);

/* "2026-12-29 03:20", local time, for messages. Transfer full. Any thread. */
char *ob_store_format_lock (gint64 until);

/* Makes @name locked until @until at least (seconds since the epoch). *@changed: it was not.
 * Nothing to do where nothing can be locked. Errors: NOT_FOUND, and those of the store. */
gboolean ob_store_extend_lock (ObStore *self, const char *name, gint64 until, gboolean *changed,
                               GCancellable *cancellable, GError **error);

/* Free (for us) and total bytes; both G_MAXUINT64 where the store has no such notion. */
gboolean ob_store_space (ObStore *self, guint64 *free_bytes, guint64 *total_bytes,
                         GCancellable *cancellable, GError **error);

/* Makes the store's own directories for a new repository (data/00 … data/ff, index, keys, locks,
 * snapshots), mode 0700. */
gboolean ob_store_prepare (ObStore *self, GCancellable *cancellable, GError **error);

/* Whether this object is of no use for writing any more, since something that was put deferred
 * could not be made durable (each flush fails then): who goes on must open the place anew. Any
 * thread. */
gboolean ob_store_has_failed (ObStore *self);

/* Whether what anybody has put or removed is seen by all others at once, in lists as well: not
 * where a network or a cache lies between. Any thread. */
gboolean ob_store_is_consistent (ObStore *self);

/* How many threads may wait for bytes of it at once, so that one after another does not wait for an
 * answer from far away; 1 where nobody has to wait, and the processors alone count. Any thread. */
guint ob_store_get_reads_at_once (ObStore *self);

/* What calls of it wait for at present that does not go on by itself, as a server that does not
 * answer: whom and why, for people, to go behind "waiting for ". NULL where none does, and always
 * where the store is of this host. *@since: from when on (g_get_monotonic_time()); not set where
 * none waits. Transfer full. Any thread. */
char *ob_store_get_waiting (ObStore *self, gint64 *since);
/* Has what this host keeps of an object in its memory forgotten, so that it is read from the
 * destination itself next time. A request, no more. Any thread. */
void ob_store_forget (ObStore *self, const char *name);

/* Removes for good what the destination has kept of an object that was removed: its versions, where
 * it has such. Errors: as remove. */
gboolean ob_store_purge (ObStore *self, const char *name, GCancellable *cancellable,
                         GError **error);

/* Adds the steps that this kind of store has of its own, beside those of ob_store_checkup_access().
 * A local one:
 *   permissions   figures "mode" (u), "owner" (u: uid); a warning where everybody may enter
 *   file-system   figures "mount-point", "type" (s), "read-only" (b)
 * One in S3, for as long as the keys are good and the bucket is there:
 *   credentials   figures "source" (s: as in ObS3Settings), "access-key" (s: shortened), "expires"
 *                 (t: seconds since the epoch, if they end)
 *   bucket        figures "bucket", "region" (s)
 *   clock         figure "seconds" (x: that our clock is ahead); a warning beyond a minute
 *   versioning    figures "versioning" (s: "off", "enabled" or "suspended"), "expires" (b: a rule
 *                 of the bucket removes former versions)
 *   object-lock   figures "object-lock" (b), "mode" (s: "governance" or "compliance"), "days" (u:
 *                 that new objects are locked)
 * Blocks. Errors of the steps: DESTINATION_UNAVAILABLE, CREDENTIALS_REJECTED. */
void ob_store_checkup (ObStore *self, ObCheckup *checkup);

/* From now on at most @rate bytes a second go there and come from there; 0: as many as can.
 * Before other threads use it. */
void ob_store_set_rate (ObStore *self, guint64 rate);

/* As it was set. */
guint64 ob_store_get_rate (ObStore *self);

/* Waits for as long as what was moved so far takes at the rate that is set: calls do not wait for
 * what they move themselves, but for those before them. Ends early where it is cancelled. */
void ob_store_settle (ObStore *self, GCancellable *cancellable);
/* How many requests have gone to a server so far, those that were sent again counted each time; 0
 * where there is none. Any thread. */
guint64 ob_store_get_requests (ObStore *self);

/* Where it is, for messages: a path or an address. Transfer full. */
char *ob_store_describe (ObStore *self);

G_END_DECLS
