/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a backup says of itself: /manifest.json in its tree tells all that a restore on an empty
 * host needs, and the `obbackup` object of its snapshot file tells what a list shows. */
#pragma once

#include "ob-file-backup.h"
#include "ob-instance.h"
#include "ob-snapshot.h"

G_BEGIN_DECLS

#define OB_MANIFEST_FORMAT 1
#define OB_MANIFEST_FILE "manifest.json"
#define OB_MANIFEST_MAX_SIZE (256 * 1024 * 1024)

/* A directory in the backup. */
typedef struct
{
  ObParts part;
  char *path;
  GStrv exclude; /* below it, left out; may be NULL */
  ObFileBackupStats stats;
} ObManifestTree;

/* A plain struct: the backup job fills it. */
typedef struct
{
  ObInstance *instance;
  char *kind, *label;      /* @label may be NULL */
  char *schedule;          /* that made it; NULL for none */
  ObParts parts;           /* that the backup holds */
  struct timespec start;   /* of the database's snapshot, or of the job */
  gint64 seconds;          /* that the job took until now */
  JsonObject *facts;       /* of the database; NULL without it */
  GPtrArray *streams;      /* its archives, char * */
  guint64 database_bytes;  /* of the archives */
  GPtrArray *trees;        /* of ObManifestTree */
  GPtrArray *warnings;     /* char * */
  gboolean partial;
} ObManifest;

ObManifest *ob_manifest_new (void);
void ob_manifest_free (ObManifest *manifest);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObManifest, ob_manifest_free)

/* The text of /manifest.json. Transfer full. Any thread. */
char *ob_manifest_to_json (const ObManifest *manifest);

/* The `obbackup` object of the snapshot file; @stored: bytes that this backup added. Transfer
 * full. */
JsonObject *ob_manifest_summarize (const ObManifest *manifest, guint64 stored);

/* The object in a manifest's text. Transfer full. Errors: CORRUPT, VERSION_MISMATCH (made by a
 * later version). */
JsonObject *ob_manifest_parse (const char *text, gsize size, GError **error);

/* The `obbackup` object once more, from a manifest whose snapshot file lost it. Transfer full. */
JsonObject *ob_manifest_get_summary (JsonObject *manifest);

/* Members of an object that somebody else may have written: "", 0, NULL where it is not there or of
 * another type. Transfer none. */
const char *ob_manifest_get_string (JsonObject *object, const char *name);
guint64 ob_manifest_get_number (JsonObject *object, const char *name);
JsonObject *ob_manifest_get_object (JsonObject *object, const char *name);
JsonArray *ob_manifest_get_array (JsonObject *object, const char *name);

/* The string that @node is; "" where it is none. Transfer none. */
const char *ob_manifest_read_string (JsonNode *node);

/* "parts" of a summary or manifest; unknown names are left out. */
ObParts ob_manifest_get_parts (JsonObject *object);

G_END_DECLS
