/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-options.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "fixture.h"
#include "ob-error.h"

static const ObOptionSpec specs[] = {
  { "name", "s", FALSE }, { "words", "as", FALSE }, { "flag", "b", FALSE }, { "when", "t", FALSE },
  { "limit", "u", FALSE }, { "file", "h", FALSE },  { NULL, NULL, FALSE },
};

static const ObOptionSpec emptiable[]
  = { { "name", "s", FALSE, .may_be_empty = TRUE }, { NULL, NULL, FALSE } };

static const ObOptionSpec required[] = { { "path", "s", TRUE }, { NULL, NULL, FALSE } };

static ObOptions *
read_text (const char *text, GUnixFDList *fds, GError **error)
{
  g_autoptr (GError) parse_error = NULL;
  g_autoptr (GVariant) dictionary
    = g_variant_parse (G_VARIANT_TYPE_VARDICT, text, NULL, NULL, &parse_error);

  g_assert_no_error (parse_error);
  return ob_options_read (dictionary, specs, fds, error);
}

static void
test_values (void)
{
  g_autoptr (GUnixFDList) fds = g_unix_fd_list_new ();
  int fd = open ("/dev/null", O_RDONLY | O_CLOEXEC);
  g_autoptr (GError) error = NULL;
  g_autoptr (ObOptions) options = NULL;
  const char *const *words = NULL;

  g_assert_cmpint (g_unix_fd_list_append (fds, fd, &error), ==, 0);
  g_assert_no_error (error);
  g_assert_cmpint (close (fd), ==, 0);
  options = read_text ("{'name': <'año'>, 'words': <['a', 'b']>, 'flag': <true>, "
                       "'when': <uint64 7>, 'limit': <uint32 8>, 'file': <handle 0>}",
                       fds, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (ob_options_get_string (options, "name"), ==, "año");
  words = ob_options_get_strings (options, "words");
  g_assert_cmpstr (words[0], ==, "a");
  g_assert_cmpstr (words[1], ==, "b");
  g_assert_null (words[2]);
  g_assert_true (ob_options_get_boolean (options, "flag"));
  g_assert_cmpuint (ob_options_get_uint64 (options, "when"), ==, 7);
  g_assert_cmpuint (ob_options_get_uint (options, "limit"), ==, 8);
  g_assert_cmpint (fcntl (ob_options_get_fd (options, "file"), F_GETFD), >=, 0);
}

static void
test_nothing (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ObOptions) options = read_text ("@a{sv} {}", NULL, &error);
  g_autoptr (GVariant) empty = g_variant_ref_sink (g_variant_new ("a{sv}", NULL));
  g_autoptr (GVariant) one = g_variant_ref_sink (g_variant_new_parsed ("{'x': <true>}"));

  g_assert_no_error (error);
  g_assert_null (ob_options_get_string (options, "name"));
  g_assert_null (ob_options_get_strings (options, "words"));
  g_assert_false (ob_options_get_boolean (options, "flag"));
  g_assert_cmpuint (ob_options_get_uint64 (options, "when"), ==, 0);
  g_assert_cmpuint (ob_options_get_uint (options, "limit"), ==, 0);
  g_assert_cmpint (ob_options_get_fd (options, "file"), ==, -1);

  g_assert_true (ob_options_read_none (empty, &error));
  g_assert_no_error (error);
  g_assert_false (ob_options_read_none (one, &error));
  g_assert_ob_error (error, OB_ERROR_INVALID_ARGUMENT);
  g_assert_message (error, "takes none");
}

static void
test_refuses (void)
{
  static const struct
  {
    const char *text, *words;
  } cases[] = {
    { "{'nam': <'a'>}", "no option \"nam\"" },
    { "{'nam': <'a'>}", "\"limit\"" },
    { "{'': <'a'>}", "no option" },
    { "{'Name': <'a'>}", "no option \"Name\"" },
    { "{'na\\nme': <'a'>}", "na\\nme" },
    { "{'name': <true>}", "has to be \"s\"" },
    { "{'name': <objectpath '/a'>}", "has to be \"s\"" },
    { "{'name': <<'a'>>}", "has to be \"s\"" },
    { "{'name': <''>}", "must not be empty" },
    { "{'words': <'a'>}", "has to be \"as\"" },
    { "{'words': <@as []>}", "0 words" },
    { "{'words': <['a', '']>}", "must not be empty" },
    { "{'flag': <1>}", "has to be \"b\"" },
    { "{'when': <7>}", "has to be \"t\"" },
    { "{'when': <int64 7>}", "has to be \"t\"" },
    { "{'limit': <uint64 7>}", "has to be \"u\"" },
    { "{'file': <7>}", "has to be \"h\"" },
    { "{'file': <handle 0>}", "which carries 0" },
    { "{'file': <handle -1>}", "which carries 0" },
    { "{'file': <handle 2147483647>}", "which carries 0" },
    { "{'name': <'a'>, 'name': <'b'>}", "twice" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;

      g_test_message ("%s", cases[i].text);
      g_assert_null (read_text (cases[i].text, NULL, &error));
      g_assert_ob_error (error, OB_ERROR_INVALID_ARGUMENT);
      g_assert_message (error, cases[i].words);
    }
}

/* Where "" is a value, it is another one than none. */
static void
test_empty (void)
{
  g_autoptr (GVariant) given = g_variant_ref_sink (g_variant_new_parsed ("{'name': <''>}"));
  g_autoptr (GVariant) nothing = g_variant_ref_sink (g_variant_new ("a{sv}", NULL));
  g_autoptr (GError) error = NULL;
  g_autoptr (ObOptions) options = ob_options_read (given, emptiable, NULL, &error);
  g_autoptr (ObOptions) none = ob_options_read (nothing, emptiable, NULL, &error);

  g_assert_no_error (error);
  g_assert_cmpstr (ob_options_get_string (options, "name"), ==, "");
  g_assert_null (ob_options_get_string (none, "name"));
}

static gboolean
is_accepted (const char *name, GVariant *value)
{
  GVariantDict dict;
  g_autoptr (GVariant) dictionary = NULL;
  g_autoptr (ObOptions) options = NULL;
  g_autoptr (GError) error = NULL;

  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert_value (&dict, name, value);
  dictionary = g_variant_ref_sink (g_variant_dict_end (&dict));
  options = ob_options_read (dictionary, specs, NULL, &error);
  g_assert_true ((options == NULL)
                 == g_error_matches (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT));
  return options != NULL;
}

static GVariant *
make_words (guint n)
{
  GVariantBuilder builder = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE_STRING_ARRAY);

  for (guint i = 0; i < n; i++)
    g_variant_builder_add (&builder, "s", "a");
  return g_variant_builder_end (&builder);
}

