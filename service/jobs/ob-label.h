/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The labels of backups: what people call them. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define OB_LABEL_MAX 200 /* characters */

/* In front of a label in the tag of the snapshot that holds it. Since a tag is a text of its own in
 * the snapshot file, whatever stands behind it cannot pose as another tag. */
#define OB_LABEL_TAG "label="

/* Whether @label can be one: 1 to OB_LABEL_MAX characters on one line. Any thread. Errors:
 * INVALID_ARGUMENT. */
gboolean ob_label_check (const char *label, GError **error);

G_END_DECLS
