/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ob_retention_rules_choose(): which backups rules keep. */
#include "ob-retention-rules.h"

#include "ob-zone.h"

typedef struct
{
  ObRetentionKept kept;
  gpointer data;
} Choice;

/* How far a rule that counts has come. */
typedef struct
{
  const char *name;
  guint count, used;
  gint64 period; /* that the last one taken lies in */
} Counter;

/* How far a rule with a span of time has come. */
typedef struct
{
  char *reason; /* "daily within 2 months"; NULL where there is no such rule */
  gint64 after; /* where it begins */
  gboolean has_period;
  gint64 period; /* that the last one taken lies in */
} Span;

/* A number that two times share when they lie in the same week: that of its Monday, in days. */
static gint64
get_week (const struct tm *tm)
{
  gint64 day
    = timegm (&(struct tm){ .tm_year = tm->tm_year, .tm_mon = tm->tm_mon, .tm_mday = tm->tm_mday })
      / 86400;

  return day - (tm->tm_wday + 6) % 7;
}

/* A number that two times share when they lie in the same period. An hour that clocks show twice,
 * as they go back, is one. */
static gint64
get_period (ObRetentionPeriod period, const struct tm *tm)
{
  gint64 year = tm->tm_year + 1900;

  switch (period)
    {
    case OB_RETENTION_HOURLY:
      return ((year * 12 + tm->tm_mon) * 31 + tm->tm_mday - 1) * 24 + tm->tm_hour;
    case OB_RETENTION_DAILY:
      return (year * 12 + tm->tm_mon) * 31 + tm->tm_mday - 1;
    case OB_RETENTION_WEEKLY:
      return get_week (tm);
    case OB_RETENTION_MONTHLY:
      return year * 12 + tm->tm_mon;
    default:
      return year;
    }
}

/* The newest of its period takes one of a count. */
static void
try_counter (const Choice *choice, gsize index, Counter *counter, gint64 period)
{
  if (counter->used == counter->count || (counter->used > 0 && period == counter->period))
    return;
  counter->used++;
  counter->period = period;
  choice->kept (index,
                g_strdup_printf ("%s %u of %u", counter->name, counter->used, counter->count),
                choice->data);
}

static void
span_begin (Span *span, const char *name, const ObDuration *duration, gint64 newest,
            GTimeZone *zone)
{
  g_autofree char *length = NULL;

  if (ob_duration_is_zero (duration))
    return;
  length = ob_duration_to_string (duration);
  span->reason = g_strdup_printf ("%swithin %s", name, length);
  span->after = ob_duration_subtract (duration, newest, zone);
}

/* The newest of its period within the span is taken. */
static void
try_span (const Choice *choice, gsize index, Span *span, gint64 time, gint64 period)
{
  if (span->reason == NULL || time <= span->after || (span->has_period && period == span->period))
    return;
  span->has_period = TRUE;
  span->period = period;
  choice->kept (index, g_strdup (span->reason), choice->data);
}

void
ob_retention_rules_choose (const ObRetentionRules *rules, const gint64 *times, gsize n_times,
                           GTimeZone *zone, ObRetentionKept kept, gpointer data)
{
  const Choice choice = { kept, data };
  Counter last = { "last", rules->last };
  Counter counters[OB_RETENTION_N_PERIODS] = { 0 };
  Span all = { 0 };
  Span spans[OB_RETENTION_N_PERIODS] = { 0 };

  if (n_times == 0)
    return;
  span_begin (&all, "", &rules->within, times[0], zone);
  for (guint p = 0; p < OB_RETENTION_N_PERIODS; p++)
    {
      const char *name = ob_retention_period_get_name (p);
      g_autofree char *prefix = g_strconcat (name, " ", NULL);

      counters[p] = (Counter){ name, rules->counts[p] };
      span_begin (&spans[p], prefix, &rules->within_periods[p], times[0], zone);
    }

  for (gsize i = 0; i < n_times; i++)
    {
      struct tm tm = { 0 };

      ob_zone_break_down (zone, times[i], &tm);
      try_counter (&choice, i, &last, (gint64) i);
      for (guint p = 0; p < OB_RETENTION_N_PERIODS; p++)
        try_counter (&choice, i, &counters[p], get_period (p, &tm));
      for (guint p = 0; p < OB_RETENTION_N_PERIODS; p++)
        try_span (&choice, i, &spans[p], times[i], get_period (p, &tm));
      /* Each is a period of its own. */
      try_span (&choice, i, &all, times[i], (gint64) i);
    }

  g_free (all.reason);
  for (guint p = 0; p < OB_RETENTION_N_PERIODS; p++)
    g_free (spans[p].reason);
}
