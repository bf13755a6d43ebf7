/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-command.h"

#include "ob-dictionary.h"
#include "ob-format.h"
#include "ob-output.h"
#include "ob-table.h"

#include <stdlib.h>
#include <string.h>

/* internal methods */

static guint
number_of (const char *path)
{
  return (guint) strtoul (strrchr (path, '/') + 1, NULL, 10);
}

static int
by_number (gconstpointer a, gconstpointer b)
{
  guint left = number_of (*(const char *const *) a), right = number_of (*(const char *const *) b);

  return left < right ? -1 : left > right;
}

/* The paths of all jobs by number, and their properties in @jobs (path to a{sv}). */
static GPtrArray *
collect (GVariant *objects, GHashTable *jobs)
{
  GPtrArray *paths = g_ptr_array_new_with_free_func (g_free);
  GVariantIter iter;
  const char *path;
  GVariant *interfaces;

  g_variant_iter_init (&iter, objects);
  while (g_variant_iter_loop (&iter, "{&o@a{sa{sv}}}", &path, &interfaces))
    {
      GVariant *properties
        = g_variant_lookup_value (interfaces, OB_JOB_INTERFACE, G_VARIANT_TYPE_VARDICT);

      if (properties == NULL)
        continue;
      g_ptr_array_add (paths, g_strdup (path));
      g_hash_table_insert (jobs, paths->pdata[paths->len - 1], properties);
    }
  g_ptr_array_sort (paths, by_number);
  return paths;
}

static void
add_row (ObTable *table, const char *path, GVariant *job)
{
  guint64 start = 0, end = 0, done = 0, total = 0;
  guint32 uid = 0, warnings = 0;
  g_autofree char *number = g_strdup_printf ("%u", number_of (path));
  g_autofree char *when = NULL;
  g_autofree char *took = NULL;
  g_autofree char *bytes = NULL;
  g_autofree char *uid_text = NULL;
  g_autofree char *warnings_text = NULL;
  const char *error = ob_dict_text (job, "ErrorName");

  g_variant_lookup (job, "StartTime", "t", &start);
  g_variant_lookup (job, "EndTime", "t", &end);
  g_variant_lookup (job, "BytesDone", "t", &done);
  g_variant_lookup (job, "BytesTotal", "t", &total);
  g_variant_lookup (job, "StartedByUid", "u", &uid);
  g_variant_lookup (job, "Warnings", "u", &warnings);

  when = start == 0 ? g_strdup ("-") : ob_format_time (start);
  if (end == 0)
    end = (guint64) (g_get_real_time () / G_USEC_PER_SEC);
  took
    = start == 0 ? g_strdup ("-") : ob_format_duration (end > start ? (double) (end - start) : 0);
  bytes = ob_format_size (done);
  uid_text = g_strdup_printf ("%u", uid);
  warnings_text = g_strdup_printf ("%u", warnings);
  ob_table_add (table, number, ob_dict_text (job, "Operation"), ob_dict_text (job, "Instance"),
                ob_dict_text (job, "Destination"), ob_dict_text (job, "State"),
                *error != '\0' ? error : ob_dict_text (job, "Phase"), when, took, bytes,
                warnings_text, uid_text, NULL);
}

static void
print_json (GPtrArray *paths, GHashTable *jobs)
{
  GVariantBuilder list;

  g_variant_builder_init (&list, G_VARIANT_TYPE ("aa{sv}"));
  for (guint i = 0; i < paths->len; i++)
    {
      GVariantDict dict;

      g_variant_dict_init (&dict, g_hash_table_lookup (jobs, paths->pdata[i]));
      g_variant_dict_insert (&dict, "job", "s", paths->pdata[i]);
      g_variant_builder_add_value (&list, g_variant_dict_end (&dict));
    }
  ob_output_json (g_variant_builder_end (&list));
}

static ObExit
run (ObClient *client, int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) objects = NULL;
  g_autoptr (GHashTable) jobs = NULL;
  g_autoptr (GPtrArray) paths = NULL;
  g_autoptr (ObTable) table = NULL;
  char **operands;
  ObExit status;

  if (!ob_command_parse (client, &ob_command_jobs, NULL, NULL, argc, argv, 0, 0, &operands,
                         &status))
    return status;
  objects = ob_client_get_objects (client, &error);
  if (objects == NULL)
    return ob_client_fail (client, error);

  jobs = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, (GDestroyNotify) g_variant_unref);
  paths = collect (objects, jobs);
  if (client->json)
    {
      print_json (paths, jobs);
      return OB_EXIT_DONE;
    }

  table = ob_table_new (
    ">JOB|OPERATION|INSTANCE|DESTINATION|STATE|PHASE|BEGAN|>TOOK|>BYTES|>WARNINGS|>UID");
  for (guint i = 0; i < paths->len; i++)
    add_row (table, paths->pdata[i], g_hash_table_lookup (jobs, paths->pdata[i]));
  ob_table_print (table);
  if (paths->len == 0 && !client->quiet)
    g_printerr ("There was no job within the last hour.\n");
  return OB_EXIT_DONE;
}

const ObCommand ob_command_jobs = {
  .name = "jobs",
  .synopsis = "",
  .summary = "List what is being done, and what was done within the last hour.",
  .run = run,
};
