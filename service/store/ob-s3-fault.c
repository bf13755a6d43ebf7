/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-s3-fault.h"

#include <string.h>

#include "ob-error.h"
#include "ob-s3-xml.h"

#define MAX_CODE 64
#define MAX_MESSAGE 300
/* S3 refuses what is more than 15 minutes off; below that the clock is not to blame. */
#define MAX_SKEW (15 * 60)

/* internal methods */

static gboolean
is_word (const char *text)
{
  gsize size = strlen (text);

  for (gsize i = 0; i < size; i++)
    if (!g_ascii_isalnum (text[i]) && text[i] != '-' && text[i] != '.')
      return FALSE;
  return size <= MAX_CODE;
}

/* Text of a server's goes into messages and logs: one line, nothing that steers a terminal. */
static char *
clean (const char *text)
{
  GString *cleaned = g_string_new (NULL);

  for (guint n = 0; *text != '\0' && n < MAX_MESSAGE; text = g_utf8_next_char (text), n++)
    {
      gunichar c = g_utf8_get_char (text);

      g_string_append_unichar (cleaned, g_unichar_isprint (c) ? c : ' ');
    }
  g_strstrip (cleaned->str);
  return g_string_free (cleaned, FALSE);
}

static gboolean
on_element (const char *path, const char *text, gpointer user_data)
{
  ObS3Fault *fault = user_data;
  char **place = NULL;

  if (strcmp (path, "Error/Code") == 0 && is_word (text))
    place = &fault->code;
  else if (strcmp (path, "Error/Message") == 0)
    place = &fault->message;
  else if (strcmp (path, "Error/Region") == 0 && is_word (text))
    place = &fault->region;
  if (place != NULL)
    {
      g_free (*place);
      *place = clean (text);
    }
  return TRUE;
}

static gboolean
is (const ObS3Fault *fault, ...) G_GNUC_NULL_TERMINATED;

/* Whether the code is one of those that follow. */
static gboolean
is (const ObS3Fault *fault, ...)
{
  gboolean found = FALSE;
  const char *code;
  va_list codes;

  va_start (codes, fault);
  while (!found && (code = va_arg (codes, const char *)) != NULL)
    found = strcmp (fault->code, code) == 0;
  va_end (codes);
  return found;
}

/* Sets no error and returns FALSE where the clock is right enough. */
static gboolean
blame_clock (const ObS3Fault *fault, const ObS3FaultContext *context, GError **error)
{
  gint64 skew = ABS (context->skew);

  if (skew <= MAX_SKEW && !is (fault, "RequestTimeTooSkewed", "RequestExpired", NULL))
    return FALSE;
  if (skew > 60)
    g_set_error (error, OB_ERROR, OB_ERROR_CREDENTIALS_REJECTED,
                 "the clock of this machine is %" G_GINT64_FORMAT " minutes %s that of the server, "
                 "which takes no request that is more than 15 minutes off; set the clock right, "
                 "and let it be kept right (timedatectl)",
                 (skew + 30) / 60, context->skew > 0 ? "ahead of" : "behind");
  else
    g_set_error_literal (error, OB_ERROR, OB_ERROR_CREDENTIALS_REJECTED,
                         "the clock of this machine differs too much from that of the server; set "
                         "it right, and let it be kept right (timedatectl)");
  return TRUE;
}

/* Refusals that are about who asks. FALSE where this one is not. */
static gboolean
blame_credentials (const ObS3Fault *fault, guint status, const ObS3FaultContext *context,
                   GError **error)
{
  const ObError code = OB_ERROR_CREDENTIALS_REJECTED;

  if (is (fault, "InvalidAccessKeyId", NULL))
    g_set_error (error, OB_ERROR, (int) code,
                 "the server does not know the access key %s; it may be mistyped, deleted, or of "
                 "another server",
                 context->access_key);
  else if (is (fault, "SignatureDoesNotMatch", NULL))
    g_set_error (error, OB_ERROR, (int) code,
                 "the server refuses the signature of the access key %s: the secret key is most "
                 "likely not the one that belongs to it",
                 context->access_key);
  else if (ob_s3_fault_is_old_keys (fault))
    g_set_error (error, OB_ERROR, (int) code,
                 "the server takes the temporary access key %s no longer (%s); it needs to be "
                 "renewed where it comes from",
                 context->access_key, fault->code);
  else if (status == 401 || status == 403)
    g_set_error (error, OB_ERROR, (int) code,
                 "the access key %s may not do that; who looks after the bucket %s has to allow it "
                 "%s (the server says: %s)",
                 context->access_key, context->bucket, context->action,
                 *fault->message != '\0' ? fault->message
                 : *fault->code != '\0'  ? fault->code
                                         : "nothing");
  else
    return FALSE;
  return TRUE;
}

