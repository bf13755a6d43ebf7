/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-s3-bucket.h"

#include <string.h>

#include "ob-s3-xml.h"

#define VERSIONING "VersioningConfiguration"
#define LOCK "ObjectLockConfiguration"
#define LIFECYCLE "LifecycleConfiguration"
#define DAYS_A_YEAR 365

typedef struct
{
  const char *root;
  gboolean complete; /* its root has ended */
  ObS3Versioning versioning;
  ObS3ObjectLock lock;
  gboolean rule_enabled, rule_expires; /* of the rule that is being read */
  gboolean expires;
} Answer;

/* internal methods */

static gboolean
take_number (const char *text, guint unit, guint *days)
{
  guint64 number;

  if (!g_ascii_string_to_unsigned (text, 10, 1, OB_S3_BUCKET_MAX_DAYS / unit, &number, NULL))
    return FALSE;
  *days = (guint) number * unit;
  return TRUE;
}

static gboolean
take_versioning (Answer *answer, const char *path, const char *text)
{
  if (strcmp (path, "/Status") != 0)
    return TRUE;
  if (strcmp (text, "Enabled") == 0)
    answer->versioning = OB_S3_VERSIONING_ENABLED;
  else if (strcmp (text, "Suspended") == 0)
    answer->versioning = OB_S3_VERSIONING_SUSPENDED;
  else
    return FALSE;
  return TRUE;
}

static gboolean
take_lock (Answer *answer, const char *path, const char *text)
{
  ObS3ObjectLock *lock = &answer->lock;

  if (strcmp (path, "/ObjectLockEnabled") == 0)
    lock->enabled = strcmp (text, "Enabled") == 0;
  else if (strcmp (path, "/Rule/DefaultRetention/Mode") == 0)
    {
      lock->compliance = strcmp (text, "COMPLIANCE") == 0;
      return lock->compliance || strcmp (text, "GOVERNANCE") == 0;
    }
  else if (strcmp (path, "/Rule/DefaultRetention/Days") == 0)
    return take_number (text, 1, &lock->days);
  else if (strcmp (path, "/Rule/DefaultRetention/Years") == 0)
    return take_number (text, DAYS_A_YEAR, &lock->days);
  return TRUE;
}

static gboolean
take_lifecycle (Answer *answer, const char *path, const char *text)
{
  if (strcmp (path, "/Rule/Status") == 0)
    answer->rule_enabled = strcmp (text, "Enabled") == 0;
  else if (strcmp (path, "/Rule/NoncurrentVersionExpiration") == 0)
    answer->rule_expires = TRUE;
  else if (strcmp (path, "/Rule") == 0)
    {
      answer->expires = answer->expires || (answer->rule_enabled && answer->rule_expires);
      answer->rule_enabled = FALSE;
      answer->rule_expires = FALSE;
    }
  return TRUE;
}

static gboolean
on_element (const char *path, const char *text, gpointer user_data)
{
  Answer *answer = user_data;
  gsize length = strlen (answer->root);

  if (answer->complete || strncmp (path, answer->root, length) != 0
      || (path[length] != '/' && path[length] != '\0'))
    return FALSE;
  path += length;
  answer->complete = *path == '\0';
  if (strcmp (answer->root, VERSIONING) == 0)
    return take_versioning (answer, path, text);
  if (strcmp (answer->root, LOCK) == 0)
    return take_lock (answer, path, text);
  return take_lifecycle (answer, path, text);
}

static gboolean
parse (const char *text, gsize size, Answer *answer)
{
  return size > 0 && size <= OB_S3_BUCKET_MAX_ANSWER
         && ob_s3_xml_parse (text, size, on_element, answer) && answer->complete;
}

/* public methods */

gboolean
ob_s3_bucket_parse_versioning (const char *text, gsize size, ObS3Versioning *versioning)
{
  Answer answer = { .root = VERSIONING };
  gboolean good = parse (text, size, &answer);

  *versioning = answer.versioning;
  return good;
}

gboolean
ob_s3_bucket_parse_object_lock (const char *text, gsize size, ObS3ObjectLock *lock)
{
  Answer answer = { .root = LOCK };
  gboolean good = parse (text, size, &answer);

  *lock = answer.lock;
  return good;
}

gboolean
ob_s3_bucket_parse_lifecycle (const char *text, gsize size, gboolean *expires)
{
  Answer answer = { .root = LIFECYCLE };
  gboolean good = parse (text, size, &answer);

  *expires = answer.expires;
  return good;
}
