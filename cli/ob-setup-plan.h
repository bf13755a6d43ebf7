/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What setup is going to do, what was there already, and how far it came. */
#pragma once

#include "ob-client.h"

G_BEGIN_DECLS

/* What was said on the command line; NULL and FALSE for what was not. */
typedef struct
{
  char *properties, *webapp, *name, *unit, *destination, *path, *at;
  gboolean no_schedule, no_backup, yes;
} ObSetupOptions;

void ob_setup_options_clear (ObSetupOptions *options);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (ObSetupOptions, ob_setup_options_clear)

typedef enum
{
  OB_SETUP_ADD,   /* not there yet */
  OB_SETUP_KEEP,  /* it is there, and stays as it is */
  OB_SETUP_SKIP,  /* not wanted */
  OB_SETUP_ADDED, /* this setup has added it */
} ObSetupStep;

/* Used by one thread. Strings are NULL until they are known. */
typedef struct
{
  const ObSetupOptions *options; /* not owned */
  gboolean interactive;          /* somebody can be asked, and wants to be */

  ObSetupStep instance_step, destination_step, schedule_step;
  char *instance, *properties, *unit; /* unit: NULL for none */
  char *destination, *path;
  char *schedule, *at; /* at: a calendar expression */
  gboolean has_backup; /* of the instance, as far as the service remembers */

  GStrv problems;    /* of the installation, as its check found them */
  gboolean created;  /* the repository was made, not taken over */
  gboolean generated; /* its passphrase, too */
  char *backup;      /* id of the first backup */
  GError *error;     /* what ended it */
  gboolean told;     /* the error was told already */
} ObSetupPlan;

void ob_setup_plan_clear (ObSetupPlan *plan);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (ObSetupPlan, ob_setup_plan_clear)

/* Asks the service what is there: which instance, destination and schedule are kept, and which have
 * to be added. Where there are several and none is named in the options, it asks which, or fails
 * with G_OPTION_ERROR where nobody can be asked. Blocks. */
gboolean ob_setup_plan_look (ObSetupPlan *plan, ObClient *client, GError **error);

/* Whether there is anything to add. */
gboolean ob_setup_plan_is_empty (const ObSetupPlan *plan);

/* What it will do, for people, on standard error. */
void ob_setup_plan_print (const ObSetupPlan *plan);

/* Tells of the error on standard error, a sentence of at most some lines, unless that was done. */
void ob_setup_plan_tell_error (ObSetupPlan *plan);

/* All of it for programs; floating. "changed" (b); "instance", "destination", "schedule" (a{sv}
 * each, where there is one or shall be: "name" (s), "state" (s: "kept", "added", "skipped" or
 * "missing"), and of an instance "problems" (as), of a destination "passphrase-generated" (b));
 * "backup" (s: id); "error", "error-name" (s). */
GVariant *ob_setup_plan_to_json (const ObSetupPlan *plan);

G_END_DECLS
