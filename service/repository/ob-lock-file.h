/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What stands in a lock file (restic, doc/design.rst, "Locks"), and when one no longer counts. */
#pragma once

#include <time.h>

#include "ob-id.h"

G_BEGIN_DECLS

/* The largest lock file that is read; real ones have some 300 bytes. */
#define OB_LOCK_FILE_MAX_SIZE (64 * 1024)

typedef struct
{
  struct timespec time; /* of its last refresh */
  gboolean exclusive;
  char *hostname;
  char *username;
  gint64 pid;
  guint uid, gid;
  /* Of ours, in an object `obbackup` that restic passes over. "" and 0 in a file of restic's. */
  char *machine;
  char *boot_id;
  char *pid_namespace;
  guint64 process_start;
} ObLockFile;

/* One of this process, as of now. Transfer full. */
ObLockFile *ob_lock_file_new (gboolean exclusive);
void ob_lock_file_free (ObLockFile *file);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObLockFile, ob_lock_file_free)

/* The JSON text, and back. Transfer full. Errors: CORRUPT. */
char *ob_lock_file_to_json (const ObLockFile *file);
ObLockFile *ob_lock_file_from_json (const void *text, gsize size, GError **error);

/* A refresh of five minutes, and some: when a machine is up for longer, each lock of its own from
 * an earlier boot has become stale. */
#define OB_LOCK_FILE_SETTLED_SECONDS (6 * 60)

/* Whether its holder is gone: not refreshed for 30 minutes, as restic has it, or a process that is
 * known to have ended. Of a lock of ours from this very boot and this very view of process numbers
 * that is certain at once. One from an earlier boot of this machine, not refreshed since, may be of
 * a copy of this machine under the same name, until a refresh is missing too. With restic's own, a
 * container may have our host's name and process numbers of its own, so it counts only once two
 * refreshes are missing too. */
gboolean ob_lock_file_is_stale (const ObLockFile *file, const struct timespec *now);

/* "root on erp1 (process 4711)", and "14:05:06, 2 minutes ago; unless it is refreshed, it
 * expires in 28 minutes". Transfer full. */
char *ob_lock_file_describe_holder (const ObLockFile *file);
char *ob_lock_file_describe_age (const ObLockFile *file, const struct timespec *now);

G_END_DECLS
