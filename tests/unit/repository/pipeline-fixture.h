/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A repository, a directory to back up and one to restore into, and what tests do with them. */
#pragma once

#include "core-fixture.h"
#include "ob-file-backup.h"
#include "ob-file-restore.h"
#include "ob-reader.h"
#include "ob-writer-private.h"

G_BEGIN_DECLS

typedef struct
{
  CoreFixture core;
  char *path; /* of all three below */
  char *source, *target;
  int source_fd, target_fd;
  GPtrArray *warnings; /* of text: "lost: …" where data is lost */
  ObProgress *progress;
} Pipeline;

/* For g_test_add(). */
void pipeline_set_up (Pipeline *pipeline, gconstpointer data);
void pipeline_tear_down (Pipeline *pipeline, gconstpointer data);

/* Whether one of the warnings holds @text. */
gboolean pipeline_has_warning (Pipeline *pipeline, const char *text);

/* Writes a file of the source. @name may hold any bytes. */
void pipeline_write (Pipeline *pipeline, const char *name, const void *data, gsize size);

/* Removes the target and makes it anew. */
void pipeline_clear_target (Pipeline *pipeline);

/* Backs the source up with a writer of its own, which is finished. @previous may be NULL. Transfer
 * full. */
ObNode *pipeline_backup (Pipeline *pipeline, const ObNode *previous, const char *const *exclude,
                         ObFileBackupStats *stats);

/* Restores into the target; what goes wrong fails the test. */
void pipeline_restore (Pipeline *pipeline, const ObNode *node, ObFileRestoreStats *stats);

/* Forgets what is known of the repository by opening it anew, and loads its index. */
void pipeline_reopen (Pipeline *pipeline);

/* Stores bytes or a tree with a writer of its own, which is finished. Transfer full. */
GArray *pipeline_store (Pipeline *pipeline, const void *data, gsize size);
void pipeline_store_tree (Pipeline *pipeline, GPtrArray *nodes, ObId *id);

/* Hands @size bytes to @writer as a blob called @id, whether that is true or not. */
void pipeline_add_blob (ObWriter *writer, ObBlobType type, const ObId *id, gconstpointer data,
                        gsize size);

/* Puts the text of a tree into the repository as it is, sound or not. */
void pipeline_store_tree_text (Pipeline *pipeline, const char *text, ObId *id);

/* Bytes that look like nothing, always the same for one @seed. Transfer full. */
guint8 *make_random (gsize size, guint32 seed);

/* A file's bytes by way of ob_reader_write_file(). Transfer full. */
GBytes *pipeline_read (Pipeline *pipeline, const ObNode *node);

/* Bytes of this process's memory at its highest since the last call of reset_peak_memory(). A
 * sanitizer takes so much of its own that begin_memory_test() skips the test (FALSE). */
gboolean begin_memory_test (void);
void reset_peak_memory (void);
gsize get_peak_memory (void);

G_END_DECLS
