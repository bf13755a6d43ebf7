/* SPDX-License-Identifier: GPL-3.0-or-later */
/* When schedules are due, on a clock that is simulated: a year goes by in seconds. */
#include "ob-scheduler.h"

#include <string.h>

#include "ob-error.h"

#define MINUTE (G_GINT64_CONSTANT (60) * G_USEC_PER_SEC)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

typedef struct
{
  ObClock *clock;
  ObScheduler *scheduler;
  GPtrArray *dues; /* "NAME ATTEMPT TIME" */
  ObRunResult result;
  gboolean again;
  gboolean holds; /* runs go on until end_run() */
} Fixture;

/* helpers */

static gint64
at (const char *text, const char *zone_name)
{
  g_autoptr (GTimeZone) zone = g_time_zone_new_identifier (zone_name);
  g_autoptr (GDateTime) time = g_date_time_new_from_iso8601 (text, zone);

  g_assert_nonnull (time);
  return g_date_time_to_unix (time) * G_USEC_PER_SEC;
}

static char *
format (gint64 usec)
{
  g_autoptr (GDateTime) time = g_date_time_new_from_unix_utc (usec / G_USEC_PER_SEC);

  return g_date_time_format (time, "%F %H:%M:%S");
}

static void
on_due (ObScheduler *scheduler, const char *name, guint attempt, gpointer data)
{
  Fixture *fixture = data;
  g_autofree char *time = format (ob_clock_now (fixture->clock));

  g_ptr_array_add (fixture->dues, g_strdup_printf ("%s %u %s", name, attempt, time));
  if (!fixture->holds)
    ob_scheduler_run_ended (scheduler, name, fixture->result, fixture->again);
}

static void
set_up (Fixture *fixture, gconstpointer data)
{
  fixture->clock = ob_clock_new_simulated (at ("2026-01-01T00:00:00", "UTC"));
  fixture->scheduler = ob_scheduler_new (fixture->clock);
  fixture->dues = g_ptr_array_new_with_free_func (g_free);
  fixture->result = OB_RUN_SUCCEEDED;
  g_signal_connect (fixture->scheduler, "due", G_CALLBACK (on_due), fixture);
  ob_scheduler_start (fixture->scheduler);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  g_signal_handlers_disconnect_by_data (fixture->scheduler, fixture);
  g_object_unref (fixture->scheduler);
  g_object_unref (fixture->clock);
  g_ptr_array_unref (fixture->dues);
}

/* @settings: lines of a configuration beside instance and destination. Transfer full. */
static ObSchedule *
make (const char *name, const char *settings)
{
  g_autofree char *text = g_strdup_printf (
    "[schedule]\ninstance=erp\ndestinations=disk\ntime-zone=UTC\n%s\n", settings);
  g_autoptr (GKeyFile) file = g_key_file_new ();
  g_autoptr (GError) error = NULL;
  ObSchedule *schedule = NULL;

  g_key_file_load_from_data (file, text, strlen (text), G_KEY_FILE_NONE, &error);
  g_assert_no_error (error);
  schedule = ob_schedule_new (name, file, &error);
  g_assert_no_error (error);
  return schedule;
}

static void
add (Fixture *fixture, const char *name, const char *settings, const ObScheduleState *state)
{
  g_autoptr (ObSchedule) schedule = make (name, settings);

  ob_scheduler_add (fixture->scheduler, schedule, state);
}

static void
assert_dues (Fixture *fixture, const char *expected)
{
  g_autofree char *all = NULL;

  g_ptr_array_add (fixture->dues, NULL);
  all = g_strjoinv ("; ", (char **) fixture->dues->pdata);
  g_assert_cmpstr (all, ==, expected);
  g_ptr_array_set_size (fixture->dues, 0);
}

static void
advance_to (Fixture *fixture, const char *text)
{
  ob_clock_advance (fixture->clock, at (text, "UTC"));
}