/* Refusals that are about the bucket, or where it is. */
static gboolean
blame_bucket (const ObS3Fault *fault, guint status, const ObS3FaultContext *context,
              GError **error)
{
  if (is (fault, "NoSuchBucket", NULL))
    g_set_error (error, OB_ERROR, OB_ERROR_DESTINATION_UNAVAILABLE,
                 "there is no bucket %s; make it first, or correct its name or the endpoint",
                 context->bucket);
  else if (is (fault, "AuthorizationHeaderMalformed", "PermanentRedirect",
               "IllegalLocationConstraintException", NULL)
           || (status >= 300 && status < 400))
    g_set_error (error, OB_ERROR, OB_ERROR_DESTINATION_UNAVAILABLE,
                 "the bucket %s is in another region%s%s than configured; correct the region, and "
                 "the endpoint where it names one (the server says: %s)",
                 context->bucket, *fault->region != '\0' ? ", " : "",
                 *fault->region != '\0' ? fault->region : "",
                 *fault->message != '\0' ? fault->message : "go elsewhere");
  else
    return FALSE;
  return TRUE;
}

/* public methods */

ObS3Fault *
ob_s3_fault_parse (const char *text, gsize size)
{
  ObS3Fault *fault = g_new0 (ObS3Fault, 1);

  fault->code = g_strdup ("");
  fault->message = g_strdup ("");
  fault->region = g_strdup ("");
  if (size > 0)
    ob_s3_xml_parse (text, size, on_element, fault);
  return fault;
}

void
ob_s3_fault_free (ObS3Fault *fault)
{
  if (fault == NULL)
    return;
  g_free (fault->code);
  g_free (fault->message);
  g_free (fault->region);
  g_free (fault);
}

gboolean
ob_s3_fault_is_passing (const ObS3Fault *fault, guint status)
{
  switch (status)
    {
    case 408:
    case 425:
    case 429:
      return TRUE;
    case 501: /* not implemented */
    case 505:
    case 507: /* no room */
      return FALSE;
    default:
      return status >= 500
             || (status == 400
                 && is (fault, "RequestTimeout", "BadDigest", "IncompleteBody", "InvalidDigest",
                        "XAmzContentSHA256Mismatch", NULL));
    }
}

gboolean
ob_s3_fault_is_slow_down (const ObS3Fault *fault, guint status)
{
  return status == 429 || status == 503
         || is (fault, "SlowDown", "TooManyRequests", "RequestLimitExceeded", "ThrottlingException",
                NULL);
}

gboolean
ob_s3_fault_is_old_keys (const ObS3Fault *fault)
{
  return is (fault, "ExpiredToken", "InvalidToken", "TokenRefreshRequired", NULL);
}

gboolean
ob_s3_fault_is_about_keys (const ObS3Fault *fault)
{
  return ob_s3_fault_is_old_keys (fault)
         || is (fault, "InvalidAccessKeyId", "SignatureDoesNotMatch", "RequestTimeTooSkewed",
                "RequestExpired", NULL);
}

void
ob_s3_fault_set_error (const ObS3Fault *fault, guint status, const ObS3FaultContext *context,
                       GError **error)
{
  if ((status == 401 || status == 403) && is (fault, "QuotaExceeded", NULL))
    status = 507;
  if (((status == 401 || status == 403 || is (fault, "RequestTimeTooSkewed", NULL))
       && blame_clock (fault, context, error))
      || blame_bucket (fault, status, context, error)
      || (status != 507 && blame_credentials (fault, status, context, error)))
    return;
  switch (status)
    {
    case 404:
      g_set_error_literal (error, OB_ERROR, OB_ERROR_NOT_FOUND, "it is not there");
      break;
    case 412:
      g_set_error_literal (error, OB_ERROR, OB_ERROR_EXISTS, "it is there already");
      break;
    case 405:
    case 501:
      g_set_error (error, OB_ERROR, OB_ERROR_NOT_SUPPORTED, "the server cannot do that%s%s",
                   *fault->message != '\0' ? ": " : "", fault->message);
      break;
    case 507:
      g_set_error_literal (error, OB_ERROR, OB_ERROR_NO_SPACE,
                           "the destination is full, or its quota is used up; make room in it");
      break;
    default:
      g_set_error (error, OB_ERROR,
                   status >= 500 ? OB_ERROR_DESTINATION_UNAVAILABLE : OB_ERROR_FAILED,
                   "the server answers %u %s%s%s", status, fault->code,
                   *fault->message != '\0' ? ": " : "", fault->message);
      break;
    }
}
