/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-setup-questions.h"

#include <errno.h>
#include <string.h>

#include "ob-ask.h"
#include "ob-error.h"
#include "ob-format.h"
#include "ob-output.h"
#include "ob-setup-find.h"
#include "ob-setup-place.h"
#include "ob-setup-property.h"
#include "ob-setup-schedule.h"
#include "ob-setup-unit.h"

#define FIND_MILLISECONDS 5000
#define FILE_NAME "Openbravo.properties"

/* Whether @text can be taken; *@value is then what is meant by it (transfer full, may be NULL). */
typedef gboolean (*Accept) (ObSetupPlan *plan, const char *text, char **value, GError **error);

/* internal methods */

/* Asks until the answer is accepted. */
static gboolean
ask_until (ObSetupPlan *plan, const char *question, const char *proposal, Accept accept,
           char **value, GError **error)
{
  for (;;)
    {
      g_autofree char *answer = ob_ask (question, proposal, error);
      g_autofree char *escaped = NULL;
      g_autoptr (GError) local = NULL;

      if (answer == NULL)
        return FALSE;
      if (accept (plan, answer, value, &local))
        return TRUE;
      escaped = ob_output_escape (local->message);
      g_printerr ("%s.\n", escaped);
    }
}

/* The answer of an option, of the terminal, or the proposal: the first that there is. @missing:
 * what to tell where there is none of them. */
static gboolean
answer (ObSetupPlan *plan, const char *given, const char *question, const char *proposal,
        Accept accept, const char *missing, char **value, GError **error)
{
  if (given != NULL)
    return accept (plan, given, value, error);
  if (plan->interactive)
    return ask_until (plan, question, proposal, accept, value, error);
  if (proposal != NULL)
    return accept (plan, proposal, value, error);
  g_set_error_literal (error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED, missing);
  return FALSE;
}

/* ---- the installation */

/* Who may not read it still may be allowed to have it protected: then the service looks. */
static gboolean
accept_properties (ObSetupPlan *plan, const char *text, char **value, GError **error)
{
  g_autofree char *path = ob_setup_found_locate (text);
  gsize size = 0;
  g_autofree char *content = NULL;
  g_autofree char *url = NULL;

  if (*text == '\0' || !ob_setup_path_is_plain (path))
    {
      g_set_error_literal (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                           "Say where " FILE_NAME " is, without control characters");
      return FALSE;
    }
  content = ob_setup_read_file (path, &size);
  if (content == NULL && errno != EACCES)
    {
      g_set_error (error, OB_ERROR, OB_ERROR_NOT_FOUND, "%s cannot be used: %s", path,
                   errno == EINVAL  ? "it is no file"
                   : errno == EFBIG ? "it is larger than 1 MiB"
                                    : g_strerror (errno));
      return FALSE;
    }
  url = content != NULL ? ob_setup_property (content, size, "bbdd.url") : NULL;
  if (content != NULL && url == NULL)
    {
      g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                   "%s names no database (bbdd.url); it has to be the " FILE_NAME
                   " of an installation that was set up",
                   path);
      return FALSE;
    }
  *value = g_steal_pointer (&path);
  return TRUE;
}

static void
print_found (GPtrArray *found)
{
  g_printerr ("These installations were found:\n");
  for (guint i = 0; i < found->len; i++)
    {
      const ObSetupFound *one = found->pdata[i];
      g_autofree char *path = ob_output_escape (one->properties);
      g_autofree char *context = ob_output_escape (one->context != NULL ? one->context : "");

      g_printerr ("%3u  %s%s%s%s\n", i + 1, path, *context != '\0' ? " (" : "", context,
                  *context != '\0' ? ")" : "");
    }
}

/* A number of the list, or a path. */
static gboolean
choose_found (ObSetupPlan *plan, GPtrArray *found, GError **error)
{
  print_found (found);
  while (plan->properties == NULL)
    {
      g_autofree char *text
        = ob_ask ("Which one (its number, or another " FILE_NAME ")", "1", error);
      g_autoptr (GError) local = NULL;
      char *end = NULL;
      guint64 number = 0;

      if (text == NULL)
        return FALSE;
      number = g_ascii_strtoull (text, &end, 10);
      if (*end == '\0' && end != text && number >= 1 && number <= found->len)
        plan->properties = g_strdup (((const ObSetupFound *) found->pdata[number - 1])->properties);
      else if (*end == '\0' && end != text)
        g_printerr ("There is no number %s.\n", text);
      else if (!accept_properties (plan, text, &plan->properties, &local))
        {
          g_autofree char *escaped = ob_output_escape (local->message);

          g_printerr ("%s.\n", escaped);
        }
    }
  return TRUE;
}