static const ObScheduleState *
get_state (Fixture *fixture, const char *name)
{
  return ob_scheduler_get_state (fixture->scheduler, name);
}

/* tests */

static void
test_times (Fixture *fixture, gconstpointer data)
{
  add (fixture, "a", "times=*-*-* 03:00;*-*-02 12:00", NULL);
  add (fixture, "b", "times=monthly", NULL);
  g_assert_cmpint (ob_scheduler_get_next_run (fixture->scheduler, "a"), ==,
                   at ("2026-01-01T03:00:00", "UTC"));
  advance_to (fixture, "2026-01-03T00:00:00");
  assert_dues (fixture,
               "a 1 2026-01-01 03:00:00; a 1 2026-01-02 03:00:00; a 1 2026-01-02 12:00:00");
  g_assert_cmpint (get_state (fixture, "a")->result, ==, OB_RUN_SUCCEEDED);
  g_assert_cmpuint (get_state (fixture, "a")->missed, ==, 0);
  ob_scheduler_remove (fixture->scheduler, "a");
  advance_to (fixture, "2026-02-02T00:00:00");
  assert_dues (fixture, "b 1 2026-02-01 00:00:00");
}

/* It begins within its delay, and at the same time after a restart. */
static void
test_random_delay (Fixture *fixture, gconstpointer data)
{
  gint64 next = 0, delay = 0;
  gboolean differ = FALSE;

  add (fixture, "a", "times=daily\nrandom-delay=2h", NULL);
  for (guint i = 0; i < 20; i++)
    {
      gint64 planned = at ("2026-01-02T00:00:00", "UTC") + i * DAY;
      ObScheduleState state = *get_state (fixture, "a");

      next = ob_scheduler_get_next_run (fixture->scheduler, "a");
      g_assert_cmpint (next, >=, planned);
      g_assert_cmpint (next, <=, planned + 2 * HOUR);
      differ = differ || (i > 0 && next - planned != delay);
      delay = next - planned;
      ob_scheduler_remove (fixture->scheduler, "a");
      add (fixture, "a", "times=daily\nrandom-delay=2h", &state);
      g_assert_cmpint (ob_scheduler_get_next_run (fixture->scheduler, "a"), ==, next);
      ob_clock_advance (fixture->clock, next);
      g_assert_cmpuint (fixture->dues->len, ==, i + 1);
    }
  g_assert_true (differ);
}

/* While the service did not run. */
static void
test_missed (Fixture *fixture, gconstpointer data)
{
  ObScheduleState state = { .planned = at ("2025-12-20T03:00:00", "UTC") };

  add (fixture, "kept", "times=*-*-* 03:00", &state);
  add (fixture, "loose", "times=*-*-* 03:00\npersistent=false", &state);
  assert_dues (fixture, "kept 1 2026-01-01 00:00:00");
  g_assert_cmpuint (get_state (fixture, "loose")->missed, ==, 11);
  g_assert_cmpint (ob_scheduler_get_next_run (fixture->scheduler, "kept"), ==,
                   at ("2026-01-01T03:00:00", "UTC"));
  advance_to (fixture, "2026-01-01T04:00:00");
  assert_dues (fixture, "kept 1 2026-01-01 03:00:00; loose 1 2026-01-01 03:00:00");
  g_assert_cmpuint (get_state (fixture, "loose")->missed, ==, 0);
}

/* A minutely one and ten years cost next to nothing. */
static void
test_missed_for_long (Fixture *fixture, gconstpointer data)
{
  ObScheduleState state = { .planned = at ("2016-01-01T00:00:00", "UTC") };
  gint64 began = g_get_monotonic_time ();

  add (fixture, "a", "times=minutely", &state);
  assert_dues (fixture, "a 1 2026-01-01 00:00:00");
  g_assert_cmpint (g_get_monotonic_time () - began, <, 2 * G_USEC_PER_SEC);
  advance_to (fixture, "2026-01-01T00:01:00");
  assert_dues (fixture, "a 1 2026-01-01 00:01:00");
}

