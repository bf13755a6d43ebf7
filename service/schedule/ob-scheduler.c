/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-scheduler.h"

#include <string.h>

/* A run that begins so much after its time was missed, unless it is caught up. */
#define PUNCTUAL (G_GINT64_CONSTANT (60) * G_USEC_PER_SEC)
#define FIRST_RETRY (G_GINT64_CONSTANT (60) * G_USEC_PER_SEC)
#define LONGEST_RETRY (G_GINT64_CONSTANT (30) * 60 * G_USEC_PER_SEC)
/* What was seen to may lie so far in the future before it is taken for the work of a wrong
 * clock: it is not done again where the clock was set back by less. */
#define DAY (G_GINT64_CONSTANT (24) * 60 * 60 * G_USEC_PER_SEC)
/* Missed times are counted up to this, so that a minutely schedule and a year cost nothing. */
#define MOST_COUNTED 1000

typedef struct
{
  ObSchedule *schedule;
  ObScheduleState state;
  gint64 planned; /* the next of the schedule's times */
  gint64 next;    /* with its delay */
  gint64 retry;   /* OB_CLOCK_NEVER: nothing to try again */
  guint attempt;
  gboolean running;
  gboolean queued; /* one more, after the one that is running */
} Entry;

struct _ObScheduler
{
  GObject parent_instance;

  ObClock *clock;
  GHashTable *entries; /* name → Entry */
  gboolean started;
};

G_DEFINE_FINAL_TYPE (ObScheduler, ob_scheduler, G_TYPE_OBJECT)

enum
{
  DUE,
  CHANGED,
  N_SIGNALS
};

static guint signals[N_SIGNALS];

static const char *const result_names[]
  = { "", "succeeded", "partial", "failed", "unavailable", "cancelled" };

/* virtual functions */

static void
ob_scheduler_dispose (GObject *object)
{
  ObScheduler *self = OB_SCHEDULER (object);

  if (self->clock != NULL)
    g_signal_handlers_disconnect_by_data (self->clock, self);
  g_clear_object (&self->clock);
  g_clear_pointer (&self->entries, g_hash_table_unref);
  G_OBJECT_CLASS (ob_scheduler_parent_class)->dispose (object);
}

static void
ob_scheduler_class_init (ObSchedulerClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = ob_scheduler_dispose;
  signals[DUE] = g_signal_new ("due", OB_TYPE_SCHEDULER, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                               G_TYPE_NONE, 2, G_TYPE_STRING, G_TYPE_UINT);
  signals[CHANGED] = g_signal_new ("changed", OB_TYPE_SCHEDULER, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                                   NULL, G_TYPE_NONE, 1, G_TYPE_STRING);
}

static void
free_entry (gpointer pointer)
{
  Entry *entry = pointer;

  ob_schedule_unref (entry->schedule);
  g_free (entry);
}

static void
ob_scheduler_init (ObScheduler *self)
{
  self->entries = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, free_entry);
}

/* internal methods */

static Entry *
find (ObScheduler *self, const char *name)
{
  return g_hash_table_lookup (self->entries, name);
}

static void
tell_changed (ObScheduler *self, const Entry *entry)
{
  g_autofree char *name = g_strdup (entry->schedule->name);

  g_signal_emit (self, signals[CHANGED], 0, name);
}

/* The delay of the run at @planned: anything within the schedule's, and the same whenever it is
 * asked for, so that a restart does not throw the dice again. FNV-1a (Fowler, Noll, Vo), 64
 * bits. */
static gint64
get_delay (const Entry *entry, gint64 planned)
{
  guint64 hash = G_GUINT64_CONSTANT (14695981039346656037);
  g_autofree char *seed = g_strdup_printf ("%s %s %" G_GINT64_FORMAT, g_get_host_name (),
                                           entry->schedule->name, planned);

  if (entry->schedule->random_delay == 0)
    return 0;
  for (const char *c = seed; *c != '\0'; c++)
    hash = (hash ^ (guchar) *c) * G_GUINT64_CONSTANT (1099511628211);
  return (gint64) (hash % (entry->schedule->random_delay * (guint64) G_USEC_PER_SEC + 1));
}

static void
plan_after (Entry *entry, gint64 base)
{
  entry->planned = entry->schedule->enabled ? ob_schedule_next (entry->schedule, base)
                                            : OB_CLOCK_NEVER;
  entry->next = entry->planned == OB_CLOCK_NEVER
                  ? OB_CLOCK_NEVER
                  : entry->planned + get_delay (entry, entry->planned);
}

