/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-schedule.h"

#include <math.h>
#include <string.h>

#include "ob-error.h"
#include "ob-keyfile.h"
#include "ob-path.h"
#include "ob-time-span.h"

#define GROUP OB_SCHEDULE_GROUP
#define MAX_LIST 32
#define MAX_RANDOM_DELAY (24 * 60 * 60)
#define DEFAULT_PRUNE_LIMIT (30 * 60)
/* Runs that are looked at to see how long the gaps between them are: a week of nights and more. */
#define GAPS 10
#define LATE_SLACK (60 * 60)

static const char *const action_names[] = { "backup", "verify", "drill", "prune", NULL };
static const char *const overlap_names[] = { "skip", "queue", NULL };

static const char *const known_keys[]
  = { "enabled",    "action",  "instance",   "destinations", "parts",        "times",
      "time-zone",  "overlap", "persistent", "random-delay", "late-after",   "verify-after",
      "drill-after", "prune-after", "prune-limit", NULL };

/* internal methods */

G_GNUC_PRINTF (3, 4)
static gboolean
refuse (GError **error, const char *key, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list arguments;

  va_start (arguments, format);
  text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT, "\"%s\" %s", key, text);
  return FALSE;
}

static gboolean
check_keys (GKeyFile *file, GError **error)
{
  g_auto (GStrv) keys = g_key_file_get_keys (file, GROUP, NULL, NULL);

  if (keys == NULL)
    {
      g_set_error_literal (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                           "There is no group [" GROUP "]");
      return FALSE;
    }
  for (char **key = keys; *key != NULL; key++)
    if (!g_strv_contains (known_keys, *key) && !ob_schedule_is_rule (*key))
      return refuse (error, *key, "is no setting of a schedule.");
  return TRUE;
}

/* NULL without an error where there is none. */
static char *
read_text (GKeyFile *file, const char *key)
{
  char *text = g_key_file_get_string (file, GROUP, key, NULL);

  return text != NULL ? g_strstrip (text) : NULL;
}

static gboolean
read_choice (GKeyFile *file, const char *key, const char *const *names, guint *choice,
             GError **error)
{
  g_autofree char *text = read_text (file, key);
  g_autofree char *all = NULL;

  if (text == NULL)
    return TRUE;
  for (guint i = 0; names[i] != NULL; i++)
    if (strcmp (names[i], text) == 0)
      {
        *choice = i;
        return TRUE;
      }
  all = g_strjoinv (", ", (char **) names);
  return refuse (error, key, "has to be one of: %s.", all);
}

static gboolean
read_boolean (GKeyFile *file, const char *key, gboolean *value, GError **error)
{
  g_autofree char *text = read_text (file, key);

  if (text == NULL)
    return TRUE;
  if (strcmp (text, "true") != 0 && strcmp (text, "false") != 0)
    return refuse (error, key, "has to be true or false.");
  *value = text[0] == 't';
  return TRUE;
}

static gboolean
read_duration (GKeyFile *file, const char *key, guint max, guint *value, GError **error)
{
  g_autofree char *text = read_text (file, key);
  g_autofree char *longest = ob_time_span_format (max);

  if (text == NULL || (ob_time_span_parse (text, value) && *value <= max))
    return TRUE;
  return refuse (error, key, "has to be a time like 3d, 12h, 90m or 600s, of %s at most.", longest);
}

/* Lists are of names: without blanks around them, and none twice. */
static gboolean
read_list (GKeyFile *file, const char *key, GStrv *list, GError **error)
{
  g_auto (GStrv) names = g_key_file_get_string_list (file, GROUP, key, NULL, NULL);

  for (guint i = 0; names != NULL && names[i] != NULL; i++)
    {
      g_strstrip (names[i]);
      if (!ob_name_is_valid (names[i]))
        return refuse (error, key, "has \"%.64s\", which cannot be a name.", names[i]);
      for (guint j = 0; j < i; j++)
        if (strcmp (names[i], names[j]) == 0)
          return refuse (error, key, "has %s twice.", names[i]);
      if (i == MAX_LIST)
        return refuse (error, key, "has more than %d names.", MAX_LIST);
    }
  if (names != NULL && *names != NULL)
    *list = g_steal_pointer (&names);
  return TRUE;
}