/* A run that was cut off is made up for, once. */
static void
test_owed (Fixture *fixture, gconstpointer data)
{
  ObScheduleState state = { .planned = at ("2025-12-31T03:00:00", "UTC"), .owed = TRUE };

  add (fixture, "a", "times=*-*-* 03:00", &state);
  add (fixture, "b", "times=*-*-* 03:00\npersistent=false", &state);
  assert_dues (fixture, "a 1 2026-01-01 00:00:00");
  g_assert_false (get_state (fixture, "a")->owed);
  fixture->holds = TRUE;
  ob_scheduler_trigger (fixture->scheduler, "a");
  g_assert_true (get_state (fixture, "a")->owed);
}

/* As the end of the service and its next start leave it. */
static void
restart (Fixture *fixture, const char *settings)
{
  ObScheduleState state = *get_state (fixture, "a");

  g_signal_handlers_disconnect_by_data (fixture->scheduler, fixture);
  g_object_unref (fixture->scheduler);
  fixture->scheduler = ob_scheduler_new (fixture->clock);
  g_signal_connect (fixture->scheduler, "due", G_CALLBACK (on_due), fixture);
  add (fixture, "a", settings, &state);
}

/* What is owed stays so through a service that ends before it begins with it, as it may while it
 * recovers. */
static void
test_owed_for_long (Fixture *fixture, gconstpointer data)
{
  fixture->holds = TRUE;
  add (fixture, "a", "times=*-*-* 03:00", NULL);
  ob_scheduler_trigger (fixture->scheduler, "a");
  assert_dues (fixture, "a 1 2026-01-01 00:00:00");
  for (guint i = 0; i < 3; i++)
    {
      restart (fixture, "times=*-*-* 03:00");
      g_assert_true (get_state (fixture, "a")->owed);
      assert_dues (fixture, "");
    }
  ob_scheduler_start (fixture->scheduler);
  assert_dues (fixture, "a 1 2026-01-01 00:00:00");
  ob_scheduler_run_ended (fixture->scheduler, "a", OB_RUN_FAILED, FALSE);
  g_assert_false (get_state (fixture, "a")->owed);
}

/* A destination is out of reach, and then the host is restarted: that the run is tried again until
 * the next one is due holds all the same. */
static void
test_retry_after_restart (Fixture *fixture, gconstpointer data)
{
  fixture->result = OB_RUN_UNAVAILABLE;
  fixture->again = TRUE;
  add (fixture, "a", "times=*-*-* 03:00", NULL);
  advance_to (fixture, "2026-01-01T03:02:00");
  assert_dues (fixture, "a 1 2026-01-01 03:00:00; a 2 2026-01-01 03:01:00");
  restart (fixture, "times=*-*-* 03:00");
  fixture->result = OB_RUN_SUCCEEDED;
  fixture->again = FALSE;
  ob_scheduler_start (fixture->scheduler);
  advance_to (fixture, "2026-01-02T02:59:00");
  assert_dues (fixture, "a 1 2026-01-01 03:02:00");
  g_assert_false (get_state (fixture, "a")->owed);
}

/* What is switched off, or is to catch up nothing, is not made up for after a restart. */
static void
test_not_owed (Fixture *fixture, gconstpointer data)
{
  static const char *const settings[]
    = { "times=*-*-* 03:00\nenabled=false", "times=*-*-* 03:00\npersistent=false" };

  fixture->result = OB_RUN_UNAVAILABLE;
  fixture->again = TRUE;
  for (gsize i = 0; i < G_N_ELEMENTS (settings); i++)
    {
      add (fixture, "a", "times=*-*-* 03:00", NULL);
      ob_scheduler_trigger (fixture->scheduler, "a");
      g_assert_true (get_state (fixture, "a")->owed);
      add (fixture, "a", settings[i], NULL);
      g_assert_cmpint (get_state (fixture, "a")->owed, ==, i == 1);
      g_ptr_array_set_size (fixture->dues, 0);
      restart (fixture, settings[i]);
      ob_scheduler_start (fixture->scheduler);
      g_assert_false (get_state (fixture, "a")->owed);
      assert_dues (fixture, "");
    }
}