/* The next of its times, given what was seen to and the time that it is now. */
static void
plan (Entry *entry, gint64 now)
{
  gint64 seen = entry->state.planned;

  plan_after (entry, seen == 0 || seen > now + DAY ? now : seen);
}

/* Goes on to the last of its times that is over. How many there were before that. */
static guint
pass_over (Entry *entry, gint64 now)
{
  guint n = 0;

  for (gint64 next = ob_schedule_next (entry->schedule, entry->planned); next <= now;
       next = ob_schedule_next (entry->schedule, next))
    {
      entry->planned = next;
      if (++n == MOST_COUNTED)
        {
          entry->planned = now;
          break;
        }
    }
  return n;
}

static void
begin (ObScheduler *self, Entry *entry, guint attempt)
{
  g_autofree char *name = g_strdup (entry->schedule->name);

  entry->running = entry->state.owed = TRUE;
  entry->retry = OB_CLOCK_NEVER;
  entry->attempt = attempt;
  entry->state.last_run = ob_clock_now (self->clock);
  g_signal_emit (self, signals[CHANGED], 0, name);
  g_signal_emit (self, signals[DUE], 0, name, attempt);
}

/* One of its times has come, or has gone by. */
static void
take_time (ObScheduler *self, Entry *entry, gint64 now)
{
  gboolean late = now - entry->next > PUNCTUAL;
  guint n_over = pass_over (entry, now);
  gboolean runs = !late || entry->schedule->persistent;

  entry->state.planned = entry->planned;
  entry->state.missed += n_over;
  plan_after (entry, entry->planned);
  if (runs && entry->running && entry->schedule->overlap == OB_OVERLAP_QUEUE)
    {
      entry->state.missed += entry->queued ? 1 : 0;
      entry->queued = TRUE;
    }
  else if (!runs || entry->running)
    entry->state.missed++;
  else
    {
      begin (self, entry, 1);
      return;
    }
  tell_changed (self, entry);
}

static void
set_time (ObScheduler *self)
{
  GHashTableIter iter = { 0 };
  gpointer pointer = NULL;
  gint64 first = OB_CLOCK_NEVER;

  g_hash_table_iter_init (&iter, self->entries);
  while (self->started && g_hash_table_iter_next (&iter, NULL, &pointer))
    {
      const Entry *entry = pointer;

      first = MIN (first, MIN (entry->next, entry->retry));
    }
  ob_clock_wake_at (self->clock, first);
}

/* What begins a run may add and remove schedules: names are looked up again. */
static void
look (ObScheduler *self)
{
  gint64 now = ob_clock_now (self->clock);
  g_autofree const char **keys = NULL;
  g_auto (GStrv) names = NULL;
  guint n = 0;

  if (!self->started)
    return;
  keys = (const char **) g_hash_table_get_keys_as_array (self->entries, &n);
  names = g_strdupv ((char **) keys);
  for (guint i = 0; i < n; i++)
    {
      Entry *entry = find (self, names[i]);

      if (entry != NULL && entry->next <= now)
        take_time (self, entry, now);
      entry = find (self, names[i]);
      if (entry != NULL && !entry->running && entry->retry <= now)
        begin (self, entry, entry->attempt + 1);
    }
  set_time (self);
}

static void
on_elapsed (ObClock *clock, gpointer user_data)
{
  look (OB_SCHEDULER (user_data));
}

/* Whoever set the clock back would have to wait for it to come round again. */
static void
on_stepped (ObClock *clock, gpointer user_data)
{
  ObScheduler *self = OB_SCHEDULER (user_data);
  gint64 now = ob_clock_now (clock);
  GHashTableIter iter = { 0 };
  gpointer pointer = NULL;

  g_hash_table_iter_init (&iter, self->entries);
  while (g_hash_table_iter_next (&iter, NULL, &pointer))
    {
      Entry *entry = pointer;

      if (entry->next > now)
        plan (entry, now);
      if (entry->retry != OB_CLOCK_NEVER)
        entry->retry = MIN (entry->retry, now + LONGEST_RETRY);
    }
  look (self);
}

static gint64
get_retry_delay (guint attempt)
{
  gint64 delay = FIRST_RETRY;

  for (guint i = 1; i < attempt && delay < LONGEST_RETRY; i++)
    delay *= 2;
  return MIN (delay, LONGEST_RETRY);
}

/* public methods */

const char *
ob_run_result_get_name (ObRunResult result)
{
  return result_names[result];
}

