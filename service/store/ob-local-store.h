/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "ob-store.h"

G_BEGIN_DECLS

#define OB_TYPE_LOCAL_STORE (ob_local_store_get_type ())
G_DECLARE_FINAL_TYPE (ObLocalStore, ob_local_store, OB, LOCAL_STORE, ObStore)

/* Opens the directory @path, which root named (symbolic links are followed); with @create makes it,
 * mode 0700, where its parent is there. Holds its descriptor, so a disk unmounted and mounted again
 * does not change under a job. Transfer full. Any thread, blocks.
 * Errors: DESTINATION_UNAVAILABLE where it is missing (the message says that the disk may not be
 * mounted), is not a directory, or cannot be written. */
ObStore *ob_local_store_new (const char *path, gboolean create, GError **error);

G_END_DECLS