static void
test_overlap (Fixture *fixture, gconstpointer data)
{
  fixture->holds = TRUE;
  add (fixture, "skips", "times=hourly", NULL);
  add (fixture, "queues", "times=*:30\noverlap=queue", NULL);
  advance_to (fixture, "2026-01-01T03:45:00");
  assert_dues (fixture, "queues 1 2026-01-01 00:30:00; skips 1 2026-01-01 01:00:00");
  g_assert_cmpuint (get_state (fixture, "skips")->missed, ==, 2);
  /* One waits, not three. */
  g_assert_cmpuint (get_state (fixture, "queues")->missed, ==, 2);
  ob_scheduler_run_ended (fixture->scheduler, "skips", OB_RUN_SUCCEEDED, FALSE);
  ob_scheduler_run_ended (fixture->scheduler, "queues", OB_RUN_SUCCEEDED, FALSE);
  assert_dues (fixture, "queues 1 2026-01-01 03:45:00");
  advance_to (fixture, "2026-01-01T04:00:00");
  assert_dues (fixture, "skips 1 2026-01-01 04:00:00");
  g_assert_false (ob_scheduler_trigger (fixture->scheduler, "skips"));
}

/* After a minute, then after twice the time, half an hour at most, until the next run is due. */
static void
test_retry (Fixture *fixture, gconstpointer data)
{
  fixture->result = OB_RUN_UNAVAILABLE;
  fixture->again = TRUE;
  add (fixture, "a", "times=*-*-* 00/3:00", NULL);
  advance_to (fixture, "2026-01-01T06:00:00");
  assert_dues (fixture,
               "a 1 2026-01-01 03:00:00; a 2 2026-01-01 03:01:00; a 3 2026-01-01 03:03:00; "
               "a 4 2026-01-01 03:07:00; a 5 2026-01-01 03:15:00; a 6 2026-01-01 03:31:00; "
               "a 7 2026-01-01 04:01:00; a 8 2026-01-01 04:31:00; a 9 2026-01-01 05:01:00; "
               "a 10 2026-01-01 05:31:00; a 1 2026-01-01 06:00:00");
  g_assert_true (ob_scheduler_is_retrying (fixture->scheduler, "a"));
  fixture->result = OB_RUN_SUCCEEDED;
  fixture->again = FALSE;
  advance_to (fixture, "2026-01-01T08:00:00");
  assert_dues (fixture, "a 2 2026-01-01 06:01:00");
  g_assert_false (ob_scheduler_is_retrying (fixture->scheduler, "a"));
}

static void
test_disabled (Fixture *fixture, gconstpointer data)
{
  add (fixture, "a", "times=hourly\nenabled=false", NULL);
  g_assert_cmpint (ob_scheduler_get_next_run (fixture->scheduler, "a"), ==, OB_CLOCK_NEVER);
  advance_to (fixture, "2026-01-01T05:30:00");
  assert_dues (fixture, "");
  /* What it would have done meanwhile is not missed. */
  add (fixture, "a", "times=hourly", NULL);
  g_assert_cmpuint (get_state (fixture, "a")->missed, ==, 0);
  advance_to (fixture, "2026-01-01T06:00:00");
  assert_dues (fixture, "a 1 2026-01-01 06:00:00");
  g_assert_true (ob_scheduler_trigger (fixture->scheduler, "a"));
  assert_dues (fixture, "a 1 2026-01-01 06:00:00");
}