ObRunResult
ob_run_result_from_name (const char *name)
{
  for (guint i = 0; name != NULL && i < G_N_ELEMENTS (result_names); i++)
    if (strcmp (name, result_names[i]) == 0)
      return i;
  return OB_RUN_NONE;
}

ObScheduler *
ob_scheduler_new (ObClock *clock)
{
  ObScheduler *self = g_object_new (OB_TYPE_SCHEDULER, NULL);

  self->clock = g_object_ref (clock);
  g_signal_connect (clock, "elapsed", G_CALLBACK (on_elapsed), self);
  g_signal_connect (clock, "stepped", G_CALLBACK (on_stepped), self);
  return self;
}

void
ob_scheduler_add (ObScheduler *self, ObSchedule *schedule, const ObScheduleState *state)
{
  Entry *entry = find (self, schedule->name);
  gint64 now = ob_clock_now (self->clock);

  if (entry != NULL)
    {
      gboolean same_times = ob_schedule_has_same_times (entry->schedule, schedule);

      ob_schedule_unref (entry->schedule);
      entry->schedule = ob_schedule_ref (schedule);
      if (!schedule->enabled)
        {
          entry->retry = OB_CLOCK_NEVER;
          entry->state.owed = entry->running;
        }
      /* What other times would have missed is nobody's fault; but a run whose time has come, and
       * that waits for its delay, is not forgotten because something else was changed. */
      if (!same_times)
        {
          entry->state.planned = now;
          plan (entry, now);
        }
    }
  else
    {
      entry = g_new0 (Entry, 1);
      entry->schedule = ob_schedule_ref (schedule);
      entry->retry = OB_CLOCK_NEVER;
      if (state != NULL)
        entry->state = *state;
      if (entry->state.planned == 0)
        entry->state.planned = now;
      if (entry->state.good == 0)
        entry->state.good = now;
      /* It stays owed until it has run: that may be later than the next end of the service. */
      entry->state.owed = entry->state.owed && schedule->enabled && schedule->persistent;
      if (entry->state.owed)
        entry->retry = now;
      g_hash_table_insert (self->entries, g_strdup (schedule->name), entry);
      plan (entry, now);
    }
  tell_changed (self, entry);
  look (self);
}

void
ob_scheduler_remove (ObScheduler *self, const char *name)
{
  g_hash_table_remove (self->entries, name);
  set_time (self);
}

void
ob_scheduler_start (ObScheduler *self)
{
  self->started = TRUE;
  look (self);
}

ObSchedule *
ob_scheduler_get (ObScheduler *self, const char *name)
{
  Entry *entry = find (self, name);

  return entry != NULL ? entry->schedule : NULL;
}

const ObScheduleState *
ob_scheduler_get_state (ObScheduler *self, const char *name)
{
  Entry *entry = find (self, name);

  return entry != NULL ? &entry->state : NULL;
}

gint64
ob_scheduler_get_next_run (ObScheduler *self, const char *name)
{
  Entry *entry = find (self, name);

  return entry != NULL ? MIN (entry->next, entry->retry) : OB_CLOCK_NEVER;
}

gboolean
ob_scheduler_is_retrying (ObScheduler *self, const char *name)
{
  Entry *entry = find (self, name);

  return entry != NULL && entry->retry < entry->next;
}

gboolean
ob_scheduler_is_running (ObScheduler *self, const char *name)
{
  Entry *entry = find (self, name);

  return entry != NULL && entry->running;
}

gboolean
ob_scheduler_trigger (ObScheduler *self, const char *name)
{
  Entry *entry = find (self, name);

  if (entry == NULL || entry->running)
    return FALSE;
  begin (self, entry, 1);
  set_time (self);
  return TRUE;
}

void
ob_scheduler_run_ended (ObScheduler *self, const char *name, ObRunResult result, gboolean again)
{
  Entry *entry = find (self, name);
  gint64 retry = 0;

  if (entry == NULL || !entry->running)
    return;
  entry->running = FALSE;
  entry->state.owed = again && entry->schedule->enabled;
  entry->state.result = result;
  if (result == OB_RUN_SUCCEEDED)
    entry->state.good = ob_clock_now (self->clock);
  if (result == OB_RUN_SUCCEEDED || result == OB_RUN_PARTIAL)
    entry->state.missed = 0;
  retry = ob_clock_now (self->clock) + get_retry_delay (entry->attempt);
  if (entry->queued)
    {
      entry->queued = FALSE;
      begin (self, entry, 1);
    }
  else
    {
      if (entry->state.owed)
        entry->retry = retry;
      tell_changed (self, entry);
    }
  set_time (self);
}