/* Unasked none is taken from a home: whoever it belongs to could have put it there to be found. */
static gboolean
take_found (ObSetupPlan *plan, GPtrArray *found, GError **error)
{
  g_autoptr (GString) paths = g_string_new (NULL);

  for (guint i = 0; i < found->len; i++)
    g_string_append_printf (paths, "%s%s", i > 0 ? ", " : "",
                            ((const ObSetupFound *) found->pdata[i])->properties);
  if (found->len == 1 && ((const ObSetupFound *) found->pdata[0])->certain)
    return accept_properties (plan, paths->str, &plan->properties, error);
  if (found->len == 0)
    g_set_error_literal (error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED,
                         "No installation was found in the usual places: say where it is with "
                         "--properties FILE");
  else
    g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED,
                 "It is not certain which installation is meant (%s): say it with --properties "
                 "FILE",
                 paths->str);
  return FALSE;
}

static gboolean
ask_properties (ObSetupPlan *plan, GError **error)
{
  g_autoptr (GPtrArray) found = NULL;

  if (plan->options->properties != NULL)
    return accept_properties (plan, plan->options->properties, &plan->properties, error);
  found = ob_setup_find ("", FIND_MILLISECONDS);
  if (!plan->interactive)
    return take_found (plan, found, error);
  if (found->len > 1)
    return choose_found (plan, found, error);
  if (found->len == 0)
    g_printerr ("No installation was found in the usual places.\n");
  return ask_until (plan, "Where is " FILE_NAME,
                    found->len > 0 ? ((const ObSetupFound *) found->pdata[0])->properties : NULL,
                    accept_properties, &plan->properties, error);
}

static gboolean
accept_name (ObSetupPlan *plan, const char *text, char **value, GError **error)
{
  if (!ob_setup_name_is_valid (text))
    {
      g_set_error_literal (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                           "A name has 1 to 63 letters, digits, \"-\" and \"_\", a letter or digit "
                           "first");
      return FALSE;
    }
  *value = g_strdup (text);
  return TRUE;
}

static gboolean
ask_name (ObSetupPlan *plan, GError **error)
{
  g_autoptr (ObSetupFound) found = NULL;
  g_autofree char *proposal = NULL;

  if (plan->instance != NULL)
    return TRUE;
  found = ob_setup_found_new (plan->properties, FALSE);
  proposal = ob_setup_found_propose_name (plan->properties, found != NULL ? found->context : NULL);
  return answer (plan, NULL, "What shall it be called here", proposal, accept_name, "",
                 &plan->instance, error);
}

static gboolean
accept_unit (ObSetupPlan *plan, const char *text, char **value, GError **error)
{
  if (g_ascii_strcasecmp (text, "none") == 0)
    return TRUE;
  if (!ob_setup_unit_is_valid (text))
    {
      g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                   "\"%s\" cannot be the name of a unit of systemd, like tomcat.service", text);
      return FALSE;
    }
  *value = g_strdup (text);
  return TRUE;
}

static gboolean
ask_unit (ObSetupPlan *plan, ObClient *client, GError **error)
{
  g_auto (GStrv) units
    = plan->options->unit == NULL ? ob_setup_find_units (client->bus) : g_new0 (char *, 1);
  guint n = g_strv_length (units);
  const char *proposal = NULL;
  g_autofree char *all = g_strjoinv (", ", units);
  g_autofree char *missing = g_strdup_printf (
    "Several units could be the application server (%s): say which with --unit UNIT, or with "
    "--unit none",
    all);

  if (n == 0)
    proposal = "none";
  else if (n == 1 || plan->interactive)
    proposal = units[0];
  if (n > 1 && plan->interactive)
    g_printerr ("These units could be the application server: %s.\n", all);
  /* A restore would stop the wrong one. */
  return answer (plan, plan->options->unit,
                 "Which unit of systemd is the application server, or none", proposal, accept_unit,
                 missing, &plan->unit, error);
}

