/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What restores in place and their undoing print alike. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* From a job's result: how long the application was stopped, and where the former state is kept. */
void ob_print_in_place (GVariant *result);

G_END_DECLS
