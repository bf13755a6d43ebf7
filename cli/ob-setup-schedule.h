/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The schedule that setup proposes. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define OB_SETUP_SCHEDULE_AT "*-*-* 03:00"
/* The rest of it, for people. */
#define OB_SETUP_SCHEDULE_TEXT                                                                     \
  "up to 15 minutes later; kept are the backups of 7 days, 4 weeks and 12 months, and each night " \
  "5 % of the stored data is verified"

/* A calendar expression from what somebody typed: "3:30" or "03:30" is that time of each day,
 * "none" gives NULL in *@at, anything else is taken as it is, and looked at by the service. FALSE
 * with INVALID_ARGUMENT where it is a time that no day has, empty, or longer than 256 bytes. *@at:
 * transfer full. Any thread. */
gboolean ob_setup_schedule_parse (const char *text, char **at, GError **error);

/* The a{sv} of AddSchedule for a backup of @instance to @destination at @at. Floating. */
GVariant *ob_setup_schedule_build (const char *instance, const char *destination, const char *at);

G_END_DECLS