/* ---- the destination and the schedule */

static gboolean
accept_path (ObSetupPlan *plan, const char *text, char **value, GError **error)
{
  g_autofree char *path = g_canonicalize_filename (text, NULL);
  g_autofree char *parent = g_path_get_dirname (path);

  if (*text == '\0' || !ob_setup_path_is_plain (path))
    g_set_error_literal (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                         "Say in which directory backups shall be, without control characters");
  else if (g_file_test (path, G_FILE_TEST_EXISTS) && !g_file_test (path, G_FILE_TEST_IS_DIR))
    g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT, "%s is no directory", path);
  else if (!g_file_test (parent, G_FILE_TEST_IS_DIR))
    g_set_error (error, OB_ERROR, OB_ERROR_NOT_FOUND, "There is no directory %s to make it in",
                 parent);
  else
    {
      *value = g_steal_pointer (&path);
      return TRUE;
    }
  return FALSE;
}

/* On the disk of the installation the backups die with it. */
static void
warn_of_place (const ObSetupPlan *plan)
{
  g_autoptr (ObSetupPlace) place = NULL;

  if (plan->properties == NULL)
    return;
  place = ob_setup_place_look (plan->path, plan->properties);
  if (place->same)
    {
      g_autofree char *warning = g_strdup_printf (
        "%s is on the same file system as the installation: when that disk dies the backups die "
        "with it. Add another one later with `obbackupctl destination add`",
        plan->path);

      ob_output_warning (warning);
    }
}

static gboolean
ask_destination (ObSetupPlan *plan, GError **error)
{
  g_autoptr (ObSetupPlace) place = NULL;

  if (plan->destination == NULL)
    plan->destination = g_strdup ("disk");
  if (plan->options->path == NULL)
    place = ob_setup_place_find ("", plan->properties != NULL ? plan->properties : "/");
  if (place != NULL && plan->interactive && place->free_bytes > 0)
    {
      g_autofree char *path = ob_output_escape (place->path);
      g_autofree char *size = ob_format_size (place->free_bytes);

      g_printerr ("There are %s free at %s.\n", size, path);
    }
  if (!answer (plan, plan->options->path, "In which directory shall backups be",
               place != NULL ? place->path : NULL, accept_path,
               "No place for backups was found: say where they shall be with --path DIR",
               &plan->path, error))
    return FALSE;
  warn_of_place (plan);
  return TRUE;
}

static gboolean
accept_time (ObSetupPlan *plan, const char *text, char **value, GError **error)
{
  return ob_setup_schedule_parse (text, value, error);
}

static gboolean
ask_schedule (ObSetupPlan *plan, GError **error)
{
  if (!answer (plan, plan->options->at,
               "When shall it be backed up by itself (a time like 3:30, an expression, or none)",
               OB_SETUP_SCHEDULE_AT, accept_time, "", &plan->at, error))
    return FALSE;
  if (plan->at == NULL)
    plan->schedule_step = OB_SETUP_SKIP;
  return TRUE;
}

/* public methods */

gboolean
ob_setup_ask_all (ObSetupPlan *plan, ObClient *client, GError **error)
{
  if (plan->instance_step == OB_SETUP_ADD
      && (!ask_properties (plan, error) || !ask_name (plan, error)
          || !ask_unit (plan, client, error)))
    return FALSE;
  if (plan->destination_step == OB_SETUP_ADD && !ask_destination (plan, error))
    return FALSE;
  return plan->schedule_step != OB_SETUP_ADD || ask_schedule (plan, error);
}

gboolean
ob_setup_ask_path (ObSetupPlan *plan, GError **error)
{
  g_autofree char *before = g_steal_pointer (&plan->path);

  return ask_until (plan, "In which other directory shall backups be", NULL, accept_path,
                    &plan->path, error);
}

gboolean
ob_setup_ask_time (ObSetupPlan *plan, GError **error)
{
  g_clear_pointer (&plan->at, g_free);
  if (!ask_until (plan, "When else (a time like 3:30, an expression, or none)",
                  OB_SETUP_SCHEDULE_AT, accept_time, &plan->at, error))
    return FALSE;
  if (plan->at == NULL)
    plan->schedule_step = OB_SETUP_SKIP;
  return TRUE;
}