/* Other times count from now on. */
static void
test_replaced (Fixture *fixture, gconstpointer data)
{
  add (fixture, "a", "times=*-*-* 03:00", NULL);
  advance_to (fixture, "2026-01-01T12:30:00");
  assert_dues (fixture, "a 1 2026-01-01 03:00:00");
  add (fixture, "a", "times=hourly", NULL);
  assert_dues (fixture, "");
  advance_to (fixture, "2026-01-01T13:00:00");
  assert_dues (fixture, "a 1 2026-01-01 13:00:00");
}

/* A run whose time has come, and that waits for its delay, is not lost where something else is
 * changed. */
static void
test_replaced_during_its_delay (Fixture *fixture, gconstpointer data)
{
  gint64 planned = at ("2026-01-01T03:00:00", "UTC"), next = 0;

  add (fixture, "a", "times=*-*-* 03:00\nrandom-delay=20h", NULL);
  next = ob_scheduler_get_next_run (fixture->scheduler, "a");
  g_assert_cmpint (next, >, planned + G_USEC_PER_SEC);
  ob_clock_advance (fixture->clock, planned + (next - planned) / 2);
  add (fixture, "a", "times=*-*-* 03:00\nrandom-delay=20h\nkeep-last=3", NULL);
  g_assert_cmpint (ob_scheduler_get_next_run (fixture->scheduler, "a"), ==, next);
  ob_clock_advance (fixture->clock, next);
  g_assert_cmpuint (fixture->dues->len, ==, 1);
}

static void
test_clock_is_set (Fixture *fixture, gconstpointer data)
{
  add (fixture, "a", "times=*-*-* 03:00", NULL);
  advance_to (fixture, "2026-01-10T03:30:00");
  g_ptr_array_set_size (fixture->dues, 0);
  /* An hour back: what was done is not done again. */
  ob_clock_step (fixture->clock, -HOUR);
  advance_to (fixture, "2026-01-10T12:00:00");
  assert_dues (fixture, "");
  /* A year back: it goes on all the same, and nothing is caught up. */
  ob_clock_step (fixture->clock, -365 * DAY);
  assert_dues (fixture, "");
  advance_to (fixture, "2025-01-12T00:00:00");
  assert_dues (fixture, "a 1 2025-01-11 03:00:00");
  /* A year forward, as one that had no battery when it was started: once. */
  ob_clock_step (fixture->clock, 365 * DAY);
  assert_dues (fixture, "a 1 2026-01-12 00:00:00");
  advance_to (fixture, "2026-01-12T12:00:00");
  assert_dues (fixture, "a 1 2026-01-12 03:00:00");
}

/* In spring a time that is skipped runs at the end of the gap; in autumn one that comes twice
 * runs once, also if the service is started again in between. */
static void
test_daylight_saving (Fixture *fixture, gconstpointer data)
{
  add (fixture, "a", "times=*-*-* 02:30 Europe/Madrid", NULL);
  ob_clock_advance (fixture->clock, at ("2026-03-28T12:00:00", "UTC"));
  g_ptr_array_set_size (fixture->dues, 0);
  advance_to (fixture, "2026-03-30T12:00:00");
  assert_dues (fixture, "a 1 2026-03-29 01:00:00; a 1 2026-03-30 00:30:00");
  advance_to (fixture, "2026-10-24T12:00:00");
  g_ptr_array_set_size (fixture->dues, 0);
  advance_to (fixture, "2026-10-25T00:45:00");
  {
    ObScheduleState state = *get_state (fixture, "a");

    ob_scheduler_remove (fixture->scheduler, "a");
    ob_clock_advance (fixture->clock, at ("2026-10-25T01:10:00", "UTC"));
    add (fixture, "a", "times=*-*-* 02:30 Europe/Madrid", &state);
  }
  advance_to (fixture, "2026-10-26T12:00:00");
  assert_dues (fixture, "a 1 2026-10-25 00:30:00; a 1 2026-10-26 01:30:00");
}

