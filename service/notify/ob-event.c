/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-event.h"

#include <string.h>
#include <time.h>

#include "config.h"
#include "ob-text.h"
#include "ob-time.h"

#define MAX_KEY 32

struct _ObEvent
{
  ObEventKind kind;
  ObSeverity severity;
  struct timespec when;
  char *message;
  JsonObject *fields;
};

static const char *const kind_names[OB_N_EVENTS] = {
  [OB_EVENT_JOB_FINISHED] = "job-finished",
  [OB_EVENT_BACKUP_LATE] = "backup-late",
  [OB_EVENT_BACKUP_IN_TIME_AGAIN] = "backup-in-time-again",
  [OB_EVENT_SPACE_LOW] = "space-low",
  [OB_EVENT_DAMAGE_FOUND] = "damage-found",
  [OB_EVENT_SCHEDULE_MISSED] = "schedule-missed",
  [OB_EVENT_CONFIGURATION_ERROR] = "configuration-error",
  [OB_EVENT_CHANGE_OPEN_LONG] = "change-open-long",
};

static const char *const severity_names[] = {
  [OB_SEVERITY_INFO] = "info",
  [OB_SEVERITY_WARNING] = "warning",
  [OB_SEVERITY_ERROR] = "error",
};

/* What every event has; no field may stand in its place. */
static const char *const own_members[] = {
  "event", "time", "host", "severity", "message", "service_version", NULL,
};

const char *
ob_event_kind_get_name (ObEventKind kind)
{
  g_return_val_if_fail ((guint) kind < OB_N_EVENTS, "");
  return kind_names[kind];
}

const char *
ob_severity_get_name (ObSeverity severity)
{
  g_return_val_if_fail ((guint) severity < G_N_ELEMENTS (severity_names), "");
  return severity_names[severity];
}

ObEvent *
ob_event_new (ObEventKind kind, ObSeverity severity, const char *message)
{
  ObEvent *self = g_new0 (ObEvent, 1);

  self->kind = kind;
  self->severity = severity;
  clock_gettime (CLOCK_REALTIME, &self->when);
  self->when.tv_nsec -= self->when.tv_nsec % 1000000;
  self->message = ob_text_make_line (message, OB_EVENT_MAX_MESSAGE);
  self->fields = json_object_new ();
  return self;
}

static gboolean
is_field (ObEvent *self, const char *key)
{
  return g_ascii_islower (*key) && strlen (key) <= MAX_KEY
         && strspn (key, "abcdefghijklmnopqrstuvwxyz_") == strlen (key)
         && !g_strv_contains (own_members, key)
         && (json_object_has_member (self->fields, key)
             || json_object_get_size (self->fields) < OB_EVENT_MAX_FIELDS);
}

void
ob_event_set_string (ObEvent *event, const char *key, const char *text)
{
  g_autofree char *line = NULL;

  g_return_if_fail (is_field (event, key));
  if (text == NULL)
    return;
  line = ob_text_make_line (text, OB_EVENT_MAX_TEXT);
  json_object_set_string_member (event->fields, key, line);
}

void
ob_event_set_int64 (ObEvent *event, const char *key, gint64 number)
{
  g_return_if_fail (is_field (event, key));
  json_object_set_int_member (event->fields, key, number);
}

void
ob_event_set_boolean (ObEvent *event, const char *key, gboolean value)
{
  g_return_if_fail (is_field (event, key));
  json_object_set_boolean_member (event->fields, key, value);
}

ObEventKind
ob_event_get_kind (const ObEvent *event)
{
  return event->kind;
}

ObSeverity
ob_event_get_severity (const ObEvent *event)
{
  return event->severity;
}

const char *
ob_event_get_message (const ObEvent *event)
{
  return event->message;
}

JsonObject *
ob_event_get_fields (const ObEvent *event)
{
  return event->fields;
}

static void
copy_field (JsonObject *fields, const char *key, JsonNode *value, gpointer user_data)
{
  json_object_set_member (user_data, key, json_node_copy (value));
}

char *
ob_event_to_json (const ObEvent *event)
{
  g_autoptr (JsonObject) object = json_object_new ();
  g_autoptr (JsonNode) root = json_node_new (JSON_NODE_OBJECT);
  g_autofree char *when = ob_time_format (&event->when);
  g_autofree char *host = ob_text_make_line (g_get_host_name (), OB_EVENT_MAX_TEXT);
  g_autofree char *text = NULL;

  json_object_set_string_member (object, "event", ob_event_kind_get_name (event->kind));
  json_object_set_string_member (object, "time", when);
  json_object_set_string_member (object, "host", host);
  json_object_set_string_member (object, "severity", ob_severity_get_name (event->severity));
  json_object_set_string_member (object, "message", event->message);
  json_object_set_string_member (object, "service_version", OB_VERSION);
  json_object_foreach_member (event->fields, copy_field, object);
  json_node_set_object (root, object);
  text = json_to_string (root, TRUE);
  return g_strconcat (text, "\n", NULL);
}

void
ob_event_free (ObEvent *event)
{
  if (event == NULL)
    return;
  json_object_unref (event->fields);
  g_free (event->message);
  g_free (event);
}
