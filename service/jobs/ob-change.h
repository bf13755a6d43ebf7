/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A change: something is done to an installation (a module is installed), with a backup from
 * before it to go back to. STATE/changes/INSTANCE.json tells of the one that is open,
 * INSTANCE.ended.json how the last one ended. Any thread, one at a time for an instance; all
 * block for a moment. */
#pragma once

#include "ob-context.h"

G_BEGIN_DECLS

typedef enum
{
  OB_CHANGE_BEGINNING, /* its backup is being made */
  OB_CHANGE_OPEN,
  OB_CHANGE_ENDING, /* a job ends it, and it is open again if that fails */
} ObChangeState;

typedef struct
{
  char *id;          /* 32 hexadecimal digits */
  char *instance;
  char *label;       /* NULL for none */
  guint uid;         /* who began it */
  gint64 time;       /* when the backup was made, or begun; seconds since the epoch */
  ObChangeState state;
  char *backup;      /* id, once it is open */
  char *destination; /* that holds it */
  gboolean stopped;  /* the application was stopped for it, or may have been */
} ObChange;

/* Transfer full. */
ObChange *ob_change_new (const char *instance, const char *label, guint uid);
void ob_change_free (ObChange *change);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObChange, ob_change_free)

/* On the disk when it returns. */
gboolean ob_change_save (const ObChange *change, ObContext *context, GError **error);

/* The open one of @instance. NULL with NOT_FOUND where there is none; CORRUPT. Transfer full. */
ObChange *ob_change_load (ObContext *context, const char *instance, GError **error);

/* The open one with this id. Errors: NOT_FOUND saying how it ended, where it was the last one of
 * its instance. Transfer full. */
ObChange *ob_change_find (ObContext *context, const char *id, GError **error);

/* Whether @backup (a whole id) is what the change of an instance that is not over goes back to;
 * *@instance then (transfer full). */
gboolean ob_change_needs (ObContext *context, const char *backup, char **instance);

/* Whether the restore that is its rollback has come to its end. */
gboolean ob_change_is_rolled_back (const ObChange *change, ObContext *context);

/* It is over: @how is "succeeded", "was rolled back" or "never began". */
gboolean ob_change_end (const ObChange *change, ObContext *context, const char *how,
                        GError **error);

/* At the start of the service, after interrupted restores were settled: drops changes whose
 * backup was interrupted, and starts the application where it may have been stopped for one;
 * ends those whose rollback was finished, and opens again those whose rollback was not. What it
 * did: a sentence each. Transfer full. */
GPtrArray *ob_change_recover (ObContext *context);

G_END_DECLS
