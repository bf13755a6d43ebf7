/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Prints what a job's result (a{sv}) tells of a prune; nothing where it tells of none. */
void ob_print_prune (GVariant *result);

G_END_DECLS
