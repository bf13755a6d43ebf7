/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-copy-script.h"

#include <signal.h>
#include <string.h>

#include "fixture.h"
#include "items-fixture.h"
#include "ob-error.h"

#define HEAD "--\n-- PostgreSQL database dump\n--\n\n\\restrict abc\n\nSET row_security = off;\n\n"

static gpointer
open_script (int fd)
{
  return ob_copy_script_new (fd);
}

static gboolean
next_of_script (gpointer script, ObScriptItem *item, GError **error)
{
  return ob_copy_script_next (script, item, error);
}

static void
free_script (gpointer script)
{
  ob_copy_script_free (script);
}

/* NULL on error. Transfer full. */
static char *
describe (const char *text, gsize size, gsize step, GError **error)
{
  static const ItemParser parser = { open_script, next_of_script, free_script };
  GString *found = describe_items (&parser, text, size, step, error);

  return found != NULL ? g_string_free (found, FALSE) : NULL;
}

static void
test_items (void)
{
  static const char text[]
    = HEAD "COPY public.a (x, y) FROM stdin;\n1\t\\N\n2\t\\\\.\n\\.\n\n\n"
           "COPY public.\"b;\nc\" (x) FROM stdin;\n\\.\n"
           "COPY public.none  FROM stdin;\n\n\n\\.\n"
           "SELECT pg_catalog.setval('public.\"q''; \n\"', 12, true);\n\n"
           "--\n-- done; it is\n--\n\n\\unrestrict abc\n";

  for (gsize step = 1; step < 40; step++)
    {
      g_autoptr (GError) error = NULL;
      g_autofree char *found = describe (text, sizeof text - 1, step, &error);

      g_assert_no_error (error);
      g_assert_cmpstr (found, ==,
                       "S<SET row_security = off;>"
                       "C<COPY public.a (x, y) FROM stdin;>1\t\\N\n2\t\\\\.\nE<>"
                       "C<COPY public.\"b;\nc\" (x) FROM stdin;>E<>"
                       "C<COPY public.none  FROM stdin;>\n\nE<>"
                       "S<SELECT pg_catalog.setval('public.\"q''; \n\"', 12, true);>");
    }
}

/* A row that is longer than the room there is. */
static void
test_long_row (void)
{
  g_autoptr (GString) text = g_string_new (HEAD "COPY public.a (x) FROM stdin;\n");
  g_autoptr (GError) error = NULL;
  g_autofree char *row = g_strnfill (3 * 1024 * 1024 + 17, 'x');
  g_autofree char *found = NULL;
  g_autofree char *expected
    = g_strdup_printf ("S<SET row_security = off;>C<COPY public.a (x) FROM stdin;>y\n%s\nz\nE<>",
                       row);

  g_string_append_printf (text, "y\n%s\nz\n\\.\n", row);
  found = describe (text->str, text->len, 65536, &error);
  g_assert_no_error (error);
  g_assert_true (strcmp (found, expected) == 0);
}

static void
test_damaged (void)
{
  static const char *const texts[] = {
    "SET a = b",
    "SET a = 'b;\n",
    "\\! rm -rf /\n;\n",
    "\\! rm;\n",
    "COPY public.a (x) FROM stdin;\n",
    "COPY public.a (x) FROM stdin;\n1\n",
    "COPY public.a (x) FROM stdin;\n1\n\\.",
    "COPY public.a (x) FROM stdin;\n1",
  };
  g_autofree char *endless = g_strnfill (2 * 1024 * 1024, 'x');
  g_autoptr (GError) long_error = NULL;

  for (gsize i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (describe (texts[i], strlen (texts[i]), 7, &error));
      g_assert_ob_error (error, OB_ERROR_CORRUPT);
    }
  g_assert_null (describe (endless, strlen (endless), 65536, &long_error));
  g_assert_ob_error (long_error, OB_ERROR_CORRUPT);
}

static void
test_names (void)
{
  static const struct
  {
    const char *text, *schema, *name;
  } names[] = {
    { "COPY public.a (x) FROM stdin;", "public", "a" },
    { "COPY public.a  FROM stdin;", "public", "a" },
    { "COPY \"S.\"\"1\".\"a b(\" (x) FROM stdin;", "S.\"1", "a b(" },
    { "COPY a (x) FROM stdin;", NULL, NULL },
    { "COPY \"a", NULL, NULL },
    { "COPY public.", NULL, NULL },
    { "SELECT 1;", NULL, NULL },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *schema = NULL;
      g_autofree char *name = NULL;

      g_assert_cmpint (ob_copy_script_parse_table (names[i].text, &schema, &name), ==,
                       names[i].schema != NULL);
      g_assert_cmpstr (schema, ==, names[i].schema);
      g_assert_cmpstr (name, ==, names[i].name);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  /* A script that makes no sense is not read to its end. */
  signal (SIGPIPE, SIG_IGN);
  g_test_add_func ("/copy-script/items", test_items);
  g_test_add_func ("/copy-script/long-row", test_long_row);
  g_test_add_func ("/copy-script/damaged", test_damaged);
  g_test_add_func ("/copy-script/names", test_names);
  return g_test_run ();
}
