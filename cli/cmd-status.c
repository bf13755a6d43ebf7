/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-command.h"

#include "ob-dictionary.h"
#include "ob-format.h"
#include "ob-instance-notes.h"
#include "ob-output.h"
#include "ob-table.h"

#include <string.h>

/* What is said of everything at once. */
typedef struct
{
  ObTable *instances, *destinations, *jobs;
  GPtrArray *troubles; /* sentences */
  GString *notes;      /* lines: what was verified and proven, what is kept */
  GVariant *problems;  /* aa{sv}; NULL where one may not look */
  GVariantBuilder json_instances, json_destinations, json_schedules, json_jobs;
  guint n_instances, n_destinations;
} Status;

/* internal methods */

static void
take_instance (Status *self, GVariant *properties)
{
  const char *name = ob_dict_text (properties, "Name"),
             *health = ob_dict_text (properties, "Health");
  guint64 last = ob_dict_number (properties, "LastSuccess");
  guint64 next = ob_dict_number (properties, "NextRun");
  g_autofree char *when = ob_format_time (last);
  g_autofree char *next_text = next == 0 ? g_strdup ("-") : ob_format_time (next);
  g_autofree char *age = last == 0 ? g_strdup ("") : ob_format_age (last);

  self->n_instances++;
  ob_table_add (self->instances, name, health, when, age, next_text, NULL);
  g_variant_builder_add_value (&self->json_instances, properties);
  if (last == 0)
    g_ptr_array_add (
      self->troubles,
      g_strdup_printf ("%s has no whole backup yet: obbackupctl backup %s", name, name));
  if (next == 0)
    g_ptr_array_add (
      self->troubles,
      g_strdup_printf ("%s is not backed up by itself: obbackupctl schedule add NAME --instance %s "
                       "--at daily",
                       name, name));
  if (strcmp (health, "problems") == 0)
    g_ptr_array_add (
      self->troubles,
      g_strdup_printf ("%s has problems: obbackupctl instance check %s", name, name));
}

static void
take_destination (Status *self, GVariant *properties)
{
  const char *name = ob_dict_text (properties, "Name"), *state = ob_dict_text (properties, "State");
  guint64 free_bytes = ob_dict_number (properties, "FreeBytes");
  guint64 total = ob_dict_number (properties, "TotalBytes");
  g_autofree char *free_text = ob_format_size (total == 0 ? G_MAXUINT64 : free_bytes);
  g_autofree char *total_text = ob_format_size (total == 0 ? G_MAXUINT64 : total);

  self->n_destinations++;
  ob_table_add (self->destinations, name, ob_dict_text (properties, "Kind"), state, free_text,
                total_text, NULL);
  g_variant_builder_add_value (&self->json_destinations, properties);
  if (strcmp (state, "unavailable") == 0)
    g_ptr_array_add (
      self->troubles,
      g_strdup_printf ("%s cannot be used: obbackupctl destination check %s", name, name));
  if (self->problems == NULL && total != 0 && total != G_MAXUINT64 && free_bytes < total / 20)
    g_ptr_array_add (self->troubles, g_strdup_printf ("%s is nearly full: %s of %s are free", name,
                                                      free_text, total_text));
}

/* The table of destinations shows what everybody may know; this is for those who may look. */
static void
note_verified (Status *self, const char *name, guint64 when)
{
  g_autofree char *age = when == 0 ? g_strdup ("never") : ob_format_age (when);

  g_string_append_printf (self->notes, "%s was verified %s.\n", name, age);
}

/* What everybody may not know of an installation; where that is refused nothing is said. */
static void
take_details (Status *self, ObClient *client, const char *path, const char *name)
{
  g_autoptr (GVariant) reply = ob_client_call (client, path, OB_INSTANCE_INTERFACE, "GetDetails",
                                               ob_no_options (), NULL, NULL);
  g_autoptr (GVariant) details = reply != NULL ? g_variant_get_child_value (reply, 0) : NULL;

  if (details != NULL)
    ob_note_instance (details, name, self->troubles, self->notes);
}

/* Whether somebody has yet to save the recovery key is not for everyone to know: it comes from a
 * method, and where that is refused nothing is said. */
