/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "ob-instance-object.h"
#include "ob-manager.h"
#include "ob-schedules.h"

/* internal methods */

/* "job 7, backup of erp", or "3 jobs"; nothing where none is at work. */
static void
add_jobs (ObManager *manager, GString *text)
{
  g_autoptr (GPtrArray) jobs = ob_manager_list_jobs (manager);
  ObJob *last = NULL;
  guint n = 0;

  for (guint i = 0; i < jobs->len; i++)
    {
      ObJob *job = g_ptr_array_index (jobs, i);

      if (ob_job_state_is_final (ob_job_get_state (job)))
        continue;
      last = job;
      n++;
    }
  if (n == 1)
    g_string_append_printf (text, "; job %u, %s%s%s", ob_job_get_number (last),
                            ob_job_get_operation (last),
                            *ob_job_get_instance (last) != '\0' ? " of " : "",
                            ob_job_get_instance (last));
  else if (n > 1)
    g_string_append_printf (text, "; %u jobs", n);
}

static void
add_next (ObManager *manager, GPtrArray *instances, GString *text)
{
  guint64 first = 0;
  g_autoptr (GDateTime) when = NULL;
  g_autofree char *formatted = NULL;

  for (guint i = 0; i < instances->len; i++)
    {
      const char *name = ob_instance_get_name (
        ob_instance_object_get_instance (g_ptr_array_index (instances, i)));
      guint64 next = ob_schedules_get_next_backup (ob_manager_get_schedules (manager), name);

      if (next > 0 && (first == 0 || next < first))
        first = next;
    }
  when = first > 0 ? g_date_time_new_from_unix_local ((gint64) first) : NULL;
  formatted = when != NULL ? g_date_time_format (when, "%a %F %R") : NULL;
  if (formatted != NULL)
    g_string_append_printf (text, "; next backup %s", formatted);
}

/* public methods */

char *
ob_manager_describe_state (ObManager *manager)
{
  g_autoptr (GPtrArray) instances = ob_manager_list_instance_objects (manager);
  GString *text = g_string_new (NULL);

  g_string_append_printf (text, "%u %s", instances->len,
                          instances->len == 1 ? "instance" : "instances");
  add_jobs (manager, text);
  add_next (manager, instances, text);
  return g_string_free (text, FALSE);
}
