/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How Go counts the bits of a file's mode (os.FileMode, package io/fs), which restic stores. */
#pragma once

#include "ob-node.h"

G_BEGIN_DECLS

/* The os.FileMode of a type and its permission bits. Any thread. */
guint32 ob_go_mode_from (ObNodeType type, mode_t mode);

/* The permission bits with setuid, setgid and sticky of an os.FileMode. Any thread. */
mode_t ob_go_mode_to (guint32 go_mode);

/* restic's word for a type, and back: FALSE for a word that is none of ours ("socket"). */
const char *ob_node_type_to_text (ObNodeType type);
gboolean ob_node_type_from_text (const char *text, ObNodeType *type);

G_END_DECLS
