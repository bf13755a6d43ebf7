/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An installation of Openbravo that setup found on this host. */
#pragma once

#include <glib.h>
#include <sys/stat.h>

G_BEGIN_DECLS

typedef struct
{
  char *properties; /* path of Openbravo.properties, resolved; without control characters */
  char *context;    /* its context.name, or NULL */
  gboolean certain; /* found where root alone puts installations, not in somebody's home */
  dev_t device;
  ino_t inode;
} ObSetupFound;

void ob_setup_found_free (ObSetupFound *found);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObSetupFound, ob_setup_found_free)

/* Looks at the file @path: one that was set up names a database and the sources. NULL where it is
 * none, or where its path cannot be shown and typed. Transfer full. Any thread. Blocks. */
ObSetupFound *ob_setup_found_new (const char *path, gboolean certain);

/* Where Openbravo.properties is that somebody meant by @path: that file, or in that installation,
 * or in its config directory. Absolute; whether it is there has still to be seen. Transfer full.
 * Blocks. */
char *ob_setup_found_locate (const char *path);

/* What an instance may be called: from context.name, else from the directory; always a valid name
 * of an instance. Transfer full. Any thread. */
char *ob_setup_found_propose_name (const char *properties, const char *context);

/* Whether @name can name an instance, destination or schedule: 1 to 63 letters, digits, "-" and
 * "_", a letter or digit first. The service decides; this is for asking again at once. Any
 * thread. */
gboolean ob_setup_name_is_valid (const char *name);

/* Whether @path is UTF-8 without control characters, so that it can be shown and sent. Any
 * thread. */
gboolean ob_setup_path_is_plain (const char *path);

G_END_DECLS
