/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-command.h"

#include "ob-confirm.h"
#include "ob-dictionary.h"
#include "ob-drill-output.h"
#include "ob-error.h"
#include "ob-follow.h"
#include "ob-format.h"
#include "ob-output.h"

#include <math.h>
#include <string.h>

/* Lines of one kind that are printed; --json has all. */
#define MAX_LINES 30
#define MAX_FILES 10

typedef struct
{
  char **ids;
  char *from, *instance, *sample;
  gboolean read_data, drill, repair, yes, no_wait;
  gint64 seed;
} Request;

/* internal methods */

static void
request_clear (Request *request)
{
  g_free (request->from);
  g_free (request->instance);
  g_free (request->sample);
}

/* "5%" or "0.05" to 0.05; FALSE where it is neither, or no share of anything. */
static gboolean
parse_share (const char *text, gdouble *share)
{
  char *end;

  *share = g_ascii_strtod (text, &end);
  if (end == text)
    return FALSE;
  if (*end == '%')
    {
      *share /= 100;
      end++;
    }
  return *end == '\0' && isfinite (*share) && *share > 0 && *share <= 1;
}

static gboolean
check (const Request *request, GError **error)
{
  gdouble share;

  if (request->sample != NULL && !parse_share (request->sample, &share))
    g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                 "\"%s\" is no share of the data: say \"5%%\", or any share up to \"100%%\"",
                 request->sample);
  else if (request->sample != NULL && request->read_data)
    g_set_error_literal (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                         "Say --read-data or --sample, not both");
  else if (request->drill && (request->read_data || request->sample != NULL || request->repair))
    g_set_error_literal (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                         "A drill reads all data of the backups that it restores: say --drill "
                         "without --read-data, --sample and --repair");
  else if (request->repair
           && (request->ids[0] != NULL || request->instance != NULL || request->sample != NULL))
    g_set_error_literal (
      error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
      "A repair reads and repairs a whole destination, since backups share their "
      "data: name it with --from, and no backups");
  else
    return TRUE;
  return FALSE;
}

/* Begins the job. Transfer full; NULL on error. */
static char *
begin_verify (ObClient *client, const Request *request, GError **error)
{
  g_autoptr (GVariant) reply = NULL;
  GVariantBuilder options;
  gdouble share;
  char *job;

  g_variant_builder_init (&options, G_VARIANT_TYPE_VARDICT);
  if (request->from != NULL)
    g_variant_builder_add (&options, "{sv}", "destination", g_variant_new_string (request->from));
  if (request->instance != NULL)
    g_variant_builder_add (&options, "{sv}", "instance", g_variant_new_string (request->instance));
  if (request->read_data)
    g_variant_builder_add (&options, "{sv}", "read-data", g_variant_new_boolean (TRUE));
  if (request->drill)
    g_variant_builder_add (&options, "{sv}", "drill", g_variant_new_boolean (TRUE));
  if (request->sample != NULL && parse_share (request->sample, &share))
    g_variant_builder_add (&options, "{sv}", "sample", g_variant_new_double (share));
  if (request->seed > 0)
    g_variant_builder_add (&options, "{sv}", "seed",
                           g_variant_new_uint64 ((guint64) request->seed));
  reply = ob_client_call (client, OB_ROOT_PATH, OB_INTERFACE, "Verify",
                          g_variant_new ("(^asa{sv})", request->ids, &options), NULL, error);
  if (reply == NULL)
    return NULL;
  g_variant_get (reply, "(o)", &job);
  return job;
}

static char *
begin_repair (ObClient *client, const Request *request, GError **error)
{
  g_autoptr (GVariant) properties
    = ob_client_find (client, OB_DESTINATION_INTERFACE, "destination", request->from, NULL, error);
  g_autoptr (GVariant) reply = NULL;
  g_autofree char *question = NULL;
  const char *name;
  char *job;

  if (properties == NULL)
    return NULL;
  name = ob_dict_text (properties, "Name");
  if (!request->yes)
    {
      g_printerr (
        "All data of %s is read. What cannot be read is dropped for good, and the backups\n"
        "that lose something by it are marked as partial. If the disk may only be ill, copy\n"
        "the repository to another one first.\n",
        name);
      question = g_strdup_printf ("Repair %s", name);
      if (!ob_confirm (question, error))
        return NULL;
    }
  reply = ob_client_call (
    client, OB_ROOT_PATH, OB_INTERFACE, "Repair",
    g_variant_new ("(s@a{sv})", name, g_variant_new_array (G_VARIANT_TYPE ("{sv}"), NULL, 0)), NULL,
    error);
  if (reply == NULL)
    return NULL;
  g_variant_get (reply, "(o)", &job);
  return job;
}

