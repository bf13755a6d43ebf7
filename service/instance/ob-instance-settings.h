/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The connection and the paths that restored properties name: those of the installation that
 * they are restored into, which may be another one, on another host. */
#pragma once

#include "ob-instance.h"

G_BEGIN_DECLS

/* Where a copy of the installation is, which is to run beside it. */
typedef struct
{
  const char *database; /* its name, on the server of the installation */
  const char *sources;  /* absolute */
  const char *attachments;
} ObInstanceCopy;

/* Sees to it that Openbravo.properties in the directory @dirfd, and the override of the
 * installation's machine beside it, name the connection and the paths of @instance as it is
 * frozen, or of its @copy (NULL: of itself). What they name already, in whatever words, is not
 * touched; a file that is not there is not made. The directory keeps its times. *@n_changed:
 * files that were changed. Blocks. Errors: as ob_properties_edit_file_at(). */
gboolean ob_instance_settle_settings (ObInstance *instance, const ObInstanceCopy *copy, int dirfd,
                                      guint *n_changed, GError **error);

G_END_DECLS
