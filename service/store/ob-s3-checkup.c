/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-s3-checkup.h"

#include <string.h>

#include "ob-error.h"
#include "ob-s3-bucket.h"
#include "ob-s3-fault.h"

/* Seconds: what is worth telling, and what S3 takes no request beyond. */
#define SOME_SKEW 60
#define MAX_SKEW (15 * 60)
/* Of an id of a key, at each end. */
#define SHOWN 4
/* A list of one object, whose name and tags are as long as may be, quoted. */
#define MAX_LIST (64 * 1024)

typedef struct
{
  const ObS3Settings *settings;
  ObS3Http *http;
  ObCheckup *checkup;

  /* The first request that is signed: a list of one object. */
  ObHttpAnswer answer;
  GError *failure; /* or NULL */
  gint64 asked;    /* by our clock, seconds since the epoch */
} Tour;

/* internal methods: keys and bucket */

/* "AKIA…MPLE": enough to tell it from others. Transfer full. */
static char *
shorten (const char *access_key)
{
  gsize length = strlen (access_key);

  return length > 2 * SHOWN + 2
           ? g_strdup_printf ("%.*s…%s", SHOWN, access_key, access_key + length - SHOWN)
           : g_strdup_printf ("%.2s…", access_key);
}

/* Where the keys come from, for people. Transfer full. */
static char *
describe_source (const ObS3Settings *settings)
{
  const char *source = ob_s3_settings_get_credentials (settings);
  const char *profile = ob_s3_settings_get (settings, "profile");
  const char *file = ob_s3_settings_get (settings, "profile-file");

  if (strcmp (source, "keys") == 0)
    return g_strdup ("whose secret key is kept with this destination");
  if (strcmp (source, "profile") == 0)
    return g_strdup_printf ("from the profile %s in %s", profile != NULL ? profile : "default",
                            file != NULL ? file : "the usual file of credentials");
  if (strcmp (source, "environment") == 0)
    return g_strdup ("from the environment of the service");
  return g_strdup ("from the role of this EC2 instance");
}

static void
send_first (Tour *tour)
{
  const char *prefix = ob_s3_settings_get (tour->settings, "prefix");
  g_autofree char *key_prefix = g_strconcat (prefix != NULL ? prefix : "",
                                             prefix != NULL ? "/" : "", NULL);
  g_autofree char *encoded = ob_aws_encode (key_prefix, FALSE);
  g_autofree char *query = g_strconcat ("list-type=2&max-keys=1&prefix=", encoded, NULL);
  const ObS3Request request = { .method = "GET", .key = "", .query = query, .max = MAX_LIST,
                                .verb = "listed", .action = "s3:ListBucket" };

  ob_s3_http_send (tour->http, &request, &tour->answer,
                   ob_checkup_get_cancellable (tour->checkup), &tour->failure);
  tour->asked = g_get_real_time () / G_USEC_PER_SEC;
}

/* Seconds that our clock is ahead, 0 where nobody knows. */
static gint64
get_skew (Tour *tour)
{
  return tour->answer.date != 0 ? tour->asked - tour->answer.date : 0;
}

/* Whether what went wrong with the first request says nothing for the keys: there was no answer, or
 * they were refused. */
static gboolean
is_about_keys (Tour *tour)
{
  g_autoptr (ObS3Fault) fault = NULL;
  guint status = tour->answer.status;

  if (tour->failure == NULL)
    return FALSE;
  if (tour->answer.body == NULL || status == 0 || status >= 500)
    return TRUE;
  fault = ob_s3_fault_parse ((const char *) tour->answer.body->data, tour->answer.body->len);
  return status == 401 || ob_s3_fault_is_about_keys (fault)
         || (status == 403 && ABS (get_skew (tour)) > MAX_SKEW);
}

static void
check_credentials (Tour *tour)
{
  ObCheckup *checkup = tour->checkup;
  GError *error = NULL;
  g_autofree char *source = describe_source (tour->settings);
  g_autofree char *shown = NULL;
  g_autoptr (ObAwsKeys) keys = NULL;
  gint64 expires;

  if (!ob_checkup_begin (checkup, "credentials", "tls"))
    return;
  ob_checkup_add_figure (checkup, "source", g_variant_new_string (
                                              ob_s3_settings_get_credentials (tour->settings)));
  keys = ob_aws_credentials_get (ob_s3_http_get_credentials (tour->http), NULL,
                                 ob_checkup_get_cancellable (checkup), &error);
  if (keys == NULL)
    {
      ob_checkup_fail (checkup, error);
      return;
    }
  shown = shorten (ob_aws_keys_get_access_key (keys));
  ob_checkup_add_figure (checkup, "access-key", g_variant_new_string (shown));
  expires = ob_aws_keys_get_expires (keys);
  if (expires > 0)
    ob_checkup_add_figure (checkup, "expires", g_variant_new_uint64 ((guint64) expires));
  send_first (tour);
  if (is_about_keys (tour))
    ob_checkup_fail (checkup, g_error_copy (tour->failure));
  else
    ob_checkup_end (checkup, OB_CHECKUP_OK, "access key %s, %s", shown, source);
}

