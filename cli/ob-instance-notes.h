/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the status says of an installation to those who may look: sentences made of what GetDetails
 * tells. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Adds to @troubles (of char *) what somebody has to see to, and to @notes lines of what is so. */
void ob_note_instance (GVariant *details, const char *name, GPtrArray *troubles, GString *notes);

G_END_DECLS
