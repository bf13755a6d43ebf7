/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A plan of a restore, for people. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The text of a plan, as PlanRestore's job gives it: lines, each with its end. Transfer full. */
char *ob_plan_describe (GVariant *plan);

/* Whether something stands in the way of what was planned. */
gboolean ob_plan_has_obstacles (GVariant *plan);

G_END_DECLS