static void
check_bucket (Tour *tour)
{
  ObCheckup *checkup = tour->checkup;
  const char *bucket = ob_s3_settings_get (tour->settings, "bucket");
  const char *prefix = ob_s3_settings_get (tour->settings, "prefix");
  const char *region = ob_s3_settings_get_region (tour->settings);

  if (!ob_checkup_begin (checkup, "bucket", "credentials"))
    return;
  ob_checkup_add_figure (checkup, "bucket", g_variant_new_string (bucket));
  ob_checkup_add_figure (checkup, "region", g_variant_new_string (region));
  if (tour->failure == NULL)
    ob_checkup_end (checkup, OB_CHECKUP_OK, "%s, region %s%s%s", bucket, region,
                    prefix != NULL ? ", below " : "", prefix != NULL ? prefix : "");
  else if (g_error_matches (tour->failure, OB_ERROR, OB_ERROR_CREDENTIALS_REJECTED))
    ob_checkup_end (checkup, OB_CHECKUP_NOT_TOLD,
                    "the access key may not list %s, so the server does not say whether it is "
                    "there",
                    bucket);
  else
    ob_checkup_fail (checkup, g_error_copy (tour->failure));
}

static void
check_clock (Tour *tour)
{
  ObCheckup *checkup = tour->checkup;
  gint64 skew = get_skew (tour);
  const char *side = skew > 0 ? "ahead of" : "behind";

  if (!ob_checkup_begin (checkup, "clock", "tls"))
    return;
  if (tour->answer.date == 0)
    {
      ob_checkup_end (checkup, OB_CHECKUP_NOT_TOLD, "the server has not said what time it is");
      return;
    }
  ob_checkup_add_figure (checkup, "seconds", g_variant_new_int64 (skew));
  if (ABS (skew) > MAX_SKEW)
    ob_checkup_fail (checkup, g_error_new (
      OB_ERROR, OB_ERROR_CREDENTIALS_REJECTED,
      "The clock of this machine is %" G_GINT64_FORMAT " minutes %s that of the server, which "
      "takes no request that is more than 15 minutes off; set it right, and let it be kept right "
      "(timedatectl)",
      (ABS (skew) + 30) / 60, side));
  else if (ABS (skew) > SOME_SKEW)
    ob_checkup_end (checkup, OB_CHECKUP_WARNING,
                    "%" G_GINT64_FORMAT " s %s that of the server, which takes no request that is "
                    "more than 15 minutes off; let it be kept right (timedatectl)",
                    ABS (skew), side);
  else
    ob_checkup_end (checkup, OB_CHECKUP_OK, "%" G_GINT64_FORMAT " s from that of the server",
                    ABS (skew));
}

/* internal methods: how the bucket is set up */

typedef enum
{
  SAYS,
  SAYS_NONE, /* there is no such configuration */
  SAYS_NOTHING,
} Saying;

/* Asks for a configuration of the bucket. @none: the code of the error that means there is none.
 * *@why: set where the server says nothing; transfer full. */
static Saying
ask (Tour *tour, const char *query, const char *action, const char *none, ObHttpAnswer *answer,
     GError **why)
{
  const ObS3Request request = { .method = "GET", .key = "", .query = query, .accepted = 404,
                                .max = OB_S3_BUCKET_MAX_ANSWER, .verb = "asked for its settings",
                                .action = action };
  g_autoptr (ObS3Fault) fault = NULL;

  if (!ob_s3_http_send (tour->http, &request, answer,
                        ob_checkup_get_cancellable (tour->checkup), why))
    return SAYS_NOTHING;
  if (answer->status != 404)
    return SAYS;
  fault = ob_s3_fault_parse ((const char *) answer->body->data, answer->body->len);
  if (strcmp (fault->code, none) == 0)
    return SAYS_NONE;
  g_set_error_literal (why, OB_ERROR, OB_ERROR_NOT_SUPPORTED, "the server does not know of it");
  return SAYS_NOTHING;
}

/* Ends a step about which nothing can be learnt. Transfer full. */
static void
end_untold (Tour *tour, GError *why)
{
  g_autoptr (GError) owned = why;

  if (g_cancellable_is_cancelled (ob_checkup_get_cancellable (tour->checkup)))
    ob_checkup_fail (tour->checkup, g_steal_pointer (&owned));
  else
    ob_checkup_end (tour->checkup, OB_CHECKUP_NOT_TOLD, "%s",
                    owned != NULL ? owned->message : "the answer makes no sense");
}