static void
test_late_after (Fixture *fixture, gconstpointer data)
{
  g_autoptr (ObSchedule) daily = make ("a", "times=daily");
  g_autoptr (ObSchedule) workdays = make ("b", "times=Mon..Fri 22:00");
  g_autoptr (ObSchedule) given = make ("c", "times=daily\nlate-after=30h");
  g_autoptr (ObSchedule) once = make ("d", "times=2026-02-01");
  g_autoptr (ObSchedule) drill = make ("e", "times=daily\naction=drill");
  gint64 now = ob_clock_now (fixture->clock);

  g_assert_cmpuint (ob_schedule_get_late_after (daily, now), ==, 37 * 3600);
  g_assert_cmpuint (ob_schedule_get_late_after (workdays, now), ==, (72 + 36 + 1) * 3600);
  g_assert_cmpuint (ob_schedule_get_late_after (given, now), ==, 30 * 3600);
  g_assert_cmpuint (ob_schedule_get_late_after (once, now), ==, 0);
  g_assert_cmpuint (ob_schedule_get_late_after (drill, now), ==, 0);
}

/* ---- a year */

typedef struct
{
  Fixture *fixture;
  GArray *items; /* of ObRetentionItem; ids are interned */
  GRand *rand;
  ObRetention *retention;
  guint n_runs, n_good, n_removed;
  gint64 last_good;
} Year;

static void
apply_retention (Year *year, gint64 now)
{
  g_autoptr (GTimeZone) zone = g_time_zone_new_identifier ("Europe/Madrid");
  const ObRetentionItem *items = (const ObRetentionItem *) (gpointer) year->items->data;
  g_autoptr (GPtrArray) verdicts
    = ob_retention_apply (year->retention, items, year->items->len, zone, now / G_USEC_PER_SEC);

  for (guint i = year->items->len; i > 0; i--)
    {
      const ObRetentionVerdict *verdict = g_ptr_array_index (verdicts, i - 1);

      if (verdict->keep)
        continue;
      g_assert_cmpint (items[i - 1].time, !=, year->last_good);
      g_array_remove_index (year->items, i - 1);
      year->n_removed++;
    }
}

/* A run of twenty minutes, of which one in twenty fails. */
static void
on_due_of_year (ObScheduler *scheduler, const char *name, guint attempt, gpointer data)
{
  Year *year = data;
  gint64 now = ob_clock_now (year->fixture->clock);
  gboolean good = g_rand_int_range (year->rand, 0, 20) > 0;
  g_autofree char *id = g_strdup_printf ("%u", year->n_runs++);
  ObRetentionItem item = { .id = g_intern_string (id),
                           .time = now / G_USEC_PER_SEC,
                           .kind = "scheduled",
                           .parts = 1,
                           .result = good ? OB_RETENTION_GOOD : OB_RETENTION_PARTIAL };

  g_array_append_val (year->items, item);
  year->n_good += good;
  if (good)
    year->last_good = item.time;
  apply_retention (year, now);
  ob_scheduler_run_ended (scheduler, name, good ? OB_RUN_SUCCEEDED : OB_RUN_PARTIAL, FALSE);
}

/* Off for some hours or days now and then: the service is gone, and comes back with what it
 * wrote down. */
static void
be_off (Year *year, const char *settings)
{
  Fixture *fixture = year->fixture;
  ObScheduleState state = *get_state (fixture, "a");
  gint64 back = ob_clock_now (fixture->clock)
                + g_rand_int_range (year->rand, 1, 100) * HOUR + 7 * G_USEC_PER_SEC;

  ob_scheduler_remove (fixture->scheduler, "a");
  ob_clock_advance (fixture->clock, back);
  add (fixture, "a", settings, &state);
}

