/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-complete.h"

#include <string.h>

static ObExit
run_take (ObClient *client, int argc, char **argv)
{
  const GOptionEntry entries[] = {
    { "to", 0, 0, G_OPTION_ARG_STRING, NULL, "Where to", "DEST" },
    { "limit", 'n', 0, G_OPTION_ARG_INT, NULL, "At most", "N" },
    { "only", 0, 0, G_OPTION_ARG_STRING, NULL, "These", "PART,…" },
    { "how", 0, 0, G_OPTION_ARG_STRING, NULL, "How", "well|badly" },
    { "path", 0, 0, G_OPTION_ARG_STRING, NULL, "There", "DIR" },
    { "fast", 0, 0, G_OPTION_ARG_NONE, NULL, "Soon", NULL },
    { "secret", 0, G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_NONE, NULL, "Not told", NULL },
    G_OPTION_ENTRY_NULL,
  };
  static const ObCommand command = { .name = "take", .synopsis = "", .run = run_take };
  char **operands;
  ObExit status;

  g_assert_false (ob_command_parse (client, &command, entries, NULL, argc, argv, 0, 0, &operands,
                                    &status));
  return status;
}

static const ObCommand take = { "take", "[INSTANCE] -- COMMAND…", "Take it", run_take };
static const ObCommand show = { "show", "ID|latest [FILE]", "Show it", run_take };
static const ObCommand drop = { "drop", "ID…", "Drop them", run_take };
static const ObCommand shed_add = { "shed add", "NAME", "Build one", run_take };
static const ObCommand shed_edit = { "shed edit", "[NAME]", "Change one", run_take };

static GStrv
get_names (const char *kind, gpointer user_data)
{
  static const char *const backups[] = { "1a2b3c4d\tyesterday", "1f000000", NULL };
  static const char *const others[] = { "erp", "eve", "test", NULL };

  g_assert_true (user_data == &take);
  if (strcmp (kind, "Backup") == 0)
    return g_strdupv ((char **) backups);
  if (strcmp (kind, "Shed") == 0 || strcmp (kind, "Instance") == 0
      || strcmp (kind, "Destination") == 0)
    return g_strdupv ((char **) others);
  return NULL;
}

/* @line: words with a blank between them. @expected: with "/" between them, and for a tab "~". */
static void
check (const char *line, const char *expected)
{
  const ObCommand *const commands[] = { &take, &show, &drop, &shed_add, &shed_edit };
  g_auto (GStrv) words = g_strsplit (line, " ", -1);
  g_auto (GStrv) found = ob_complete (commands, G_N_ELEMENTS (commands),
                                      (const char *const *) words, get_names, (gpointer) &take);
  g_autofree char *joined = g_strdelimit (g_strjoinv ("/", found), "\t", '~');

  g_test_message ("\"%s\"", line);
  g_assert_cmpstr (joined, ==, expected);
}

static void
test_commands (void)
{
  const char *const nothing[] = { NULL };
  const ObCommand *const one[] = { &take };
  g_auto (GStrv) found = ob_complete (one, 1, nothing, get_names, (gpointer) &take);

  g_assert_cmpuint (g_strv_length (found), ==, 1);
  g_assert_cmpstr (found[0], ==, "take\tTake it");
  check ("", "take~Take it/show~Show it/drop~Drop them/shed");
  check ("sh", "show~Show it/shed");
  check ("shed ", "add~Build one/edit~Change one");
  check ("--json shed e", "edit~Change one");
  check ("--v", "--version");
  check ("nonsense ", "");
  check ("nonsense x y", "");
}

static void
test_options (void)
{
  check ("take -", "--to~Where to/--limit~At most/--only~These/--how~How/--path~There/--fast~Soon/"
                   "--json~Print JSON/--quiet~Print only what was asked for/--help~Show this help");
  check ("take --fast --t", "--to~Where to");
  check ("take --secret", "");
}

static void
test_values (void)
{
  check ("take --to e", "erp/eve");
  check ("take --to=e", "--to=erp/--to=eve");
  check ("take --to = e", "erp/eve");
  check ("take --to =", "erp/eve/test");
  check ("take --how ", "well/badly");
  check ("take --path /t", ":directory");
  check ("take --path=/t", ":directory");
  check ("take -n ", "");
  check ("take --only s", "sources");
  check ("take --only sources,d", "sources,database");
  check ("take --only=sources,d", "--only=sources,database");
  check ("take --fast=x", "");
  check ("take --none=x", "");
}

static void
test_operands (void)
{
  check ("take ", "erp/eve/test");
  check ("take --to erp t", "test");
  check ("take -n 5 --fast t", "test");
  check ("take erp ", "");
  check ("take -- l", ":command");
  check ("take erp -- ls --to ", ":command");
  check ("show 1", "1a2b3c4d~yesterday/1f000000");
  check ("show l", "latest");
  check ("show latest ", ":file");
  check ("show latest x ", "");
  check ("drop 1a2b3c4d 1f", "1f000000");
  check ("shed add ", "");
  check ("shed edit t", "test");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/complete/commands", test_commands);
  g_test_add_func ("/complete/options", test_options);
  g_test_add_func ("/complete/values", test_values);
  g_test_add_func ("/complete/operands", test_operands);
  return g_test_run ();
}