static gboolean
read_times (ObSchedule *self, GKeyFile *file, GError **error)
{
  g_auto (GStrv) texts = g_key_file_get_string_list (file, GROUP, "times", NULL, NULL);

  for (guint i = 0; texts != NULL && texts[i] != NULL; i++)
    {
      ObCalendar *calendar = ob_calendar_new (g_strstrip (texts[i]), error);

      if (calendar == NULL)
        return FALSE;
      g_ptr_array_add (self->calendars, calendar);
      if (i == MAX_LIST)
        return refuse (error, "times", "has more than %d of them.", MAX_LIST);
    }
  if (self->calendars->len == 0)
    return refuse (error, "times", "has to say when it runs: daily, \"Mon..Fri 22:30\"…");
  return TRUE;
}

static gboolean
read_zone (ObSchedule *self, GKeyFile *file, GError **error)
{
  g_autoptr (GTimeZone) zone = NULL;

  self->zone_name = read_text (file, "time-zone");
  if (self->zone_name == NULL)
    return TRUE;
  zone = g_time_zone_new_identifier (self->zone_name);
  return zone != NULL
         || refuse (error, "time-zone", "is unknown: \"%.64s\"; give one as Europe/Madrid.",
                    self->zone_name);
}

/* "5%". */
static gboolean
read_share (ObSchedule *self, GKeyFile *file, GError **error)
{
  g_autofree char *text = read_text (file, "verify-after");
  char *end = NULL;
  double percent = 0;

  if (text == NULL)
    return TRUE;
  percent = g_ascii_strtod (text, &end);
  if (end == text || strcmp (end, "%") != 0 || !isfinite (percent) || percent <= 0 || percent > 100)
    return refuse (error, "verify-after",
                   "has to be a share of the data as 5%%, of 100%% at most.");
  self->verify_share = percent / 100;
  return TRUE;
}

static gboolean
read_retention (ObSchedule *self, GKeyFile *file, GError **error)
{
  g_auto (GStrv) keys = g_key_file_get_keys (file, GROUP, NULL, NULL);
  g_auto (GVariantDict) rules = G_VARIANT_DICT_INIT (NULL);
  gboolean any = FALSE;

  for (char **key = keys; *key != NULL; key++)
    if (ob_schedule_is_rule (*key))
      {
        g_autofree char *text = read_text (file, *key);

        g_variant_dict_insert (&rules, *key, "s", text != NULL ? text : "");
        any = TRUE;
      }
  if (!any)
    return TRUE;
  self->retention = ob_retention_new (g_variant_dict_end (&rules), error);
  return self->retention != NULL;
}

static gboolean
read_instance (ObSchedule *self, GKeyFile *file, GError **error)
{
  self->instance = read_text (file, "instance");
  if (self->instance == NULL || !ob_name_is_valid (self->instance))
    return refuse (error, "instance", "has to name what is backed up.");
  if (!read_list (file, "destinations", &self->destinations, error)
      || !read_list (file, "parts", &self->parts, error))
    return FALSE;
  return self->destinations != NULL
         || refuse (error, "destinations", "has to name where backups go.");
}

static gboolean
read_all (ObSchedule *self, GKeyFile *file, GError **error)
{
  guint action = OB_SCHEDULE_BACKUP, overlap = OB_OVERLAP_SKIP;

  if (!check_keys (file, error) || !read_instance (self, file, error)
      || !read_times (self, file, error) || !read_zone (self, file, error)
      || !read_boolean (file, "enabled", &self->enabled, error)
      || !read_boolean (file, "persistent", &self->persistent, error)
      || !read_choice (file, "action", action_names, &action, error)
      || !read_choice (file, "overlap", overlap_names, &overlap, error)
      || !read_duration (file, "random-delay", MAX_RANDOM_DELAY, &self->random_delay, error)
      || !read_duration (file, "late-after", OB_TIME_SPAN_MAX, &self->late_after, error)
      || !read_retention (self, file, error) || !read_share (self, file, error)
      || !read_boolean (file, "drill-after", &self->drill, error)
      || !read_boolean (file, "prune-after", &self->prune, error)
      || !read_duration (file, "prune-limit", OB_TIME_SPAN_MAX, &self->prune_limit, error))
    return FALSE;
  self->action = action;
  self->overlap = overlap;
  return TRUE;
}

