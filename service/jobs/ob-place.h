/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "ob-context.h"
#include "ob-s3-settings.h"
#include "ob-store.h"

G_BEGIN_DECLS

/* Where a repository is, and how it is reached: a directory, or a bucket. What is secret of it is
 * in CONFIG/keys/NAME.s3 (mode 0600), the rest among the settings of its destination. Immutable,
 * reference-counted, any thread. */
typedef struct _ObPlace ObPlace;

/* The absolute directory @path. Transfer full. Errors: INVALID_ARGUMENT. */
ObPlace *ob_place_new_local (const char *path, GError **error);

/* @settings: copied. @secret: the secret key that belongs to its access-key, NULL where that is
 * kept already, or comes from elsewhere. Transfer full. Errors: INVALID_ARGUMENT. */
ObPlace *ob_place_new_s3 (const ObS3Settings *settings, const char *secret, GError **error);

/* From the settings of @group, as ob_place_save() writes them. Transfer full. Errors:
 * INVALID_ARGUMENT, NOT_SUPPORTED (the kind). */
ObPlace *ob_place_load (GKeyFile *file, const char *group, GError **error);

ObPlace *ob_place_ref (ObPlace *place);
void ob_place_unref (ObPlace *place);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObPlace, ob_place_unref)

/* Sets "kind" and what belongs to it in @group. */
void ob_place_save (ObPlace *place, GKeyFile *file, const char *group);

/* "local" or "s3". */
const char *ob_place_get_kind (ObPlace *place);

/* The directory, or the address as restic has it ("s3:https://HOST/BUCKET/PREFIX"). */
const char *ob_place_get_path (ObPlace *place);

/* NULL for a directory. */
const ObS3Settings *ob_place_get_s3 (ObPlace *place);

/* Whether it is a directory of a file system of this host. */
gboolean ob_place_is_local (ObPlace *place);

/* What may be the matter where the repository is not there, to go into a sentence: "its disk may
 * not be mounted". */
const char *ob_place_get_hint (ObPlace *place);

/* The store. @name: the destination's. @create: make the directory (the parent has to be there); a
 * bucket is never made. Of what is in a remote one copies are kept in the cache. Transfer full.
 * Blocks. Errors: DESTINATION_UNAVAILABLE, NOT_FOUND (the secret), INVALID_ARGUMENT. */
ObStore *ob_place_open (ObPlace *place, ObContext *context, const char *name, gboolean create,
                        GError **error);

/* Reaches and opens it step by step, for somebody who waits: nothing is tried for long. Of a
 * directory the step
 *   directory   figure "path" (s: without symbolic links)
 * of a bucket those of ob_http_checkup(), and of both those of ob_store_checkup(). *@needs: the
 * step that has to have gone well before anything can be asked of the store. Transfer full; NULL
 * where it could not be opened, which the steps tell. Blocks. */
ObStore *ob_place_checkup (ObPlace *place, ObContext *context, const char *name,
                           const char **needs, ObCheckup *checkup);
/* As ob_place_open(), without the cache: for who has to know what is really there. */
ObStore *ob_place_open_directly (ObPlace *place, ObContext *context, const char *name,
                                 GError **error);

/* Removes what the cache keeps of it. */
void ob_place_forget_copies (ObPlace *place, ObContext *context);

/* Writes the secret that it was made with, if there is one, to CONFIG/keys/NAME.s3. */
gboolean ob_place_save_secret (ObPlace *place, ObContext *context, const char *name,
                               GError **error);

/* Removes it: without its destination it is of use to nobody but a thief. */
gboolean ob_place_remove_secret (ObPlace *place, ObContext *context, const char *name,
                                 GError **error);

G_END_DECLS
