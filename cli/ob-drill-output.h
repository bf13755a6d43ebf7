/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

/* Prints what drills found: the result of their job. */
void ob_print_drills (GVariant *result);
