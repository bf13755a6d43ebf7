/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <json-glib/json-glib.h>
#include <time.h>

#include "ob-id.h"

G_BEGIN_DECLS

/* A snapshot file (restic, doc/design.rst, "Snapshots"), with the `obbackup` object of ours inside
 * it. A plain struct: who makes it fills it. Unknown members of a file are kept out. */
typedef struct
{
  ObId id;                /* set by ob_repository_save_snapshot() and by loading */
  gboolean has_original;
  ObId original;          /* the id of the first version of this backup */
  gboolean is_apart;      /* it is no version of that one; set by ob_snapshot_settle_ids() */
  gboolean has_parent;
  ObId parent;
  ObId tree;              /* of the root directory */
  struct timespec time;
  GStrv paths;            /* absolute original paths */
  GStrv tags;
  char *hostname;
  char *username;
  guint uid, gid;
  char *program_version;  /* may be NULL */
  JsonObject *obbackup;   /* NULL where it is not ours (or a tool dropped it) */
} ObSnapshot;

ObSnapshot *ob_snapshot_new (void);
void ob_snapshot_free (ObSnapshot *snapshot);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObSnapshot, ob_snapshot_free)

/* The id that clients see: original where there is one, else id; of one that is apart its own.
 * Transfer none. */
const ObId *ob_snapshot_get_public_id (const ObSnapshot *snapshot);

/* Finds out which of all @snapshots (of ObSnapshot) of a repository are apart: those that have an
 * original, but other files or another time or host than what else is of that backup, as `restic
 * rewrite` and `restic repair snapshots` make them beside the one that stays. So two files have
 * one public id only where one is a version of the other that takes its place. */
void ob_snapshot_settle_ids (GPtrArray *snapshots);

/* Whether restic wrote it beside another one, as far as can be told: with other files than what was
 * backed up, while all that is in it, manifest and all, says that it is whole. After
 * ob_snapshot_settle_ids(), and before an obbackup object is put into one that has none. */
gboolean ob_snapshot_was_rewritten (const ObSnapshot *snapshot);

/* Whether @tag is among the tags. */
gboolean ob_snapshot_has_tag (const ObSnapshot *snapshot, const char *tag);

/* The value of the first tag "NAME=value"; NULL where there is none. Transfer none. */
const char *ob_snapshot_get_tag (const ObSnapshot *snapshot, const char *name);

/* The JSON text, and back. Bounded; errors: CORRUPT. */
char *ob_snapshot_to_json (const ObSnapshot *snapshot);
ObSnapshot *ob_snapshot_from_json (const char *text, gsize size, GError **error);

G_END_DECLS
