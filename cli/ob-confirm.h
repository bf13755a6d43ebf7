/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Asks on the terminal; TRUE only for "y" or "yes". FALSE with @error where there is no terminal to
 * ask on: says that --yes is needed. @question ends without a question mark or blank. */
gboolean ob_confirm (const char *question, GError **error);

G_END_DECLS
