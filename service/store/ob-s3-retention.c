/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-s3-retention.h"

#include <string.h>

#include "ob-aws-signature.h"
#include "ob-s3-xml.h"

#define COMPLIANCE "COMPLIANCE"
#define GOVERNANCE "GOVERNANCE"

typedef struct
{
  ObS3Retention retention;
  gboolean has_mode, has_until;
  gboolean complete; /* its root has ended */
} Answer;

/* internal methods */

static gboolean
take_until (Answer *answer, const char *text)
{
  g_autoptr (GTimeZone) utc = g_time_zone_new_utc ();
  g_autoptr (GDateTime) time = g_date_time_new_from_iso8601 (text, utc);

  if (time == NULL || answer->has_until)
    return FALSE;
  answer->retention.until = g_date_time_to_unix (time);
  answer->has_until = TRUE;
  return TRUE;
}

static gboolean
take_mode (Answer *answer, const char *text)
{
  answer->retention.compliance = strcmp (text, COMPLIANCE) == 0;
  if (answer->has_mode || (!answer->retention.compliance && strcmp (text, GOVERNANCE) != 0))
    return FALSE;
  answer->has_mode = TRUE;
  return TRUE;
}

static gboolean
on_retention (const char *path, const char *text, gpointer user_data)
{
  Answer *answer = user_data;

  if (strcmp (path, "Retention/Mode") == 0)
    return take_mode (answer, text);
  if (strcmp (path, "Retention/RetainUntilDate") == 0)
    return take_until (answer, text);
  if (strcmp (path, "Retention") == 0)
    answer->complete = TRUE;
  return TRUE;
}

static gboolean
on_configuration (const char *path, const char *text, gpointer user_data)
{
  if (strcmp (path, "ObjectLockConfiguration/ObjectLockEnabled") == 0)
    *(gboolean *) user_data = strcmp (text, "Enabled") == 0;
  return TRUE;
}

/* public methods */

gboolean
ob_s3_retention_parse (const char *text, gsize size, ObS3Retention *retention)
{
  Answer answer = { 0 };

  if (!ob_s3_xml_parse (text, size, on_retention, &answer) || !answer.complete || !answer.has_mode
      || !answer.has_until)
    return FALSE;
  *retention = answer.retention;
  return TRUE;
}

char *
ob_s3_retention_build (const ObS3Retention *retention)
{
  char until[OB_AWS_LONG_TIME_SIZE];

  ob_aws_format_long_time (retention->until, until);
  return g_strdup_printf ("<Retention xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Mode>%s"
                          "</Mode><RetainUntilDate>%s</RetainUntilDate></Retention>",
                          ob_s3_retention_get_mode (retention), until);
}

gboolean
ob_s3_retention_is_enabled (const char *text, gsize size)
{
  gboolean enabled = FALSE;

  return ob_s3_xml_parse (text, size, on_configuration, &enabled) && enabled;
}

const char *
ob_s3_retention_get_mode (const ObS3Retention *retention)
{
  return retention->compliance ? COMPLIANCE : GOVERNANCE;
}