/* internal methods: what is printed */

static void
print_more (guint64 all, guint64 printed, const char *indent)
{
  if (all > printed)
    g_print ("%s… and %" G_GUINT64_FORMAT " more\n", indent, all - printed);
}

/* The first of the result's list @key, of @all entries, below a heading with their number. */
static void
print_list (GVariant *result, const char *key, const char *heading, guint64 all,
            void (*print_entry) (GVariant *entry))
{
  g_autoptr (GVariant) list = g_variant_lookup_value (result, key, G_VARIANT_TYPE ("aa{sv}"));
  GVariantIter iter;
  GVariant *entry;
  guint n = 0;

  if (list == NULL || all == 0)
    return;
  g_print ("%s (%" G_GUINT64_FORMAT "):\n", heading, all);
  g_variant_iter_init (&iter, list);
  while (g_variant_iter_loop (&iter, "@a{sv}", &entry))
    if (n < MAX_LINES)
      {
        print_entry (entry);
        n++;
      }
  print_more (all, n, "  ");
}

static void
print_problem (GVariant *problem)
{
  g_autofree char *message = ob_output_escape (ob_dict_text (problem, "message"));

  g_print ("  %s: %s\n", ob_dict_text (problem, "destination"), message);
}

static void
print_affected_backup (GVariant *backup)
{
  guint64 time = ob_dict_number (backup, "time");
  guint64 more = ob_dict_number (backup, "more-files");
  g_autofree char *when = ob_format_time (time);
  g_autofree char *instance = ob_output_escape (ob_dict_text (backup, "instance"));
  g_autofree char *label = ob_output_escape (ob_dict_text (backup, "label"));
  g_autofree const char **files = NULL;
  guint n = 0;

  g_print ("  %.8s  %s  %s%s%s\n", ob_dict_text (backup, "id"), when, instance,
           *label != '\0' ? "  " : "", label);
  if (!g_variant_lookup (backup, "files", "^a&s", &files))
    return;
  for (; files[n] != NULL && n < MAX_FILES; n++)
    {
      g_autofree char *file = ob_output_escape (files[n]);

      g_print ("    %s\n", file);
    }
  print_more (g_strv_length ((char **) files) + more, n, "    ");
}

static void
print_sound (GVariant *result)
{
  guint64 backups = ob_dict_number (result, "backups"),
          unused = ob_dict_number (result, "unused-packs");
  guint64 read = ob_dict_number (result, "bytes-read");
  g_autofree char *bytes = ob_format_size (read);
  g_autofree char *unused_bytes = ob_format_size (ob_dict_number (result, "unused-bytes"));
  g_autofree char *took = NULL;
  double seconds = 0;

  g_variant_lookup (result, "seconds", "d", &seconds);
  took = ob_format_duration (seconds);
  g_print ("Sound: %" G_GUINT64_FORMAT " backup%s, %" G_GUINT64_FORMAT " packs, %s read, in %s.\n",
           backups, backups == 1 ? "" : "s", ob_dict_number (result, "packs"), bytes, took);
  if (unused > 0)
    g_print ("%" G_GUINT64_FORMAT
             " packs (%s) belong to no finished backup; a prune removes them.\n",
             unused, unused_bytes);
}

