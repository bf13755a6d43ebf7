/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <gio/gio.h>
#include <gio/gunixfdlist.h>

#include "ob-exit.h"

G_BEGIN_DECLS

#define OB_BUS_NAME "org.openbravo.Backup1"
#define OB_ROOT_PATH "/org/openbravo/Backup1"
#define OB_INTERFACE "org.openbravo.Backup1"
#define OB_INSTANCE_INTERFACE OB_INTERFACE ".Instance"
#define OB_DESTINATION_INTERFACE OB_INTERFACE ".Destination"
#define OB_SCHEDULE_INTERFACE OB_INTERFACE ".Schedule"
#define OB_JOB_INTERFACE OB_INTERFACE ".Job"

/* A connection to the service, and how this command is to speak. Used by one thread. */
typedef struct
{
  GDBusConnection *bus; /* NULL until ob_client_connect() */
  gboolean json;        /* --json */
  gboolean quiet;       /* --quiet */
  gpointer agent;       /* the registered text agent, or NULL */
  GArray *options;      /* of GOptionEntry: where a command, instead of doing anything, tells what
                           options it takes; NULL where it is to run */
} ObClient;

/* Connects, once. On a terminal also registers the agent that asks for passwords. */
gboolean ob_client_connect (ObClient *client, GError **error);
void ob_client_clear (ObClient *client);

/* Calls a method of the service, without a limit of time and with leave to ask for a password.
 * @arguments may be floating, @fds NULL. Transfer full; NULL on error, whose text is a sentence
 * without the prefix that GDBus adds. */
GVariant *ob_client_call (ObClient *client, const char *path, const char *interface,
                          const char *method, GVariant *arguments, GUnixFDList *fds,
                          GError **error);

/* All objects of the service: a{oa{sa{sv}}}. Transfer full. */
GVariant *ob_client_get_objects (ObClient *client, GError **error);

/* The properties of the object that has @interface and whose property Name is @name: *@path is its
 * path (transfer full). Where @name is NULL, the only one there is. Errors: NOT_FOUND,
 * INVALID_ARGUMENT where a name is needed since there are several. @what: "instance", for messages.
 * Transfer full. */
GVariant *ob_client_find (ObClient *client, const char *interface, const char *what,
                          const char *name, char **path, GError **error);

/* The exit status that stands for the error. */
ObExit ob_exit_from_error (const GError *error);
/* The same from the name of an error, "NotFound". */
ObExit ob_exit_from_name (const char *error_name);

/* Prints "obbackupctl: " and the message to standard error (as an object with --json to standard
 * output too), and gives the exit status. */
ObExit ob_client_fail (ObClient *client, const GError *error);

G_END_DECLS
