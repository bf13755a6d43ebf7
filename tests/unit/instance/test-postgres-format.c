/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-postgres.h"

#include <string.h>

static void
test_identifiers (void)
{
  static const struct
  {
    const char *name, *quoted;
  } cases[] = {
    { "openbravo", "\"openbravo\"" },
    { "Open Bravo", "\"Open Bravo\"" },
    { "select", "\"select\"" },
    { "a\"b", "\"a\"\"b\"" },
    { "\"", "\"\"\"\"" },
    { "x\"; DROP DATABASE y; --", "\"x\"\"; DROP DATABASE y; --\"" },
    { "a\\b", "\"a\\b\"" },
    { "it's", "\"it's\"" },
    { "año", "\"año\"" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *text = ob_postgres_format ("%I", cases[i].name);

      g_assert_cmpstr (text, ==, cases[i].quoted);
    }
}

/* What an E'…' literal stands for. */
static char *
read_escaped_literal (const char *literal)
{
  GString *value = g_string_new (NULL);
  gsize end = strlen (literal) - 1;

  g_assert_true (g_str_has_prefix (literal, " E'"));
  g_assert_cmpint (literal[end], ==, '\'');
  for (gsize i = 3; i < end; i++)
    {
      if (literal[i] == '\\' || literal[i] == '\'')
        {
          /* Nothing but the character itself, doubled, so no escape and no end. */
          g_assert_cmpint (literal[i + 1], ==, literal[i]);
          g_assert_cmpuint (i + 1, <, end);
          i++;
        }
      g_string_append_c (value, literal[i]);
    }
  return g_string_free (value, FALSE);
}

static void
test_literals (void)
{
  static const char *const hostile[]
    = { "\\", "\\'", "'\\", "\\\\", "a\\'; DROP TABLE x; --", "\\n\\000", "''\\''" };
  g_autofree char *plain = ob_postgres_format ("%L", "C.UTF-8");
  g_autofree char *empty = ob_postgres_format ("%L", "");
  g_autofree char *quote = ob_postgres_format ("%L", "it's '");
  g_autofree char *null = ob_postgres_format ("%L", NULL);

  g_assert_cmpstr (plain, ==, "'C.UTF-8'");
  g_assert_cmpstr (empty, ==, "''");
  g_assert_cmpstr (quote, ==, "'it''s '''");
  g_assert_cmpstr (null, ==, "NULL");
  for (gsize i = 0; i < G_N_ELEMENTS (hostile); i++)
    {
      g_autofree char *literal = ob_postgres_format ("%L", hostile[i]);
      g_autofree char *value = read_escaped_literal (literal);

      g_assert_cmpstr (value, ==, hostile[i]);
    }
}

static void
test_statement (void)
{
  g_autofree char *text
    = ob_postgres_format ("ALTER DATABASE %I SET %s TO %L; LIMIT %u %% x", "a\"b", "work_mem", "4'",
                          4294967295u);
  g_autofree char *joined = ob_postgres_format ("SELECT%L", "a\\b");
  g_autofree char *none = ob_postgres_format ("");

  g_assert_cmpstr (text, ==,
                   "ALTER DATABASE \"a\"\"b\" SET work_mem TO '4'''; LIMIT 4294967295 % x");
  /* Whatever stands before it, the E begins a word of its own. */
  g_assert_cmpstr (joined, ==, "SELECT E'a\\\\b'");
  g_assert_cmpstr (none, ==, "");
}

static void
test_conninfo (void)
{
  const ObDatabaseConfig config = { .host = (char *) "h'\\ x",
                                    .port = 5433,
                                    .user = (char *) "tad",
                                    .password = (char *) "secret",
                                    .system_user = (char *) "postgres",
                                    .system_password = (char *) "top secret",
                                    .ssl_mode = (char *) "verify-ca" };
  g_autofree char *owner = ob_postgres_build_conninfo (&config, OB_ROLE_OWNER, "a b");
  g_autofree char *admin = ob_postgres_build_conninfo (&config, OB_ROLE_SUPERUSER, "x");

  g_assert_true (g_str_has_prefix (
    owner, "host='h\\'\\\\ x' port='5433' dbname='a b' user='tad' "));
  g_assert_nonnull (strstr (owner, " sslmode='verify-ca'"));
  g_assert_null (strstr (owner, "sslrootcert"));
  g_assert_null (strstr (owner, "secret"));
  g_assert_nonnull (strstr (admin, " user='postgres' "));
  g_assert_null (strstr (admin, "secret"));
}

static void
test_local (void)
{
  static const char *const here[] = { "localhost", "127.0.0.1", "127.1.2.3", "::1",
                                      "/run/postgresql" };
  static const char *const elsewhere[] = { "127.0.0.1.example.org", "localhost.example.org",
                                           "192.0.2.1", "2001:db8::1" };
  ObDatabaseConfig config = { .port = 5432, .user = (char *) "tad" };

  for (gsize i = 0; i < G_N_ELEMENTS (here); i++)
    {
      config.host = (char *) here[i];
      g_assert_true (ob_postgres_is_local (&config));
    }
  for (gsize i = 0; i < G_N_ELEMENTS (elsewhere); i++)
    {
      config.host = (char *) elsewhere[i];
      g_assert_false (ob_postgres_is_local (&config));
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/postgres-format/identifiers", test_identifiers);
  g_test_add_func ("/postgres-format/literals", test_literals);
  g_test_add_func ("/postgres-format/statement", test_statement);
  g_test_add_func ("/postgres-format/conninfo", test_conninfo);
  g_test_add_func ("/postgres-format/local", test_local);
  return g_test_run ();
}
