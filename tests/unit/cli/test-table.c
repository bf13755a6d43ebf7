/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-table.h"

#include <string.h>

static GString *printed;

static void
on_print (const char *text)
{
  g_string_append (printed, text);
}

/* What printing @table writes, which is freed. */
static char *
print (ObTable *table)
{
  g_autoptr (ObTable) owned = table;
  GPrintFunc former = g_set_print_handler (on_print);
  GString *text = printed = g_string_new (NULL);

  ob_table_print (owned);
  g_set_print_handler (former);
  printed = NULL;
  return g_string_free (text, FALSE);
}

static void
test_widths (void)
{
  ObTable *table = ob_table_new ("ID|>SIZE|LABEL");
  g_autofree char *text = NULL;

  ob_table_add (table, "abc", "1.4 GB", "before", NULL);
  ob_table_add (table, "a", "12 B", "a much longer one", NULL);
  text = print (table);
  g_assert_cmpstr (text, ==,
                   "ID     SIZE  LABEL\n"
                   "abc  1.4 GB  before\n"
                   "a      12 B  a much longer one\n");
}

static void
test_empty (void)
{
  g_autofree char *nothing = print (ob_table_new ("ID|SIZE"));
  ObTable *table = ob_table_new ("ID|SIZE");
  g_autofree char *blank = NULL;

  g_assert_cmpstr (nothing, ==, "");
  ob_table_add (table, "", "", NULL);
  blank = print (table);
  g_assert_cmpstr (blank, ==, "ID  SIZE\n    \n");
}

/* Columns as the eye sees them: wide characters take two cells, combining ones none. */
static void
test_wide (void)
{
  ObTable *table = ob_table_new ("NAME|>N|X");
  g_autofree char *text = NULL;

  ob_table_add (table, "año", "1", "x", NULL);
  ob_table_add (table, "你好", "22", "x", NULL);
  ob_table_add (table, "e\u0301te", "3", "x", NULL);
  text = print (table);
  g_assert_cmpstr (text, ==,
                   "NAME   N  X\n"
                   "año    1  x\n"
                   "你好  22  x\n"
                   "e\u0301te    3  x\n");
}

/* A label or a file's name does not steer the terminal, nor pose as another row. */
static void
test_control (void)
{
  static const char *const hostile[]
    = { "\033[2J", "a\nb", "a\rb", "a\tb", "\007", "\x7f", "\xc2\x9b" "31m", "\u202eabc",
        "\xff\xfe", "\033]0;title\007", "\u200b" };
  ObTable *table = ob_table_new ("LABEL|N");
  g_autofree char *text = NULL;
  guint lines = 0;

  for (gsize i = 0; i < G_N_ELEMENTS (hostile); i++)
    ob_table_add (table, hostile[i], "1", NULL);
  text = print (table);
  g_assert_true (g_utf8_validate (text, -1, NULL));
  for (const char *c = text; *c != '\0'; c = g_utf8_next_char (c))
    {
      gunichar character = g_utf8_get_char (c);

      if (character == '\n')
        lines++;
      else
        g_assert_true (g_unichar_isprint (character)
                       && g_unichar_type (character) != G_UNICODE_FORMAT);
    }
  g_assert_cmpuint (lines, ==, 1 + G_N_ELEMENTS (hostile));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/table/widths", test_widths);
  g_test_add_func ("/table/empty", test_empty);
  g_test_add_func ("/table/wide", test_wide);
  g_test_add_func ("/table/control", test_control);
  return g_test_run ();
}
