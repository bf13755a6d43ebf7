/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "ob-client.h"

G_BEGIN_DECLS

/* A restore onto a host that does not know the installation yet ("restore --properties"): it is
 * added under the name that it has in the backup, and forgotten again where nothing comes of it.
 * Used by one thread. */
typedef struct
{
  char *properties, *webapp, *unit; /* as given; NULL where not */
  char *name;                       /* what the installation is called here */
  char *path;                       /* its object on the bus; NULL before ob_new_host_begin() */
  gboolean added;                   /* it was not known before */
} ObNewHost;

void ob_new_host_clear (ObNewHost *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (ObNewHost, ob_new_host_clear)

/* Whether the options make sense together. Errors: G_OPTION_ERROR. */
gboolean ob_new_host_check (const ObNewHost *self, gboolean in_place, GError **error);

/* The installation that the newest backup is to be of: @wanted if there are backups of it, else the
 * only one there is (NULL: backups of none, so any). @from: a destination, or NULL for all.
 * Transfer full. Errors: G_OPTION_ERROR where there are several, and those of the service. */
gboolean ob_new_host_choose (ObClient *client, const char *wanted, const char *from,
                             char **instance, GError **error);

/* Adds the installation of @backup (what GetBackup gives) with the new host's properties, as
 * @wanted or else under its own name; one that was added before with the same properties is
 * taken as it is, so that a restore which failed can be tried again. @parts: what is restored of
 * it, NULL for all that is there. Nothing stays added on error. Errors: EXISTS (an installation
 * of other properties has the name), INVALID_ARGUMENT (no place for the web application; not a
 * backup of ours), and those of AddInstance. */
gboolean ob_new_host_begin (ObNewHost *self, ObClient *client, GVariant *backup, const char *wanted,
                            const char *const *parts, GError **error);

/* Nothing came of it: what was added is forgotten again. */
void ob_new_host_give_up (ObNewHost *self, ObClient *client);

/* It is there: from now on its properties are those among its own sources, and the file that was
 * given is needed no more. @result: of the restore's job. Tells what is to be done next, unless the
 * client is quiet. */
void ob_new_host_conclude (ObNewHost *self, ObClient *client, GVariant *result);

G_END_DECLS
