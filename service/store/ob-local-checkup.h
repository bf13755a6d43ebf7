/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "ob-checkup.h"

G_BEGIN_DECLS

/* Adds the steps that a local store has of its own, see ob_store_checkup(). @root_fd is the
 * directory @path, opened. Blocks. Any thread. */
void ob_local_checkup (const char *path, int root_fd, ObCheckup *checkup);

G_END_DECLS
