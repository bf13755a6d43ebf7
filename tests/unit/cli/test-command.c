/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-command.h"

#include <string.h>


static GString *printed;

static void
on_print (const char *text)
{
  g_string_append (printed, text);
}

/* What parsing a command line came to. */
typedef struct
{
  gboolean parsed;
  ObExit status;
  ObClient client;
  gboolean wait;
  char *operands; /* joined by "|" */
  char *output;
} Parsed;

static void
parsed_clear (Parsed *self)
{
  g_free (self->operands);
  g_free (self->output);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Parsed, parsed_clear)

static Parsed
parse (const char *line, int min, int max)
{
  static char *label;
  static gboolean wait;
  static const GOptionEntry entries[] = {
    { "label", 'l', 0, G_OPTION_ARG_STRING, &label, "A label", "TEXT" },
    { "wait", 0, 0, G_OPTION_ARG_NONE, &wait, "Wait", NULL },
    G_OPTION_ENTRY_NULL,
  };
  const ObCommand command = { "try", "ONE [TWO]", "Tries it", NULL };
  Parsed result = { .status = OB_EXIT_BUSY };
  g_auto (GStrv) words = g_strsplit (line, " ", -1);
  g_autofree char **argv = g_memdup2 (words, (g_strv_length (words) + 1) * sizeof *words);
  GPrintFunc former = g_set_print_handler (on_print);
  GPrintFunc former_error = g_set_printerr_handler (on_print);
  char **operands = NULL;

  printed = g_string_new (NULL);
  label = NULL;
  wait = FALSE;
  result.parsed = ob_command_parse (&result.client, &command, entries, NULL,
                                    (int) g_strv_length (words), argv, min, max, &operands,
                                    &result.status);
  result.wait = wait;
  result.operands = result.parsed ? g_strjoinv ("|", operands) : NULL;
  result.output = g_string_free (printed, FALSE);
  g_free (label);
  g_set_print_handler (former);
  g_set_printerr_handler (former_error);
  return result;
}

static void
assert_operands (const char *line, const char *expected)
{
  g_auto (Parsed) result = parse (line, 0, 9);

  g_test_message ("%s", line);
  g_assert_true (result.parsed);
  g_assert_cmpstr (result.operands, ==, expected);
  g_assert_cmpstr (result.output, ==, "");
}

static void
test_operands (void)
{
  assert_operands ("try", "");
  assert_operands ("try a", "a");
  assert_operands ("try a --wait b", "a|b");
  assert_operands ("try --label x a b", "a|b");
  assert_operands ("try -- a", "a");
  /* What begins with "-" behind "--" is an operand, wherever that stands. */
  assert_operands ("try -- --wait", "--wait");
  assert_operands ("try a -- -b", "a|-b");
  assert_operands ("try --wait -- -b -- c", "-b|--|c");
}

static void
test_options (void)
{
  g_auto (Parsed) none = parse ("try a", 1, 1);
  g_auto (Parsed) all = parse ("try --json -q --wait a", 1, 1);

  g_assert_false (none.client.json || none.client.quiet || none.wait);
  g_assert_true (all.client.json && all.client.quiet && all.wait);
}

static void
test_usage (void)
{
  g_auto (Parsed) few = parse ("try", 1, 2);
  g_auto (Parsed) many = parse ("try a b c", 1, 2);
  g_auto (Parsed) unknown = parse ("try --colour a", 1, 2);
  g_auto (Parsed) missing = parse ("try a --label", 1, 2);
  const Parsed *const all[] = { &few, &many, &unknown, &missing };

  for (gsize i = 0; i < G_N_ELEMENTS (all); i++)
    {
      g_assert_false (all[i]->parsed);
      g_assert_cmpint (all[i]->status, ==, OB_EXIT_USAGE);
      g_assert_true (g_str_has_prefix (all[i]->output, "obbackupctl: "));
    }
  g_assert_nonnull (strstr (few.output, "usage: obbackupctl try ONE [TWO]"));
  g_assert_nonnull (strstr (many.output, "too many"));
  g_assert_nonnull (strstr (unknown.output, "--colour"));
}

static void
test_help (void)
{
  g_auto (Parsed) help = parse ("try --help", 1, 2);

  g_assert_false (help.parsed);
  g_assert_cmpint (help.status, ==, OB_EXIT_DONE);
  g_assert_nonnull (strstr (help.output, "Tries it"));
  g_assert_nonnull (strstr (help.output, "ONE [TWO]"));
  g_assert_nonnull (strstr (help.output, "--label"));
  g_assert_nonnull (strstr (help.output, "--json"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/command/operands", test_operands);
  g_test_add_func ("/command/options", test_options);
  g_test_add_func ("/command/usage", test_usage);
  g_test_add_func ("/command/help", test_help);
  return g_test_run ();
}
