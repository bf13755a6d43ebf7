/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-verify-call.h"

#include "ob-error.h"
#include "ob-operations.h"
#include "ob-options.h"

static const ObOptionSpec options_of_verify[] = {
  { "destination", "s", FALSE }, { "instance", "s", FALSE }, { "read-data", "b", FALSE },
  { "sample", "d", FALSE },      { "seed", "t", FALSE },     { "drill", "b", FALSE },
  { NULL, NULL, FALSE },
};

static gboolean
read_share (ObOptions *options, ObVerifyJobOptions *job, GError **error)
{
  gdouble sample = ob_options_get_double (options, "sample");
  gboolean has_sample = ob_options_has (options, "sample");

  if (has_sample && ob_options_get_boolean (options, "read-data"))
    {
      g_set_error_literal (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                           "Give \"read-data\" or \"sample\", not both");
      return FALSE;
    }
  /* Not a number is neither. */
  if (has_sample && !(sample > 0 && sample <= 1))
    {
      g_set_error_literal (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                           "Option \"sample\" is the share of the data to read: more than 0 and at "
                           "most 1");
      return FALSE;
    }
  job->share = has_sample ? sample : ob_options_get_boolean (options, "read-data") ? 1 : 0;
  job->seed = ob_options_has (options, "seed")
                ? ob_options_get_uint64 (options, "seed")
                : ((guint64) g_random_int () << 32 | g_random_int ());
  return TRUE;
}

static char *
start_drill (ObManager *manager, const char *const *ids, ObOptions *options, guint uid,
             GError **error)
{
  ObDrillOptions drill = { .instance = ob_options_get_string (options, "instance") };
  g_autoptr (GPtrArray) instances = NULL;
  g_autoptr (GPtrArray) destinations = NULL;
  ObJob *job;

  if (ob_options_has (options, "sample") || ob_options_get_boolean (options, "read-data"))
    {
      g_set_error_literal (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                           "A drill reads all data of the backups that it restores: give \"drill\" "
                           "without \"read-data\" and \"sample\"");
      return NULL;
    }
  instances = ob_manager_select_instances (manager, drill.instance, error);
  if (instances == NULL)
    return NULL;
  destinations = ob_manager_select_destinations (
    manager, ob_options_get_string (options, "destination"), error);
  if (destinations == NULL)
    return NULL;
  job = ob_drill_job_new (ob_manager_get_context (manager), instances, destinations, ids, &drill,
                          uid, error);
  return job != NULL ? ob_manager_start_job (manager, job, error) : NULL;
}

static char *
start (ObManager *manager, const char *destination, const char *const *ids,
       const ObVerifyJobOptions *options, guint uid, GError **error)
{
  g_autoptr (GPtrArray) destinations = ob_manager_select_destinations (manager, destination, error);
  ObJob *job;

  if (destinations == NULL)
    return NULL;
  if (destinations->len == 0)
    {
      g_set_error_literal (error, OB_ERROR, OB_ERROR_NOT_FOUND,
                           "There is no destination whose backups could be verified");
      return NULL;
    }
  job
    = ob_verify_job_new (ob_manager_get_context (manager), destinations, ids, options, uid, error);
  return job != NULL ? ob_manager_start_job (manager, job, error) : NULL;
}

/* public methods */

char *
ob_verify_call_verify (ObManager *manager, const char *const *ids, GVariant *dictionary, guint uid,
                       GError **error)
{
  g_autoptr (ObOptions) options = ob_options_read (dictionary, options_of_verify, NULL, error);
  ObVerifyJobOptions verify = { 0 };

  if (options == NULL || !ob_options_check_ids (ids, error))
    return NULL;
  if (ob_options_get_boolean (options, "drill"))
    return start_drill (manager, ids, options, uid, error);
  if (!read_share (options, &verify, error))
    return NULL;
  verify.instance = ob_options_get_string (options, "instance");
  return start (manager, ob_options_get_string (options, "destination"), ids, &verify, uid, error);
}

char *
ob_verify_call_repair (ObManager *manager, const char *destination, GVariant *dictionary, guint uid,
                       GError **error)
{
  static const char *const all[] = { NULL };
  ObVerifyJobOptions repair = { .repair = TRUE };

  if (!ob_options_read_none (dictionary, error))
    return NULL;
  return start (manager, destination, all, &repair, uid, error);
}
