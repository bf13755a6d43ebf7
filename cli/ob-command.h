/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "ob-client.h"

G_BEGIN_DECLS

/* A command of obbackupctl: one file each, which defines one of these. */
typedef struct
{
  const char *name;     /* "backup", or "instance add" */
  const char *synopsis; /* arguments, "[INSTANCE]" */
  const char *summary;  /* one line */
  ObExit (*run) (ObClient *client, int argc, char **argv); /* argv[0]: the name */
} ObCommand;

extern const ObCommand ob_command_setup, ob_command_status, ob_command_backup, ob_command_list,
  ob_command_show, ob_command_restore, ob_command_delete, ob_command_prune, ob_command_jobs,
  ob_command_watch, ob_command_cancel,
  ob_command_instance_add, ob_command_instance_list, ob_command_instance_show,
  ob_command_instance_check, ob_command_instance_edit, ob_command_instance_remove,
  ob_command_destination_add, ob_command_destination_list, ob_command_destination_show,
  ob_command_destination_check, ob_command_destination_edit, ob_command_destination_remove,
  ob_command_destination_recovery_key, ob_command_verify, ob_command_undo_restore,
  ob_command_release_previous, ob_command_guard, ob_command_change_list,
  ob_command_change_end, ob_command_ls, ob_command_retention, ob_command_pin, ob_command_unpin,
  ob_command_label,
  ob_command_schedule_add, ob_command_schedule_list, ob_command_schedule_show,
  ob_command_schedule_edit, ob_command_schedule_remove, ob_command_schedule_run;

/* Parses the options in @entries (may be NULL) with those every command takes; what remains in argv
 * are @min to @max operands, which *@operands gives (transfer none, NULL-terminated, points into
 * @argv). On --help prints and gives OB_EXIT_DONE in *@status, on an error OB_EXIT_USAGE; then
 * FALSE. Where the client collects options, adds those of the command that are not hidden, parses
 * nothing, and gives FALSE and OB_EXIT_DONE. */
gboolean ob_command_parse (ObClient *client, const ObCommand *command, const GOptionEntry *entries,
                           const char *description, int argc, char **argv, int min, int max,
                           char ***operands, ObExit *status);

/* "a,b" to an array without blanks and empty words. Transfer full. */
GStrv ob_split_list (const char *text);

/* An empty a{sv} in a tuple, for methods that take options alone. Floating. */
GVariant *ob_no_options (void);

G_END_DECLS
