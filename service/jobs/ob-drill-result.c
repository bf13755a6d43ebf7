/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-drill-result.h"

#include <string.h>

/* Characters of a check that a message quotes. */
#define MAX_QUOTED 120

struct _ObDrillResult
{
  GVariantBuilder backups; /* aa{sv} */
};

static const char *const outcome_names[] = {
  [OB_DRILL_PROVEN] = "proven",
  [OB_DRILL_FAILED] = "failed",
  [OB_DRILL_UNKNOWN] = "unknown",
};

/* internal methods */

static GVariant *
describe_checks (GPtrArray *checks)
{
  GVariantBuilder builder = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE ("aa{sv}"));

  for (guint i = 0; checks != NULL && i < checks->len; i++)
    {
      const ObDatabaseCheck *check = g_ptr_array_index (checks, i);
      g_autofree char *message = g_utf8_make_valid (check->message ?: "", -1);
      GVariantDict dict = { 0 };

      g_variant_dict_init (&dict, NULL);
      g_variant_dict_insert (&dict, "number", "u", i + 1);
      g_variant_dict_insert (&dict, "sql", "s", check->sql);
      g_variant_dict_insert (&dict, "ok", "b", check->ok);
      g_variant_dict_insert (&dict, "message", "s", message);
      g_variant_builder_add_value (&builder, g_variant_dict_end (&dict));
    }
  return g_variant_builder_end (&builder);
}

/* public methods */

ObDrillResult *
ob_drill_result_new (void)
{
  ObDrillResult *self = g_new0 (ObDrillResult, 1);

  g_variant_builder_init (&self->backups, G_VARIANT_TYPE ("aa{sv}"));
  return self;
}

void
ob_drill_result_free (ObDrillResult *self)
{
  g_variant_builder_clear (&self->backups);
  g_free (self);
}

const char *
ob_drill_outcome_get_name (ObDrillOutcome outcome)
{
  return outcome_names[outcome];
}

void
ob_drill_result_add (ObDrillResult *self, const ObDrill *drill)
{
  const ObSnapshot *snapshot = drill->record->snapshot;
  const char *instance = ob_snapshot_get_tag (snapshot, "instance");
  GVariantDict dict = { 0 };
  char hex[OB_ID_HEX_SIZE];

  ob_id_to_hex (ob_snapshot_get_public_id (snapshot), hex);
  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert (&dict, "id", "s", hex);
  g_variant_dict_insert (&dict, "destination", "s",
                         ob_destination_get_name (drill->record->destination));
  if (instance != NULL)
    g_variant_dict_insert (&dict, "instance", "s", instance);
  g_variant_dict_insert (&dict, "result", "s", outcome_names[drill->outcome]);
  g_variant_dict_insert (&dict, "rows", "t", drill->rows);
  g_variant_dict_insert (&dict, "files", "t", drill->files);
  g_variant_dict_insert (&dict, "bytes", "t", drill->bytes);
  g_variant_dict_insert_value (&dict, "checks", describe_checks (drill->checks));
  g_variant_dict_insert (&dict, "seconds", "d", drill->seconds);
  if (drill->message != NULL)
    {
      g_autofree char *message = g_utf8_make_valid (drill->message, -1);

      g_variant_dict_insert (&dict, "message", "s", message);
    }
  g_variant_builder_add_value (&self->backups, g_variant_dict_end (&dict));
}

GVariant *
ob_drill_result_end (ObDrillResult *self)
{
  GVariant *backups = g_variant_builder_end (&self->backups);

  g_variant_builder_init (&self->backups, G_VARIANT_TYPE ("aa{sv}"));
  return backups;
}

char *
ob_drill_result_blame_check (GPtrArray *checks)
{
  for (guint i = 0; i < checks->len; i++)
    {
      const ObDatabaseCheck *check = g_ptr_array_index (checks, i);
      gboolean is_long = g_utf8_strlen (check->sql, -1) > MAX_QUOTED;
      g_autofree char *sql = g_utf8_substring (check->sql, 0, is_long ? MAX_QUOTED : -1);

      if (!check->ok)
        return g_strdup_printf ("Check %u (%s%s) does not hold in the restored database: %s", i + 1,
                                sql, is_long ? "…" : "", check->message);
    }
  return NULL;
}

gboolean
ob_drill_result_blames_host (const char *message)
{
  static const char *const words[]
    = { "No space left on device", "Disk quota exceeded", "Input/output error",
        "Read-only file system", "Too many open files", "Cannot allocate memory", "out of memory",
        "out of shared memory", "remaining connection slots", "too many clients",
        "terminating connection", "server closed the connection", "connection to server",
        /* of a program, as ob_child_wait() tells it */
        "was ended by signal", "did not end within" };

  for (gsize i = 0; i < G_N_ELEMENTS (words); i++)
    if (strstr (message, words[i]) != NULL)
      return TRUE;
  return FALSE;
}