static void
print_repairs (GVariant *result)
{
  g_autoptr (GVariant) repairs
    = g_variant_lookup_value (result, "repairs", G_VARIANT_TYPE ("aa{sv}"));
  GVariantIter iter;
  GVariant *repair;

  if (repairs == NULL)
    return;
  g_variant_iter_init (&iter, repairs);
  while (g_variant_iter_loop (&iter, "@a{sv}", &repair))
    g_print ("Repaired %s: %" G_GUINT64_FORMAT " packs added to the index, %" G_GUINT64_FORMAT
             " replaced, %" G_GUINT64_FORMAT " dropped; %" G_GUINT64_FORMAT
             " blobs rescued, %" G_GUINT64_FORMAT " lost; %" G_GUINT64_FORMAT
             " backups marked as partial, %" G_GUINT64_FORMAT " removed.\n",
             ob_dict_text (repair, "destination"), ob_dict_number (repair, "packs-added"),
             ob_dict_number (repair, "packs-replaced"), ob_dict_number (repair, "packs-dropped"),
             ob_dict_number (repair, "blobs-rescued"), ob_dict_number (repair, "blobs-lost"),
             ob_dict_number (repair, "backups-marked"), ob_dict_number (repair, "backups-dropped"));
}

static void
print_result (GVariant *result)
{
  guint64 n_problems = ob_dict_number (result, "n-problems");
  guint64 n_affected = ob_dict_number (result, "n-affected");

  if (n_problems == 0 && n_affected == 0)
    print_sound (result);
  print_list (result, "problems", "Damage", n_problems, print_problem);
  print_list (result, "affected", "Backups that lost something", n_affected, print_affected_backup);
  print_repairs (result);
}

static ObExit
verify (ObClient *client, const Request *request)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) result = NULL;
  g_autofree char *job = NULL;
  ObExit status;

  if (check (request, &error))
    job = request->repair ? begin_repair (client, request, &error)
                          : begin_verify (client, request, &error);
  if (job == NULL)
    return ob_client_fail (client, error);
  if (request->no_wait)
    {
      ob_print_started (client, job);
      return OB_EXIT_DONE;
    }

  status = ob_follow_job (client, job, TRUE, &result);
  if (result != NULL && !client->json && !client->quiet && status != OB_EXIT_CANCELLED)
    {
      if (request->drill)
        ob_print_drills (result);
      else
        print_result (result);
    }
  return status;
}

static ObExit
run (ObClient *client, int argc, char **argv)
{
  Request request = { 0 };
  const GOptionEntry entries[] = {
    { "read-data", 0, 0, G_OPTION_ARG_NONE, &request.read_data, "Read all stored data", NULL },
    { "sample", 0, 0, G_OPTION_ARG_STRING, &request.sample,
      "Read this share of the stored data, chosen at random", "5%" },
    { "seed", 0, G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_INT64, &request.seed, "Of the choice", "N" },
    { "drill", 0, 0, G_OPTION_ARG_NONE, &request.drill,
      "Prove backups by restoring them, for the moment only", NULL },
    { "repair", 0, 0, G_OPTION_ARG_NONE, &request.repair,
      "Read all, rebuild the index, drop what cannot be read", NULL },
    { "from", 0, 0, G_OPTION_ARG_STRING, &request.from, "Destination, all if left out", "DEST" },
    { "instance", 0, 0, G_OPTION_ARG_STRING, &request.instance, "Only backups of that installation",
      "INSTANCE" },
    { "yes", 'y', 0, G_OPTION_ARG_NONE, &request.yes, "Do not ask before a repair", NULL },
    { "no-wait", 0, 0, G_OPTION_ARG_NONE, &request.no_wait, "Begin, and do not wait for the end",
      NULL },
    G_OPTION_ENTRY_NULL,
  };
  ObExit status;

  if (ob_command_parse (client, &ob_command_verify, entries,
                        "Without --read-data and --sample it is seen whether all that the backups "
                        "need is there;\nthe data itself is not read. A drill restores each backup "
                        "into a scratch database and\ndirectory, compares rows and files, runs the "
                        "checks of the instance (--check-sql) and\nremoves all of it; without an "
                        "ID the newest backup of each installation. Exit status 1:\ndamage was "
                        "found.",
                        argc, argv, 0, 250, &request.ids, &status))
    status = verify (client, &request);
  request_clear (&request);
  return status;
}

const ObCommand ob_command_verify = {
  .name = "verify",
  .synopsis = "[ID…]",
  .summary = "See whether backups are sound, and repair what holds them.",
  .run = run,
};
