/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-s3-versions.h"

#include <string.h>

#include "ob-error.h"
#include "ob-s3-xml.h"

#define ROOT "ListVersionsResult"
/* As many as there may be, whose names and ids are as long as may be, quoted. */
#define MAX_ANSWER (16 * 1024 * 1024)

typedef struct
{
  const char *wanted;
  GPtrArray *ids, *marks;
  guint n;           /* entries so far, of any object */
  char *key, *id;    /* of the entry that is being read */
  gboolean complete; /* its root has ended */
} Answer;

/* internal methods */

static gboolean
take (char **place, const char *text)
{
  if (*place != NULL || *text == '\0' || strlen (text) > OB_S3_VERSIONS_MAX_ID)
    return FALSE;
  *place = g_strdup (text);
  return TRUE;
}

static gboolean
take_entry (Answer *answer, GPtrArray *ids)
{
  g_autofree char *key = g_steal_pointer (&answer->key);
  g_autofree char *id = g_steal_pointer (&answer->id);

  if (key == NULL || id == NULL || ++answer->n > OB_S3_VERSIONS_MAX)
    return FALSE;
  if (strcmp (key, answer->wanted) == 0)
    g_ptr_array_add (ids, g_steal_pointer (&id));
  return TRUE;
}

static gboolean
on_element (const char *path, const char *text, gpointer user_data)
{
  Answer *answer = user_data;

  if (answer->complete || !g_str_has_prefix (path, ROOT))
    return FALSE;
  path += strlen (ROOT);
  if (strcmp (path, "/Version/Key") == 0 || strcmp (path, "/DeleteMarker/Key") == 0)
    return take (&answer->key, text);
  if (strcmp (path, "/Version/VersionId") == 0 || strcmp (path, "/DeleteMarker/VersionId") == 0)
    return take (&answer->id, text);
  if (strcmp (path, "/Version") == 0)
    return take_entry (answer, answer->ids);
  if (strcmp (path, "/DeleteMarker") == 0)
    return take_entry (answer, answer->marks);
  answer->complete = *path == '\0';
  return TRUE;
}

static gboolean
remove_version (ObS3Http *http, const char *key, const char *id, GCancellable *cancellable,
                GError **error)
{
  g_autofree char *encoded = ob_aws_encode (id, FALSE);
  g_autofree char *query = g_strconcat ("versionId=", encoded, NULL);
  const ObS3Request request = { .method = "DELETE", .key = key, .query = query, .accepted = 404,
                                .max = OB_HTTP_MAX_REFUSAL, .verb = "removed for good",
                                .action = "s3:DeleteObjectVersion" };
  g_auto (ObHttpAnswer) answer = { 0 };

  return ob_s3_http_send (http, &request, &answer, cancellable, error);
}

/* public methods */

GPtrArray *
ob_s3_versions_parse (const char *text, gsize size, const char *key)
{
  g_autoptr (GPtrArray) ids = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GPtrArray) marks = g_ptr_array_new_with_free_func (g_free);
  Answer answer = { key, ids, marks, 0, NULL, NULL, FALSE };
  gboolean good = size > 0 && ob_s3_xml_parse (text, size, on_element, &answer) && answer.complete;

  g_free (answer.key);
  g_free (answer.id);
  if (!good)
    return NULL;
  g_ptr_array_extend_and_steal (ids, g_steal_pointer (&marks));
  return g_steal_pointer (&ids);
}

gboolean
ob_s3_versions_remove (ObS3Http *http, const char *key, GCancellable *cancellable, GError **error)
{
  g_autofree char *encoded = ob_aws_encode (key, FALSE);
  g_autofree char *query = g_strconcat ("prefix=", encoded, "&versions=", NULL);
  const ObS3Request request = { .method = "GET", .key = "", .query = query, .max = MAX_ANSWER,
                                .verb = "asked for versions", .action = "s3:ListBucketVersions" };
  g_auto (ObHttpAnswer) answer = { 0 };
  g_autoptr (GPtrArray) ids = NULL;

  if (!ob_s3_http_send (http, &request, &answer, cancellable, error))
    return FALSE;
  ids = ob_s3_versions_parse ((const char *) answer.body->data, answer.body->len, key);
  if (ids == NULL)
    {
      g_set_error (error, OB_ERROR, OB_ERROR_DESTINATION_UNAVAILABLE,
                   "The versions of %s cannot be listed: the server has answered with something "
                   "else than it was asked for",
                   key);
      return FALSE;
    }
  for (guint i = 0; i < ids->len; i++)
    if (!remove_version (http, key, g_ptr_array_index (ids, i), cancellable, error))
      return FALSE;
  return TRUE;
}
