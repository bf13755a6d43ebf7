/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Numbers for Prometheus in a file, that node_exporter's textfile collector reads.
 *
 * The format is the text format, version 0.0.4, of prometheus.io, "Exposition formats": UTF-8,
 * lines that end in a line feed; for each family "# HELP name text", "# TYPE name type", and then a
 * line a sample, name{label="value",…} number. In the text of HELP a backslash and a line feed are
 * written \\ and \n, in the value of a label a quotation mark as \" too. Numbers are as Go's
 * ParseFloat reads them, NaN, +Inf and -Inf among them. The collector reads the files *.prom of its
 * directory and does not take times of samples, so there are none.
 *
 * The families of the service, all times in seconds since 1970 UTC:
 *
 *   obbackup_last_success_timestamp_seconds{instance,destination}  end of the last good backup
 *   obbackup_last_backup_duration_seconds{instance,destination}    of that backup
 *   obbackup_last_backup_bytes{instance,destination}               of that backup, uncompressed
 *   obbackup_last_backup_age_seconds{instance,destination}         as the file was written
 *   obbackup_last_verify_timestamp_seconds{destination}            end of the last good one
 *   obbackup_jobs_total{operation,state}                           counter, since the service began
 *   obbackup_health{instance}                                      1 where all is well, or else 0
 *   obbackup_build_info{version}                                   always 1
 *
 * The output does not depend on the order in which families and samples are added: both are sorted.
 * One thread at a time.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Families of a file, samples of a family, and bytes of a label's value or of a help text (what is
 * longer is cut). */
#define OB_METRICS_MAX_FAMILIES 64
#define OB_METRICS_MAX_SAMPLES 10000
#define OB_METRICS_MAX_TEXT 1024

typedef enum
{
  OB_METRIC_GAUGE,   /* may go up and down */
  OB_METRIC_COUNTER, /* only grows while the service runs; by custom its name ends in _total */
} ObMetricType;

typedef struct _ObMetrics ObMetrics;
typedef struct _ObMetricFamily ObMetricFamily;

/* An empty set. Transfer full. */
ObMetrics *ob_metrics_new (void);

/* The family @name, [a-zA-Z_:][a-zA-Z0-9_:]*, which is made if it is not there yet; @help is a
 * sentence about it, @unit and meaning. Transfer none, valid as long as @metrics. NULL, which is a
 * mistake of the program, for a name that is none and for one family too many. */
ObMetricFamily *ob_metrics_add_family (ObMetrics *metrics, const char *name, const char *help,
                                       ObMetricType type);

/* Adds a sample. @labels is name, value, name, value, …, NULL; NULL for none. A label's name is
 * [a-zA-Z_][a-zA-Z0-9_]* and does not begin with "__"; its value is any text, which is made valid
 * UTF-8. The same labels again replace the number. What is one sample too many is dropped. */
void ob_metric_family_add_double (ObMetricFamily *family, const char *const *labels, double number);
void ob_metric_family_add_uint64 (ObMetricFamily *family, const char *const *labels,
                                  guint64 number);

/* The text of the file. A family without samples is left out. Transfer full. */
char *ob_metrics_to_text (const ObMetrics *metrics);

/* Puts the text in place of the file @path, as a whole or not at all, for everybody to read (0644).
 * @path is absolute and ends in ".prom"; its directory exists and is reached without a symbolic
 * link. Blocks. Errors: INVALID_ARGUMENT (another path), NOT_FOUND (no such directory), NO_SPACE,
 * FAILED. */
gboolean ob_metrics_write (const ObMetrics *metrics, const char *path, GError **error);

void ob_metrics_free (ObMetrics *metrics);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObMetrics, ob_metrics_free)

G_END_DECLS
