/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-agent.h"

#define POLKIT_AGENT_I_KNOW_API_IS_SUBJECT_TO_CHANGE
#include <polkitagent/polkitagent.h>
#include <unistd.h>

typedef struct
{
  PolkitAgentListener *listener;
  gpointer registration;
} Agent;

gpointer
ob_agent_register (void)
{
  g_autoptr (PolkitSubject) subject = NULL;
  PolkitAgentListener *listener;
  gpointer registration;
  Agent *agent;

  if (getuid () == 0 || !isatty (STDIN_FILENO))
    return NULL;

  listener = polkit_agent_text_listener_new (NULL, NULL);
  subject = polkit_unix_process_new_for_owner (getpid (), 0, (int) getuid ());
  if (listener == NULL || subject == NULL)
    {
      g_clear_object (&listener);
      return NULL;
    }

  /* In a thread of its own: this one blocks in the call that waits for the password. */
  registration = polkit_agent_listener_register (
    listener, POLKIT_AGENT_REGISTER_FLAGS_RUN_IN_THREAD, subject, NULL, NULL, NULL);
  if (registration == NULL)
    {
      g_object_unref (listener);
      return NULL;
    }

  agent = g_new0 (Agent, 1);
  agent->listener = listener;
  agent->registration = registration;
  return agent;
}

void
ob_agent_unregister (gpointer data)
{
  Agent *agent = data;

  polkit_agent_listener_unregister (agent->registration);
  g_object_unref (agent->listener);
  g_free (agent);
}
