/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of this room share about an installation; nobody else includes it. */
#pragma once

#include "ob-instance.h"
#include "ob-properties.h"

G_BEGIN_DECLS

/* The parts that are directories, as indexes of ObInstance.paths, outermost by habit first. */
enum
{
  OB_TREE_SOURCES,
  OB_TREE_WEBAPP,
  OB_TREE_ATTACHMENTS,
  OB_TREE_REPRINTABLES,
  OB_N_TREES
};

/* Writable until the function that makes it hands it out. */
struct _ObInstance
{
  gatomicrefcount references;
  char *name;
  char *properties;   /* canonical path of Openbravo.properties */
  char *machine_name; /* prefix of the override beside it; NULL: this host's name */
  char *context_name;
  char *deploy_mode;  /* "class", "war" or "none" */
  char *paths[OB_N_TREES]; /* canonical, or NULL */
  ObDatabaseConfig *database;
  char *unit;
  GStrv stop_command;
  GStrv start_command;
  char *command_user; /* NULL where there are no commands */
  char *health_url;   /* or NULL */
  char *health_sql;   /* or NULL */
  guint health_timeout; /* seconds; 0: the default */
  GStrv check_sql;    /* NULL for none */
};

/* The part of index @tree. */
ObParts ob_instance_tree_part (guint tree);

/* "The sources", "The web application", "The attachments", "The reprintables". */
const char *ob_instance_tree_title (guint tree);

/* All fields empty but the name. Transfer full. */
ObInstance *ob_instance_new (const char *name);

/* Whether the fields fit together; also what protects us from a configuration file that was edited
 * by hand. @reserved as in ObInstanceOptions. Errors: INVALID_ARGUMENT. */
gboolean ob_instance_validate (ObInstance *instance, const char *const *reserved, GError **error);

/* The application's control alone, as part of the above. */
gboolean ob_instance_validate_control (ObInstance *instance, GError **error);

/* The texts of the checks alone, as part of the above: their number and sizes. */
gboolean ob_instance_validate_checks (ObInstance *instance, GError **error);

/* Whether root can run @command: nobody else can change its program, nor a file that another
 * argument names by an absolute path. Errors: NOT_FOUND, INVALID_ARGUMENT. */
gboolean ob_instance_check_root_command (const char *const *command, GError **error);

/* Whether it is cancelled, and then sets @error. */
gboolean ob_instance_is_cancelled (GCancellable *cancellable, GError **error);

/* Fills what Openbravo.properties decides: database, context name, deploy mode, and the paths of
 * sources, attachments and reprintables, resolved. Errors: INVALID_ARGUMENT, NOT_SUPPORTED. */
gboolean ob_instance_read_properties (ObInstance *instance, ObProperties *properties,
                                      GError **error);

/* Looks for the deployed web application, and tells in @notes what was found out. Sets the path of
 * the web application, or leaves it NULL. Blocks. */
void ob_instance_find_webapp (ObInstance *instance, GPtrArray *notes, GCancellable *cancellable);

/* Adds @error's message to @notes as a sentence. */
void ob_instance_note_error (GPtrArray *notes, const GError *error);

G_END_DECLS