static void
test_year (Fixture *fixture, gconstpointer data)
{
  const char *settings = "times=*-*-* 02:30;*-*-* 12:00 Europe/Madrid\nrandom-delay=15m";
  g_autoptr (GError) error = NULL;
  g_autoptr (GRand) rand = g_rand_new_with_seed (2026);
  g_autoptr (GArray) items = g_array_new (FALSE, FALSE, sizeof (ObRetentionItem));
  g_autoptr (ObRetention) retention = ob_retention_new (
    g_variant_new_parsed ("{'keep-last': '2', 'keep-daily': '7', 'keep-weekly': '4', "
                          "'keep-monthly': '12'}"),
    &error);
  Year year = { .fixture = fixture, .rand = rand, .items = items, .retention = retention };
  gint64 end = at ("2027-01-01T00:00:00", "UTC");
  guint n_off = 0;
  gint64 began = g_get_monotonic_time ();

  g_assert_no_error (error);
  g_signal_handlers_disconnect_by_data (fixture->scheduler, fixture);
  g_signal_connect (fixture->scheduler, "due", G_CALLBACK (on_due_of_year), &year);
  add (fixture, "a", settings, NULL);
  while (ob_clock_now (fixture->clock) < end)
    {
      gint64 until = ob_clock_now (fixture->clock) + g_rand_int_range (rand, 1, 14 * 24) * HOUR;

      ob_clock_advance (fixture->clock, MIN (until, end));
      if (ob_clock_now (fixture->clock) < end && g_rand_boolean (rand))
        {
          be_off (&year, settings);
          n_off++;
        }
    }
  g_test_message ("%u runs, %u good, %u times off, %u kept, %u removed, in %.2f s", year.n_runs,
                  year.n_good, n_off, items->len, year.n_removed,
                  (double) (g_get_monotonic_time () - began) / G_USEC_PER_SEC);
  /* Two a day, less what was over in one of at most four days off, each caught up once. */
  g_assert_cmpuint (n_off, >, 10);
  g_assert_cmpuint (year.n_runs, <=, 730);
  g_assert_cmpuint (year.n_runs, >=, 730 - n_off * 8);
  /* Kept are 2 + 7 + 4 + 12 at most of the good ones, and few of the others beside them. */
  g_assert_cmpuint (items->len, >=, 15);
  g_assert_cmpuint (items->len, <=, 2 + 7 + 4 + 12 + 6);
  g_assert_cmpuint (items->len + year.n_removed, ==, year.n_runs);
  g_assert_cmpint (g_get_monotonic_time () - began, <, 60 * G_USEC_PER_SEC);
  g_signal_handlers_disconnect_by_data (fixture->scheduler, &year);
  g_signal_connect (fixture->scheduler, "due", G_CALLBACK (on_due), fixture);
}

#define ADD(path, func) g_test_add (path, Fixture, NULL, set_up, func, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("/scheduler/times", test_times);
  ADD ("/scheduler/random-delay", test_random_delay);
  ADD ("/scheduler/missed", test_missed);
  ADD ("/scheduler/missed-for-long", test_missed_for_long);
  ADD ("/scheduler/owed", test_owed);
  ADD ("/scheduler/overlap", test_overlap);
  ADD ("/scheduler/owed-for-long", test_owed_for_long);
  ADD ("/scheduler/not-owed", test_not_owed);
  ADD ("/scheduler/retry", test_retry);
  ADD ("/scheduler/retry-after-restart", test_retry_after_restart);
  ADD ("/scheduler/disabled", test_disabled);
  ADD ("/scheduler/replaced", test_replaced);
  ADD ("/scheduler/replaced-during-its-delay", test_replaced_during_its_delay);
  ADD ("/scheduler/clock-is-set", test_clock_is_set);
  ADD ("/scheduler/daylight-saving", test_daylight_saving);
  ADD ("/scheduler/late-after", test_late_after);
  ADD ("/scheduler/year", test_year);
  return g_test_run ();
}
