/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whether an application that was started is well. */
#include <libsoup/soup.h>
#include <string.h>

#include "ob-error.h"
#include "ob-instance-private.h"
#include "ob-postgres.h"
#include "ob-systemd.h"

/* Microseconds between two looks. */
#define INTERVAL (G_USEC_PER_SEC / 2)
/* Seconds for one answer. */
#define ANSWER_TIMEOUT 10

/* internal methods */

static gboolean
on_certificate (SoupMessage *message, GTlsCertificate *certificate, GTlsCertificateFlags problems,
                gpointer user_data)
{
  return TRUE;
}

static gboolean
check_url (ObInstance *instance, GCancellable *cancellable, GError **error)
{
  g_autoptr (SoupSession) session
    = soup_session_new_with_options ("timeout", ANSWER_TIMEOUT, "user-agent", "obbackup", NULL);
  g_autoptr (SoupMessage) message = soup_message_new (SOUP_METHOD_GET, instance->health_url);
  g_autoptr (GInputStream) body = NULL;
  guint status;

  if (message == NULL)
    {
      g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT, "%s is no address",
                   instance->health_url);
      return FALSE;
    }
  /* The first answer decides, and it is not followed to another host. */
  soup_message_add_flags (message, SOUP_MESSAGE_NO_REDIRECT);
  g_signal_connect (message, "accept-certificate", G_CALLBACK (on_certificate), NULL);
  body = soup_session_send (session, message, cancellable, error);
  if (body == NULL)
    {
      g_prefix_error (error, "%s does not answer: ", instance->health_url);
      return FALSE;
    }
  status = soup_message_get_status (message);
  if (status < SOUP_STATUS_BAD_REQUEST)
    return TRUE;
  g_set_error (error, OB_ERROR, OB_ERROR_FAILED, "%s answers %u %s", instance->health_url, status,
               soup_status_get_phrase (status));
  return FALSE;
}

/* true, or a number that is not 0. */
static gboolean
is_true (const char *text)
{
  return text != NULL && *text != '\0' && strcmp (text, "f") != 0 && strcmp (text, "0") != 0;
}

static gboolean
check_sql (ObInstance *instance, GCancellable *cancellable, GError **error)
{
  g_autoptr (ObPostgres) postgres
    = ob_postgres_connect (instance->database, OB_ROLE_OWNER, NULL, cancellable, error);
  const char *const no_parameters[] = { NULL };
  g_autoptr (GError) local_error = NULL;
  g_autofree char *text = NULL;

  if (postgres == NULL
      || !ob_postgres_runf (postgres, cancellable, error,
                            "BEGIN READ ONLY; SET LOCAL statement_timeout TO '%us';"
                            " SET LOCAL search_path TO public, pg_catalog",
                            ANSWER_TIMEOUT))
    return FALSE;
  text = ob_postgres_get_text (postgres, instance->health_sql, no_parameters, cancellable,
                               &local_error);
  if (is_true (text))
    return TRUE;
  if (local_error != NULL)
    g_propagate_prefixed_error (error, g_steal_pointer (&local_error),
                                "The query that tells of its health fails: ");
  else
    g_set_error (error, OB_ERROR, OB_ERROR_FAILED,
                 "The query that tells of its health gives %s: %s", text != NULL ? text : "nothing",
                 instance->health_sql);
  return FALSE;
}

static gboolean
check_health (ObInstance *instance, gboolean *hopeless, GCancellable *cancellable, GError **error)
{
  if (instance->unit != NULL
      && !ob_systemd_check_active (instance->unit, hopeless, cancellable, error))
    return FALSE;
  return (instance->health_url == NULL || check_url (instance, cancellable, error))
         && (instance->health_sql == NULL || check_sql (instance, cancellable, error));
}

/* public methods */

gboolean
ob_application_can_be_seen (ObInstance *instance)
{
  /* The query alone tells of the database. */
  return instance->unit != NULL || instance->health_url != NULL;
}

gboolean
ob_application_is_seen_well (ObInstance *instance, GCancellable *cancellable)
{
  gboolean hopeless = FALSE;

  return ob_application_can_be_seen (instance)
         && check_health (instance, &hopeless, cancellable, NULL);
}

gboolean
ob_application_wait_healthy (ObInstance *instance, GCancellable *cancellable, GError **error)
{
  gint64 began = g_get_monotonic_time ();
  gint64 limit = (gint64) ob_instance_get_health_timeout (instance) * G_USEC_PER_SEC;

  for (;;)
    {
      g_autoptr (GError) local_error = NULL;
      gboolean hopeless = FALSE;
      gint64 elapsed;

      if (check_health (instance, &hopeless, cancellable, &local_error))
        return TRUE;
      if (ob_instance_is_cancelled (cancellable, error))
        return FALSE;
      elapsed = g_get_monotonic_time () - began;
      if (hopeless || elapsed > limit)
        {
          g_set_error (error, OB_ERROR, OB_ERROR_FAILED,
                       "The application of %s was started, but is not well after %u seconds: %s",
                       instance->name, (guint) (elapsed / G_USEC_PER_SEC), local_error->message);
          return FALSE;
        }
      g_usleep (INTERVAL);
    }
}