static void
take_key (Status *self, ObClient *client, const char *path, const char *name)
{
  g_autoptr (GVariant) reply = ob_client_call (client, path, OB_DESTINATION_INTERFACE, "GetDetails",
                                               ob_no_options (), NULL, NULL);
  g_autoptr (GVariant) details = NULL;
  gboolean saved = TRUE, none = FALSE;
  guint32 days = 0;

  if (reply == NULL)
    return;
  details = g_variant_get_child_value (reply, 0);
  if (g_variant_lookup (details, "days-left", "u", &days))
    g_string_append_printf (self->notes, "%s will last for %u days at its present growth.\n", name,
                            days);
  g_variant_lookup (details, "key-saved", "b", &saved);
  g_variant_lookup (details, "no-passphrase", "b", &none);
  if (strcmp (ob_dict_text (details, "verified-result"), "damaged") == 0)
    g_ptr_array_add (
      self->troubles,
      g_strdup_printf ("%s is damaged: obbackupctl verify --read-data --from %s tells "
                       "which backups lost what",
                       name, name));
  else
    note_verified (self, name, ob_dict_number (details, "verified"));
  if (!saved && !none)
    g_ptr_array_add (self->troubles,
                     g_strdup_printf ("keep a copy of the key of %s elsewhere: obbackupctl "
                                      "destination recovery-key --saved %s",
                                      name, name));
}

static void
take_job (Status *self, const char *path, GVariant *properties)
{
  const char *number = strrchr (path, '/') + 1;
  guint64 done = ob_dict_number (properties, "BytesDone");
  g_autofree char *bytes = ob_format_size (done);

  if (ob_dict_number (properties, "EndTime") != 0)
    return;
  ob_table_add (self->jobs, number, ob_dict_text (properties, "Operation"),
                ob_dict_text (properties, "Instance"), ob_dict_text (properties, "State"),
                ob_dict_text (properties, "Phase"), bytes, NULL);
  g_variant_builder_add_value (&self->json_jobs, properties);
}

/* What the service itself has found to be wrong, but for what is told above with what to do
 * about it. */
static void
take_problems (Status *self)
{
  static const char *const told[] = { "change-open-long", "application-stopped", "damage-found",
                                      "destination-unavailable", NULL };
  GVariantIter iter = { 0 };
  GVariant *problem = NULL;

  if (self->problems == NULL)
    return;
  g_variant_iter_init (&iter, self->problems);
  while (g_variant_iter_loop (&iter, "@a{sv}", &problem))
    if (!g_strv_contains (told, ob_dict_text (problem, "code")))
      g_ptr_array_add (self->troubles, g_strdup (ob_dict_text (problem, "message")));
}

static void
ask_problems (Status *self, ObClient *client)
{
  g_autoptr (GVariant) reply = ob_client_call (client, OB_ROOT_PATH, OB_INTERFACE, "GetProblems",
                                               ob_no_options (), NULL, NULL);

  self->problems = reply != NULL ? g_variant_get_child_value (reply, 0) : NULL;
}

static void
take_objects (Status *self, ObClient *client, GVariant *objects)
{
  GVariantIter iter;
  const char *path;
  GVariant *interfaces;

  g_variant_iter_init (&iter, objects);
  while (g_variant_iter_loop (&iter, "{&o@a{sa{sv}}}", &path, &interfaces))
    {
      g_autoptr (GVariant) instance
        = g_variant_lookup_value (interfaces, OB_INSTANCE_INTERFACE, G_VARIANT_TYPE_VARDICT);
      g_autoptr (GVariant) destination
        = g_variant_lookup_value (interfaces, OB_DESTINATION_INTERFACE, G_VARIANT_TYPE_VARDICT);
      g_autoptr (GVariant) schedule
        = g_variant_lookup_value (interfaces, OB_SCHEDULE_INTERFACE, G_VARIANT_TYPE_VARDICT);
      g_autoptr (GVariant) job
        = g_variant_lookup_value (interfaces, OB_JOB_INTERFACE, G_VARIANT_TYPE_VARDICT);

      if (instance != NULL)
        {
          take_instance (self, instance);
          take_details (self, client, path, ob_dict_text (instance, "Name"));
        }
      if (destination != NULL)
        {
          take_destination (self, destination);
          take_key (self, client, path, ob_dict_text (destination, "Name"));
        }
      if (schedule != NULL)
        g_variant_builder_add_value (&self->json_schedules, schedule);
      if (job != NULL)
        take_job (self, path, job);
    }
  if (self->n_destinations == 0)
    g_ptr_array_add (self->troubles, g_strdup ("there is no place for backups yet: obbackupctl "
                                               "destination add NAME --path DIR"));
  if (self->n_instances == 0)
    g_ptr_array_add (self->troubles,
                     g_strdup ("nothing is protected yet: obbackupctl instance add NAME "
                               "--properties FILE"));
}

