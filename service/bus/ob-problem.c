/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-problem.h"

/* No event of its own: the end of the job told it. */
#define NO_EVENT OB_N_EVENTS

static const struct
{
  const char *name;
  const char *about;
  ObEventKind event;
} kinds[] = {
  [OB_PROBLEM_BACKUP_LATE] = { "backup-late", "instance", OB_EVENT_BACKUP_LATE },
  [OB_PROBLEM_SPACE_LOW] = { "space-low", "destination", OB_EVENT_SPACE_LOW },
  [OB_PROBLEM_DAMAGE_FOUND] = { "damage-found", "destination", OB_EVENT_DAMAGE_FOUND },
  [OB_PROBLEM_CHANGE_OPEN_LONG] = { "change-open-long", "instance", OB_EVENT_CHANGE_OPEN_LONG },
  [OB_PROBLEM_CONFIGURATION_ERROR]
  = { "configuration-error", "file", OB_EVENT_CONFIGURATION_ERROR },
  [OB_PROBLEM_SCHEDULE_MISSED] = { "schedule-missed", "schedule", OB_EVENT_SCHEDULE_MISSED },
  [OB_PROBLEM_SCHEDULE_FAILED] = { "schedule-failed", "schedule", NO_EVENT },
  [OB_PROBLEM_DESTINATION_UNAVAILABLE] = { "destination-unavailable", "destination", NO_EVENT },
  [OB_PROBLEM_APPLICATION_STOPPED] = { "application-stopped", "instance", NO_EVENT },
  [OB_PROBLEM_HISTORY_LOST] = { "history-lost", "file", NO_EVENT },
};

/* public methods */

ObProblem *
ob_problem_new (ObProblemKind kind, ObSeverity severity, const char *name, const char *format, ...)
{
  ObProblem *self = g_new0 (ObProblem, 1);
  g_autofree char *text = NULL;
  va_list arguments;

  va_start (arguments, format);
  text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  self->kind = kind;
  self->severity = severity;
  self->name = g_strdup (name);
  self->message = g_utf8_make_valid (text, -1);
  self->since = g_get_real_time () / G_USEC_PER_SEC;
  self->age = -1;
  return self;
}

void
ob_problem_free (ObProblem *self)
{
  if (self == NULL)
    return;
  g_free (self->name);
  g_free (self->message);
  g_free (self);
}

const char *
ob_problem_kind_get_name (ObProblemKind kind)
{
  return kinds[kind].name;
}

char *
ob_problem_get_code (const ObProblem *self)
{
  return g_strconcat (kinds[self->kind].name, ":", self->name, NULL);
}

const char *
ob_problem_get_about (const ObProblem *self)
{
  return kinds[self->kind].about;
}

ObEvent *
ob_problem_make_event (const ObProblem *self)
{
  ObEvent *event = NULL;

  if (kinds[self->kind].event == NO_EVENT)
    return NULL;
  event = ob_event_new (kinds[self->kind].event, self->severity, self->message);
  ob_event_set_string (event, kinds[self->kind].about, self->name);
  if (self->age >= 0)
    ob_event_set_int64 (event, "age_seconds", self->age);
  return event;
}

GVariant *
ob_problem_describe (const ObProblem *self)
{
  GVariantDict dict = { 0 };

  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert (&dict, "code", "s", kinds[self->kind].name);
  g_variant_dict_insert (&dict, "severity", "s", ob_severity_get_name (self->severity));
  g_variant_dict_insert (&dict, "message", "s", self->message);
  g_variant_dict_insert (&dict, "since", "t", (guint64) MAX (self->since, 0));
  g_variant_dict_insert (&dict, kinds[self->kind].about, "s", self->name);
  return g_variant_dict_end (&dict);
}
