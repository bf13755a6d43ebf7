/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <json-glib/json-glib.h>
#include <string.h>

#include "ob-aws-sources.h"
#include "ob-error.h"
#include "ob-http-connection.h"
#include "ob-secret.h"
#include "ob-time.h"
#include "ob-wait.h"

#define EC2_ENDPOINT "http://169.254.169.254"
#define ROLES "/latest/meta-data/iam/security-credentials/"
/* Seconds: it is on this very machine, or not at all. */
#define TIMEOUT 2
#define TRIES 3
/* Bytes; real ones are some 1,500. */
#define MAX_ANSWER 8192
#define MAX_ROLE 256

/* internal methods */

static gboolean
ask (ObHttpConnection *connection, const char *endpoint, const char *method, const char *path,
     const ObAwsHeader *header, ObHttpAnswer *answer, GCancellable *cancellable, GError **error)
{
  g_autofree char *url = g_strconcat (endpoint, path, NULL);
  const struct iovec nothing = { (void *) "", 0 };
  const ObHttpRequest request = { .method = method, .url = url, .headers = header, .n_headers = 1,
                                  .parts = *method == 'P' ? &nothing : NULL,
                                  .n_parts = *method == 'P' ? 1 : 0, .max = MAX_ANSWER };

  for (guint i = 1;; i++)
    {
      g_autoptr (GError) local = NULL;
      gboolean sent
        = ob_http_connection_send (connection, &request, answer, cancellable, &local);

      if (!ob_check_cancelled (cancellable, error))
        return FALSE;
      if (sent && answer->status == 200)
        return TRUE;
      if (i == TRIES || (sent && answer->status < 500))
        {
          g_set_error (error, OB_ERROR, OB_ERROR_CREDENTIALS_REJECTED,
                       "The metadata service of EC2 at %s gives no credentials (%s %u%s%s). This "
                       "machine has to be an EC2 instance with a role; elsewhere give a key or a "
                       "profile",
                       endpoint, path, answer->status, local != NULL ? ": " : "",
                       local != NULL ? local->message : "");
          return FALSE;
        }
      ob_http_answer_clear (answer);
    }
}

/* A copy of the body as text, if it can be part of a header or of an address; else NULL. */
static char *
get_word (const ObHttpAnswer *answer, gsize max)
{
  ob_autosecret char *text = g_strndup ((const char *) answer->body->data, answer->body->len);

  g_strstrip (text);
  return ob_aws_keys_is_valid_text (text, max) ? g_steal_pointer (&text) : NULL;
}

static gboolean
fail (const char *endpoint, GError **error)
{
  g_set_error (error, OB_ERROR, OB_ERROR_CREDENTIALS_REJECTED,
               "The metadata service of EC2 at %s answers with what makes no sense", endpoint);
  return FALSE;
}

static ObAwsKeys *
ask_for_keys (ObHttpConnection *connection, const char *endpoint, const char *token,
              GCancellable *cancellable, GError **error)
{
  const ObAwsHeader header = { "X-aws-ec2-metadata-token", token };
  g_auto (ObHttpAnswer) name_answer = { 0 };
  g_auto (ObHttpAnswer) answer = { 0 };
  g_autofree char *role = NULL;
  g_autofree char *encoded = NULL;
  g_autofree char *path = NULL;
  ObAwsKeys *keys;

  if (!ask (connection, endpoint, "GET", ROLES, &header, &name_answer, cancellable, error))
    return NULL;
  role = get_word (&name_answer, MAX_ROLE);
  if (role == NULL)
    {
      fail (endpoint, error);
      return NULL;
    }
  encoded = ob_aws_encode (role, FALSE);
  path = g_strconcat (ROLES, encoded, NULL);
  if (!ask (connection, endpoint, "GET", path, &header, &answer, cancellable, error))
    return NULL;
  keys = ob_aws_role_parse ((const char *) answer.body->data, answer.body->len, error);
  ob_secret_wipe (answer.body->data, answer.body->len);
  return keys;
}

static ObAwsKeys *
fetch_role (gpointer data, gboolean renew, GCancellable *cancellable, GError **error)
{
  const char *endpoint = data;
  const ObAwsHeader header = { "X-aws-ec2-metadata-token-ttl-seconds", "60" };
  g_autoptr (ObHttpConnection) connection = ob_http_connection_new (NULL, TRUE, TIMEOUT);
  g_auto (ObHttpAnswer) answer = { 0 };
  ob_autosecret char *token = NULL;

  if (!ask (connection, endpoint, "PUT", "/latest/api/token", &header, &answer, cancellable,
            error))
    return NULL;
  token = get_word (&answer, OB_AWS_MAX_TOKEN);
  if (token == NULL)
    {
      fail (endpoint, error);
      return NULL;
    }
  return ask_for_keys (connection, endpoint, token, cancellable, error);
}

/* Where it is a text that can be a key or token. Belongs to @object. */
static const char *
get_text (JsonObject *object, const char *name, gsize max)
{
  JsonNode *node = json_object_get_member (object, name);
  const char *text
    = node != NULL && JSON_NODE_HOLDS_VALUE (node) ? json_node_get_string (node) : NULL;

  return text != NULL && ob_aws_keys_is_valid_text (text, max) ? text : NULL;
}

/* public methods */

ObAwsCredentials *
ob_aws_credentials_new_role (const char *endpoint)
{
  return ob_aws_credentials_new (fetch_role, g_strdup (endpoint != NULL ? endpoint : EC2_ENDPOINT),
                                 g_free);
}

ObAwsKeys *
ob_aws_role_parse (const char *text, gsize size, GError **error)
{
  g_autoptr (JsonParser) parser = json_parser_new ();
  JsonNode *root = NULL;
  JsonObject *object;
  const char *access_key = NULL, *secret_key = NULL, *token = NULL, *end = NULL;
  struct timespec expires;

  if (size <= MAX_ANSWER && json_parser_load_from_data (parser, text, (gssize) size, NULL))
    root = json_parser_get_root (parser);
  if (root != NULL && JSON_NODE_HOLDS_OBJECT (root))
    {
      object = json_node_get_object (root);
      access_key = get_text (object, "AccessKeyId", OB_AWS_MAX_KEY);
      secret_key = get_text (object, "SecretAccessKey", OB_AWS_MAX_KEY);
      token = get_text (object, "Token", OB_AWS_MAX_TOKEN);
      end = get_text (object, "Expiration", 64);
    }
  if (access_key != NULL && secret_key != NULL && token != NULL && end != NULL
      && ob_time_parse (end, &expires))
    return ob_aws_keys_new (access_key, secret_key, token, expires.tv_sec);
  g_set_error_literal (error, OB_ERROR, OB_ERROR_CREDENTIALS_REJECTED,
                       "The metadata service of EC2 gives no whole set of keys for the role");
  return NULL;
}