/* Whether something removes former versions. *@expires is set where the server says. */
static Saying
ask_lifecycle (Tour *tour, gboolean *expires)
{
  g_auto (ObHttpAnswer) answer = { 0 };
  g_autoptr (GError) why = NULL;
  Saying saying = ask (tour, "lifecycle=", "s3:GetLifecycleConfiguration",
                       "NoSuchLifecycleConfiguration", &answer, &why);

  *expires = FALSE;
  if (saying == SAYS
      && !ob_s3_bucket_parse_lifecycle ((const char *) answer.body->data, answer.body->len,
                                        expires))
    return SAYS_NOTHING;
  return saying;
}

static void
tell_versions (Tour *tour, ObS3Versioning versioning)
{
  ObCheckup *checkup = tour->checkup;
  const char *name = versioning == OB_S3_VERSIONING_ENABLED ? "enabled" : "suspended";
  gboolean expires;
  Saying saying = ask_lifecycle (tour, &expires);

  ob_checkup_set_thrifty (checkup);
  ob_checkup_add_figure (checkup, "versioning", g_variant_new_string (name));
  if (saying != SAYS_NOTHING)
    ob_checkup_add_figure (checkup, "expires", g_variant_new_boolean (expires));
  if (saying != SAYS_NOTHING && expires)
    ob_checkup_end (checkup, OB_CHECKUP_OK, "%s; a lifecycle rule removes former versions", name);
  else if (saying != SAYS_NOTHING)
    ob_checkup_end (checkup, OB_CHECKUP_WARNING,
                    "%s, and no lifecycle rule removes former versions: what prune removes goes on "
                    "taking room, and costs money",
                    name);
  else
    ob_checkup_end (checkup, OB_CHECKUP_WARNING,
                    "%s; whether a lifecycle rule removes former versions is not told: without one "
                    "what prune removes goes on taking room, and costs money",
                    name);
}

static void
check_versioning (Tour *tour)
{
  g_auto (ObHttpAnswer) answer = { 0 };
  GError *why = NULL;
  ObS3Versioning versioning;

  if (!ob_checkup_begin (tour->checkup, "versioning", "bucket"))
    return;
  if (ask (tour, "versioning=", "s3:GetBucketVersioning", "", &answer, &why) != SAYS
      || !ob_s3_bucket_parse_versioning ((const char *) answer.body->data, answer.body->len,
                                         &versioning))
    end_untold (tour, why);
  else if (versioning != OB_S3_VERSIONING_OFF)
    tell_versions (tour, versioning);
  else
    {
      ob_checkup_add_figure (tour->checkup, "versioning", g_variant_new_string ("off"));
      ob_checkup_end (tour->checkup, OB_CHECKUP_OK, "off");
    }
}

static void
tell_lock (Tour *tour, const ObS3ObjectLock *lock)
{
  ObCheckup *checkup = tour->checkup;
  const char *mode = lock->compliance ? "compliance" : "governance";

  ob_checkup_add_figure (checkup, "object-lock", g_variant_new_boolean (lock->enabled));
  if (!lock->enabled)
    {
      ob_checkup_end (checkup, OB_CHECKUP_OK, "off");
      return;
    }
  ob_checkup_add_figure (checkup, "days", g_variant_new_uint32 (lock->days));
  if (lock->days == 0)
    {
      ob_checkup_end (checkup, OB_CHECKUP_OK, "enabled, without a retention of the bucket's own");
      return;
    }
  ob_checkup_add_figure (checkup, "mode", g_variant_new_string (mode));
  ob_checkup_end (checkup, OB_CHECKUP_OK, "enabled, %s: what is written is kept for %u days", mode,
                  lock->days);
}

static void
check_lock (Tour *tour)
{
  g_auto (ObHttpAnswer) answer = { 0 };
  GError *why = NULL;
  ObS3ObjectLock lock = { FALSE, FALSE, 0 };
  Saying saying;

  if (!ob_checkup_begin (tour->checkup, "object-lock", "bucket"))
    return;
  saying = ask (tour, "object-lock=", "s3:GetBucketObjectLockConfiguration",
                "ObjectLockConfigurationNotFoundError", &answer, &why);
  if (saying == SAYS_NOTHING
      || (saying == SAYS
          && !ob_s3_bucket_parse_object_lock ((const char *) answer.body->data, answer.body->len,
                                              &lock)))
    end_untold (tour, why);
  else
    tell_lock (tour, &lock);
}

/* public methods */

void
ob_s3_checkup (const ObS3Settings *settings, ObS3Http *http, ObCheckup *checkup)
{
  Tour tour = { settings, http, checkup, { 0 }, NULL, 0 };

  check_credentials (&tour);
  check_bucket (&tour);
  check_clock (&tour);
  check_versioning (&tour);
  check_lock (&tour);
  ob_http_answer_clear (&tour.answer);
  g_clear_error (&tour.failure);
}