static void
clear (gpointer pointer)
{
  ObSchedule *self = pointer;

  g_free (self->name);
  g_free (self->instance);
  g_strfreev (self->destinations);
  g_strfreev (self->parts);
  g_ptr_array_unref (self->calendars);
  g_free (self->zone_name);
  g_clear_pointer (&self->retention, ob_retention_free);
  g_clear_pointer (&self->file, g_key_file_unref);
}

/* public methods */

ObSchedule *
ob_schedule_new (const char *name, GKeyFile *file, GError **error)
{
  g_autoptr (ObSchedule) self = g_atomic_rc_box_new0 (ObSchedule);

  self->name = g_strdup (name);
  self->calendars = g_ptr_array_new_with_free_func ((GDestroyNotify) ob_calendar_free);
  self->enabled = self->persistent = self->prune = TRUE;
  self->prune_limit = DEFAULT_PRUNE_LIMIT;
  if (!read_all (self, file, error))
    return NULL;
  self->file = ob_keyfile_copy (file);
  return g_steal_pointer (&self);
}

ObSchedule *
ob_schedule_load (int dirfd, const char *name, GError **error)
{
  g_autofree char *file_name = g_strconcat (name, ".conf", NULL);
  g_autoptr (GKeyFile) file = ob_keyfile_load_at (dirfd, file_name, error);

  return file != NULL ? ob_schedule_new (name, file, error) : NULL;
}

gboolean
ob_schedule_save (const ObSchedule *self, int dirfd, GError **error)
{
  g_autofree char *file_name = g_strconcat (self->name, ".conf", NULL);

  return ob_keyfile_save_at (dirfd, file_name, self->file, error);
}

ObSchedule *
ob_schedule_ref (ObSchedule *self)
{
  return g_atomic_rc_box_acquire (self);
}

void
ob_schedule_unref (ObSchedule *self)
{
  g_atomic_rc_box_release_full (self, clear);
}

gboolean
ob_schedule_is_rule (const char *key)
{
  return g_str_has_prefix (key, "keep-") || strstr (key, "-keep-") != NULL;
}

GTimeZone *
ob_schedule_new_zone (const ObSchedule *self)
{
  GTimeZone *zone = self->zone_name != NULL ? g_time_zone_new_identifier (self->zone_name) : NULL;

  return zone != NULL ? zone : g_time_zone_new_local ();
}

gboolean
ob_schedule_is_same (const ObSchedule *self, const ObSchedule *other)
{
  g_autofree char *text = g_key_file_to_data (self->file, NULL, NULL);
  g_autofree char *other_text = g_key_file_to_data (other->file, NULL, NULL);

  return strcmp (text, other_text) == 0;
}

gboolean
ob_schedule_has_same_times (const ObSchedule *self, const ObSchedule *other)
{
  static const char *const keys[] = { "times", "time-zone", "random-delay" };

  for (gsize i = 0; i < G_N_ELEMENTS (keys); i++)
    {
      g_autofree char *text = read_text (self->file, keys[i]);
      g_autofree char *other_text = read_text (other->file, keys[i]);

      if (g_strcmp0 (text, other_text) != 0)
        return FALSE;
    }
  return self->enabled == other->enabled;
}

const char *
ob_schedule_action_get_name (ObScheduleAction action)
{
  return action_names[action];
}

gint64
ob_schedule_next (const ObSchedule *self, gint64 after)
{
  g_autoptr (GTimeZone) zone = ob_schedule_new_zone (self);
  gint64 next = G_MAXINT64;

  for (guint i = 0; i < self->calendars->len; i++)
    {
      gint64 when = 0;

      if (ob_calendar_next (g_ptr_array_index (self->calendars, i), after, zone, &when))
        next = MIN (next, when);
    }
  return next;
}

guint
ob_schedule_get_late_after (const ObSchedule *self, gint64 now)
{
  gint64 longest = 0;

  if (self->action != OB_SCHEDULE_BACKUP)
    return 0;
  if (self->late_after > 0)
    return self->late_after;
  for (guint i = 0; i < GAPS; i++)
    {
      gint64 next = ob_schedule_next (self, now);

      if (next == G_MAXINT64)
        break;
      if (i > 0)
        longest = MAX (longest, (next - now) / G_USEC_PER_SEC);
      now = next;
    }
  if (longest == 0)
    return 0;
  return (guint) MIN (longest + longest / 2 + self->random_delay + LATE_SLACK, OB_TIME_SPAN_MAX);
}