static void
print_json (Status *self)
{
  GVariantBuilder builder;

  g_ptr_array_add (self->troubles, NULL);
  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (&builder, "{sv}", "instances",
                         g_variant_builder_end (&self->json_instances));
  g_variant_builder_add (&builder, "{sv}", "destinations",
                         g_variant_builder_end (&self->json_destinations));
  g_variant_builder_add (&builder, "{sv}", "jobs", g_variant_builder_end (&self->json_jobs));
  g_variant_builder_add (&builder, "{sv}", "schedules",
                         g_variant_builder_end (&self->json_schedules));
  if (self->problems != NULL)
    g_variant_builder_add (&builder, "{sv}", "problems", self->problems);
  g_variant_builder_add (&builder, "{sv}", "attention",
                         g_variant_new_strv ((const char *const *) self->troubles->pdata, -1));
  ob_output_json (g_variant_builder_end (&builder));
}

static void
print_text (Status *self, ObClient *client)
{
  ob_table_print (self->instances);
  if (self->n_instances > 0 && self->n_destinations > 0)
    g_print ("\n");
  ob_table_print (self->destinations);
  if (self->n_instances + self->n_destinations > 0 && !client->quiet)
    g_print ("\n");
  ob_table_print (self->jobs);
  if (!client->quiet)
    g_print ("%s", self->notes->str);
  for (guint i = 0; i < self->troubles->len; i++)
    {
      g_autofree char *escaped = ob_output_escape (self->troubles->pdata[i]);

      g_print ("! %s\n", escaped);
    }
  if (self->troubles->len == 0 && !client->quiet)
    g_print ("All is well.\n");
}

static ObExit
run (ObClient *client, int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) objects = NULL;
  Status self = { 0 };
  char **operands;
  ObExit status;

  if (!ob_command_parse (client, &ob_command_status, NULL, NULL, argc, argv, 0, 0, &operands,
                         &status))
    return status;
  objects = ob_client_get_objects (client, &error);
  if (objects == NULL)
    return ob_client_fail (client, error);

  self.instances = ob_table_new ("INSTANCE|HEALTH|LAST BACKUP|AGE|NEXT RUN");
  self.destinations = ob_table_new ("DESTINATION|KIND|STATE|>FREE|>TOTAL");
  self.jobs = ob_table_new (">JOB|OPERATION|INSTANCE|STATE|PHASE|>BYTES");
  self.troubles = g_ptr_array_new_with_free_func (g_free);
  self.notes = g_string_new (NULL);
  g_variant_builder_init (&self.json_instances, G_VARIANT_TYPE ("aa{sv}"));
  g_variant_builder_init (&self.json_destinations, G_VARIANT_TYPE ("aa{sv}"));
  g_variant_builder_init (&self.json_schedules, G_VARIANT_TYPE ("aa{sv}"));
  g_variant_builder_init (&self.json_jobs, G_VARIANT_TYPE ("aa{sv}"));

  ask_problems (&self, client);
  take_objects (&self, client, objects);
  take_problems (&self);
  if (client->json)
    print_json (&self);
  else
    print_text (&self, client);

  g_variant_builder_clear (&self.json_instances);
  g_variant_builder_clear (&self.json_destinations);
  g_variant_builder_clear (&self.json_schedules);
  g_variant_builder_clear (&self.json_jobs);
  g_clear_pointer (&self.problems, g_variant_unref);
  ob_table_free (self.instances);
  ob_table_free (self.destinations);
  ob_table_free (self.jobs);
  g_ptr_array_unref (self.troubles);
  g_string_free (self.notes, TRUE);
  return OB_EXIT_DONE;
}

const ObCommand ob_command_status = {
  .name = "status",
  .synopsis = "",
  .summary = "What is protected, the last backups, and what is wrong.",
  .run = run,
};