static void
test_bounds (void)
{
  g_autofree char *most = g_strnfill (OB_OPTIONS_MAX_STRING, 'x');
  g_autofree char *more = g_strnfill (OB_OPTIONS_MAX_STRING + 1, 'x');
  const char *const long_words[] = { more, NULL };
  GVariantBuilder builder = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE_VARDICT);
  g_autoptr (GVariant) many = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) key_error = NULL;

  g_assert_true (is_accepted ("name", g_variant_new_string (most)));
  g_assert_false (is_accepted ("name", g_variant_new_string (more)));
  g_assert_false (is_accepted ("words", g_variant_new_strv (long_words, -1)));
  g_assert_true (is_accepted ("words", make_words (OB_OPTIONS_MAX_STRINGS)));
  g_assert_false (is_accepted ("words", make_words (OB_OPTIONS_MAX_STRINGS + 1)));

  for (guint i = 0; i <= OB_OPTIONS_MAX_ENTRIES; i++)
    g_variant_builder_add (&builder, "{sv}", "name", g_variant_new_string ("a"));
  many = g_variant_ref_sink (g_variant_builder_end (&builder));
  g_assert_null (ob_options_read (many, specs, NULL, &error));
  g_assert_message (error, "no method takes so many");

  /* A long key is not repeated at length. */
  {
    g_autofree char *key = g_strnfill (100000, 'k');
    g_autoptr (GVariant) dictionary = g_variant_ref_sink (
      g_variant_new_array (NULL, (GVariant *[]){ g_variant_new_dict_entry (
                                   g_variant_new_string (key),
                                   g_variant_new_variant (g_variant_new_boolean (TRUE))) },
                           1));

    g_assert_null (ob_options_read (dictionary, specs, NULL, &key_error));
    g_assert_cmpuint (strlen (key_error->message), <, 500);
  }
}

static void
test_required (void)
{
  g_autoptr (GVariant) empty = g_variant_ref_sink (g_variant_new ("a{sv}", NULL));
  g_autoptr (GVariant) given = g_variant_ref_sink (g_variant_new_parsed ("{'path': <'/a'>}"));
  g_autoptr (GError) error = NULL;
  g_autoptr (ObOptions) options = ob_options_read (given, required, NULL, &error);

  g_assert_no_error (error);
  g_assert_null (ob_options_read (empty, required, NULL, &error));
  g_assert_ob_error (error, OB_ERROR_INVALID_ARGUMENT);
  g_assert_message (error, "\"path\" is missing");
}

/* a{sh}: the values are handles without a box around them. */
static void
test_secrets (void)
{
  static const ObOptionSpec secrets[] = { { "passphrase", "h", FALSE }, { NULL, NULL, FALSE } };
  g_autoptr (GUnixFDList) fds = g_unix_fd_list_new ();
  g_autoptr (GVariant) good
    = g_variant_ref_sink (g_variant_new_parsed ("@a{sh} {'passphrase': 0}"));
  g_autoptr (GVariant) bad
    = g_variant_ref_sink (g_variant_new_parsed ("@a{sh} {'passphrase': 1}"));
  g_autoptr (GError) error = NULL;
  g_autoptr (ObOptions) options = NULL;

  g_assert_cmpint (g_unix_fd_list_append (fds, STDIN_FILENO, &error), ==, 0);
  g_assert_no_error (error);
  options = ob_options_read (good, secrets, fds, &error);
  g_assert_no_error (error);
  g_assert_cmpint (ob_options_get_fd (options, "passphrase"), >=, 0);
  g_assert_null (ob_options_read (bad, secrets, fds, &error));
  g_assert_message (error, "which carries 1");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/options/values", test_values);
  g_test_add_func ("/options/nothing", test_nothing);
  g_test_add_func ("/options/refuses", test_refuses);
  g_test_add_func ("/options/empty", test_empty);
  g_test_add_func ("/options/bounds", test_bounds);
  g_test_add_func ("/options/required", test_required);
  g_test_add_func ("/options/secrets", test_secrets);
  return g_test_run ();
}
