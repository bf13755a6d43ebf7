/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-journal.h"

#include <string.h>

#define PREFIX "OBBACKUP_"
#define LONG_UNIT "_SECONDS"
#define SHORT_UNIT "_SEC"

static const char *const message_ids[OB_N_EVENTS] = {
  [OB_EVENT_JOB_FINISHED] = OB_JOURNAL_ID_JOB_FINISHED,
  [OB_EVENT_BACKUP_LATE] = OB_JOURNAL_ID_BACKUP_LATE,
  [OB_EVENT_BACKUP_IN_TIME_AGAIN] = OB_JOURNAL_ID_BACKUP_IN_TIME_AGAIN,
  [OB_EVENT_SPACE_LOW] = OB_JOURNAL_ID_SPACE_LOW,
  [OB_EVENT_DAMAGE_FOUND] = OB_JOURNAL_ID_DAMAGE_FOUND,
  [OB_EVENT_SCHEDULE_MISSED] = OB_JOURNAL_ID_SCHEDULE_MISSED,
  [OB_EVENT_CONFIGURATION_ERROR] = OB_JOURNAL_ID_CONFIGURATION_ERROR,
  [OB_EVENT_CHANGE_OPEN_LONG] = OB_JOURNAL_ID_CHANGE_OPEN_LONG,
};

/* The fields as the log takes them, and what owns their texts. */
typedef struct
{
  GArray *fields;
  GPtrArray *texts;
} Record;

static const char *
keep (Record *record, char *text)
{
  g_ptr_array_add (record->texts, text);
  return text;
}

/* @key and @value live as long as the record does. */
static void
add (Record *record, const char *key, const char *value)
{
  const GLogField field = { .key = key, .value = value, .length = -1 };

  g_array_append_val (record->fields, field);
}

static char *
make_key (const char *name)
{
  g_autofree char *upper = g_ascii_strup (name, -1);

  if (g_str_has_suffix (upper, LONG_UNIT))
    strcpy (upper + strlen (upper) - strlen (LONG_UNIT), SHORT_UNIT);
  return g_strconcat (PREFIX, upper, NULL);
}

static char *
make_value (JsonNode *value)
{
  switch (json_node_get_value_type (value))
    {
    case G_TYPE_INT64:
      return g_strdup_printf ("%" G_GINT64_FORMAT, json_node_get_int (value));
    case G_TYPE_BOOLEAN:
      return g_strdup (json_node_get_boolean (value) ? "true" : "false");
    default:
      return json_node_dup_string (value);
    }
}

static void
add_field (JsonObject *fields, const char *name, JsonNode *value, gpointer user_data)
{
  const char *key = keep (user_data, make_key (name));

  add (user_data, key, keep (user_data, make_value (value)));
}

/* GLib would take its own level for an error as a reason to end the program. */
static GLogLevelFlags
get_level (ObSeverity severity)
{
  return severity == OB_SEVERITY_INFO ? G_LOG_LEVEL_MESSAGE : G_LOG_LEVEL_WARNING;
}

static const char *
get_priority (ObSeverity severity)
{
  switch (severity)
    {
    case OB_SEVERITY_INFO:
      return "5";
    case OB_SEVERITY_WARNING:
      return "4";
    default:
      return "3";
    }
}

const char *
ob_journal_get_message_id (ObEventKind kind)
{
  g_return_val_if_fail ((guint) kind < OB_N_EVENTS, "");
  return message_ids[kind];
}

void
ob_journal_write (const ObEvent *event)
{
  g_autoptr (GArray) fields = g_array_new (FALSE, FALSE, sizeof (GLogField));
  g_autoptr (GPtrArray) texts = g_ptr_array_new_with_free_func (g_free);
  Record record = { fields, texts };
  ObEventKind kind = ob_event_get_kind (event);
  ObSeverity severity = ob_event_get_severity (event);

  add (&record, "MESSAGE", ob_event_get_message (event));
  add (&record, "MESSAGE_ID", ob_journal_get_message_id (kind));
  add (&record, "PRIORITY", get_priority (severity));
  add (&record, "OBBACKUP_EVENT", ob_event_kind_get_name (kind));
  json_object_foreach_member (ob_event_get_fields (event), add_field, &record);
  g_log_structured_array (get_level (severity), &g_array_index (fields, GLogField, 0), fields->len);
}
