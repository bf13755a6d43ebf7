/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Policies that tests write in one line, and what comes of them. */
#pragma once

#include "ob-retention.h"

G_BEGIN_DECLS

/* 2026-09-21 14:13:20 UTC, a Monday. */
#define RETENTION_NOW G_GINT64_CONSTANT (1790000000)
#define HOUR 3600
#define DAY 86400

/* "keep-daily=7 keep-within=2m" as ob_retention_new() takes it. Floating. */
GVariant *retention_make_texts (const char *rules);

/* The policy of such rules. Transfer full. */
ObRetention *retention_make (const char *rules);

/* Such rules applied in UTC at RETENTION_NOW. Transfer full. */
GPtrArray *retention_apply (const char *rules, const ObRetentionItem *items, gsize n_items);

/* Whether that one is kept; that it has reasons. */
gboolean retention_is_kept (GPtrArray *verdicts, gsize index);

G_END_DECLS
