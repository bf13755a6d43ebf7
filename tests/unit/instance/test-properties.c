/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-properties.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ob-error.h"

static ObProperties *
parse (const char *text)
{
  g_autoptr (GError) error = NULL;
  ObProperties *properties = ob_properties_parse (text, strlen (text), "FILE", &error);

  g_assert_no_error (error);
  return properties;
}

static void
assert_refused (const char *data, gsize size, const char *words)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ObProperties) properties = ob_properties_parse (data, size, "FILE", &error);

  g_assert_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT);
  g_assert_null (properties);
  g_assert_nonnull (strstr (error->message, words));
}

/* What java.util.Properties makes of one line or of several. */
static void
test_rules (void)
{
  static const struct
  {
    const char *text;
    const char *key;
    const char *value; /* NULL: missing or empty */
  } cases[] = {
    { "a=b", "a", "b" },
    { "a = b", "a", "b" },
    { "a:b", "a", "b" },
    { "a b", "a", "b" },
    { "a\t:\f b", "a", "b" },
    { "  a=b", "a", "b" },
    { "a==b", "a", "=b" },
    { "a= =b", "a", "=b" },
    { "a=b ", "a", "b " },
    { "a=b=c:d e", "a", "b=c:d e" },
    { "a=", "a", NULL },
    { "a", "a", NULL },
    { "=b", "", "b" },
    { "a=1\na=2", "a", "2" },
    { "a=1\r\nb=2\r\n", "a", "1" },
    { "a=1\rb=2", "b", "2" },
    { "#a=b", "a", NULL },
    { "  !a=b", "a", NULL },
    { "#c\\\na=b", "a", "b" },
    { "a=b\\\n  c", "a", "bc" },
    { "a=b\\\r\n\tc", "a", "bc" },
    { "a=b\\\\\nc=d", "a", "b\\" },
    { "a=b\\\\\nc=d", "c", "d" },
    { "a=b\\\\\\\nc", "a", "b\\c" },
    { "a=b\\\n#c", "a", "b#c" },
    { "a=b\\\n\nc=d", "c", "d" },
    { "a=b\\", "a", "b" },
    { "a\\=b=c", "a=b", "c" },
    { "a\\:b\\ c=d", "a:b c", "d" },
    { "a=\\ b", "a", " b" },
    { "a=\\t\\n\\r\\f", "a", "\t\n\r\f" },
    { "a=jdbc\\:postgresql\\://h\\:1", "a", "jdbc:postgresql://h:1" },
    { "a=jdbc:postgresql://h:1", "a", "jdbc:postgresql://h:1" },
    { "a=C:\\Openbravo\\files", "a", "C:Openbravo\files" },
    { "a=pa\\ss", "a", "pass" },
    { "a=x\\\\y", "a", "x\\y" },
    { "a=\\u0041\\u00e1\\u20AC", "a", "A\303\241\342\202\254" },
    { "a=\\uD83D\\uDE00.", "a", "\360\237\230\200." },
    { "a=\\uD83Dx", "a", "\357\277\275x" },
    { "a=\\uD83D", "a", "\357\277\275" },
    { "a=\\uDE00x", "a", "\357\277\275x" },
    { "a=\\uD83D\\uD83D\\uDE00", "a", "\357\277\275\360\237\230\200" },
    { "a=\361", "a", "\303\261" }, /* ISO-8859-1 */
    { "\361=b", "\303\261", "b" },
    { "a=\\\361", "a", "\303\261" },
    { "", "a", NULL },
    { "\n\n  \n\\\n\na=b", "a", "b" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (ObProperties) properties = parse (cases[i].text);

      g_test_message ("case %" G_GSIZE_FORMAT, i);
      g_assert_cmpstr (ob_properties_get (properties, cases[i].key), ==, cases[i].value);
    }
}

static void
test_refused (void)
{
  g_autofree char *large = g_strnfill (OB_PROPERTIES_MAX_SIZE + 1, 'a');
  g_autofree char *fits = g_strnfill (OB_PROPERTIES_MAX_SIZE, 'a');
  g_autoptr (ObProperties) properties = parse (fits);

  g_assert_null (ob_properties_get (properties, "a"));
  assert_refused (large, OB_PROPERTIES_MAX_SIZE + 1, "1 MiB");
  assert_refused ("a=b\nc=\0d\n", 9, "line 2 holds the byte 0x00");
  assert_refused ("\177ELF\2\1\1", 7, "line 1 holds the byte 0x7f");
  assert_refused ("\n\r\n\r\na=\033[0m", 12, "line 4 holds the byte 0x1b");
  assert_refused ("x=y\na=C:\\users", 14, "line 2");
  assert_refused ("a=\\u12", 6, "line 1");
  assert_refused ("a=\\u12g4", 8, "line 1");
  assert_refused ("a=\\u0000", 8, "line 1");
  assert_refused ("x=\\\n\\\n\\u+123", 12, "line 1");
  assert_refused ("\\uXXXX=b", 8, "line 1");
}

static void
test_odd_escapes (void)
{
  g_autoptr (ObProperties) properties = parse ("a=pa\\ss\nb=C\\:\\\\x\nc=\\u0041\nd=\\temp\n\\e=f");

  g_assert_true (ob_properties_has_odd_escape (properties, "a"));
  g_assert_false (ob_properties_has_odd_escape (properties, "b"));
  g_assert_false (ob_properties_has_odd_escape (properties, "c"));
  g_assert_true (ob_properties_has_odd_escape (properties, "d"));
  g_assert_false (ob_properties_has_odd_escape (properties, "e"));
  g_assert_false (ob_properties_has_odd_escape (properties, "z"));
}

static void
assert_expands (const char *text, const char *key, const char *expected)
{
  g_autoptr (ObProperties) properties = parse (text);
  g_autoptr (GError) error = NULL;
  g_autofree char *value = ob_properties_expand (properties, key, &error);

  g_assert_no_error (error);
  g_assert_cmpstr (value, ==, expected);
}

static void
assert_never_expands (const char *text)
{
  g_autoptr (ObProperties) properties = parse (text);
  g_autoptr (GError) error = NULL;
  g_autofree char *value = ob_properties_expand (properties, "a", &error);

  g_assert_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT);
  g_assert_null (value);
}

static void
test_expand (void)
{
  assert_expands ("a=${b}/c\nb=/x", "a", "/x/c");
  assert_expands ("a=${b}${b}\nb=x", "a", "xx");
  assert_expands ("a=${b}\nb=${c}\nc=d", "a", "d");
  assert_expands ("a=${unknown}/c", "a", "${unknown}/c");
  assert_expands ("a=$b $$ ${ ${b", "a", "$b $$ ${ ${b");
  assert_expands ("a=${b}\nb=", "a", NULL);
  assert_expands ("a=${${b}}\nb=c\nc=d", "a", "${${b}}");
  assert_expands ("b=c", "a", NULL);

  assert_never_expands ("a=${a}");
  assert_never_expands ("a=${b}\nb=x${a}");
}

/* Each level doubles the text, or the work where there is no text. */
static void
test_expand_bounds (void)
{
  g_autoptr (GString) growing = g_string_new (NULL);
  g_autoptr (GString) empty = g_string_new ("a=");

  for (char c = 'a'; c < 'o'; c++)
    g_string_append_printf (growing, "%c=${%c}${%c}${%c}${%c}\n", c, c + 1, c + 1, c + 1, c + 1);
  g_string_append (growing, "o=0123456789");
  assert_never_expands (growing->str);

  for (guint i = 0; i < 100000; i++)
    g_string_append (empty, "${b}");
  g_string_append (empty, "\nb=");
  assert_never_expands (empty->str);
}

/* ---- Files
 * ------------------------------------------------------------------------------------ */

typedef struct
{
  char *directory;
  char *path;
} Files;

static void
files_set_up (Files *files, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  files->directory = g_dir_make_tmp ("ob-properties-XXXXXX", &error);
  g_assert_no_error (error);
  files->path = g_build_filename (files->directory, "Openbravo.properties", NULL);
}

static void
files_write (Files *files, const char *name, const char *text)
{
  g_autofree char *path = g_build_filename (files->directory, name, NULL);
  g_autoptr (GError) error = NULL;

  g_file_set_contents (path, text, -1, &error);
  g_assert_no_error (error);
}

static void
files_tear_down (Files *files, gconstpointer data)
{
  g_autoptr (GDir) dir = g_dir_open (files->directory, 0, NULL);
  const char *name;

  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (files->directory, name, NULL);

      if (unlink (path) != 0)
        rmdir (path);
    }
  rmdir (files->directory);
  g_free (files->directory);
  g_free (files->path);
}

static void
test_override (Files *files, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ObProperties) plain = NULL, node = NULL, host = NULL, missing = NULL;
  g_autofree char *of_host = g_strconcat (g_get_host_name (), ".Openbravo.properties", NULL);
  g_autofree char *expanded = NULL;

  files_write (files, "Openbravo.properties", "a=1\nb=2\nc=${b}/x\nd=4\n");
  files_write (files, "node2.Openbravo.properties", "b=two\nd=\ne=5\n");
  files_write (files, of_host, "a=host\n");

  node = ob_properties_load (files->path, "node2", &error);
  g_assert_no_error (error);
  expanded = ob_properties_expand (node, "c", &error);
  g_assert_cmpstr (ob_properties_get (node, "a"), ==, "1");
  g_assert_cmpstr (ob_properties_get (node, "b"), ==, "two");
  g_assert_cmpstr (expanded, ==, "two/x");
  g_assert_null (ob_properties_get (node, "d"));
  g_assert_cmpstr (ob_properties_get (node, "e"), ==, "5");
  g_assert_true (
    g_str_has_suffix (ob_properties_get_override (node), "/node2.Openbravo.properties"));

  host = ob_properties_load (files->path, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (ob_properties_get (host, "a"), ==, "host");
  g_assert_cmpstr (ob_properties_get (host, "b"), ==, "2");

  missing = ob_properties_load (files->path, "node3", &error);
  g_assert_no_error (error);
  g_assert_cmpstr (ob_properties_get (missing, "a"), ==, "1");
  g_assert_null (ob_properties_get_override (missing));

  plain = ob_properties_load (files->path, "../node2", &error);
  g_assert_no_error (error);
  g_assert_cmpstr (ob_properties_get (plain, "b"), ==, "2");
}

static void
test_bad_override (Files *files, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ObProperties) properties = NULL;

  files_write (files, "Openbravo.properties", "a=1\n");
  files_write (files, "node.Openbravo.properties", "a=\\u\n");
  properties = ob_properties_load (files->path, "node", &error);
  g_assert_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT);
  g_assert_null (properties);
  g_assert_nonnull (strstr (error->message, "node.Openbravo.properties"));
}

static void
assert_load_fails (Files *files, ObError code)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ObProperties) properties = ob_properties_load (files->path, "none", &error);

  g_assert_error (error, OB_ERROR, (int) code);
  g_assert_null (properties);
  g_assert_nonnull (strstr (error->message, files->path));
}

static void
test_unreadable (Files *files, gconstpointer data)
{
  g_autofree char *target = g_build_filename (files->directory, "elsewhere", NULL);

  assert_load_fails (files, OB_ERROR_NOT_FOUND);

  files_write (files, "elsewhere", "a=1\n");
  g_assert_cmpint (symlink (target, files->path), ==, 0);
  assert_load_fails (files, OB_ERROR_INVALID_ARGUMENT);
  g_assert_cmpint (unlink (files->path), ==, 0);

  g_assert_cmpint (mkdir (files->path, 0700), ==, 0);
  assert_load_fails (files, OB_ERROR_INVALID_ARGUMENT);
  g_assert_cmpint (rmdir (files->path), ==, 0);

  /* Nobody ever writes to it; opening it must not wait for that. */
  g_assert_cmpint (mkfifo (files->path, 0600), ==, 0);
  assert_load_fails (files, OB_ERROR_INVALID_ARGUMENT);
}

/* ---- Robustness
 * ------------------------------------------------------------------------------- */

static const char seed_text[]
    = "# Openbravo\nbbdd.url=jdbc\\:postgresql\\://localhost\\:5432\nbbdd.sid = openbravo\n"
      "bbdd.password=\\u00e1\\uD83D\\uDE00\\\\\nattach.path=${source.path}/a\\\n   b\n"
      "source.path:/opt/OpenbravoERP\r\n!x\r\nkey\\ with\\=all\\: value\n\n";

static void
exercise (const char *data, gsize size)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ObProperties) properties = NULL;
  g_autofree char *copy = g_memdup2 (data, size); /* exact, so that a sanitizer sees each overrun */
  g_autofree char *value = NULL;

  properties = ob_properties_parse (copy, size, "FILE", &error);
  g_assert_true ((properties == NULL) == (error != NULL));
  if (properties == NULL)
    {
      g_assert_true (g_utf8_validate (error->message, -1, NULL));
      return;
    }
  value = ob_properties_expand (properties, "attach.path", NULL);
  g_assert_true (value == NULL || g_utf8_validate (value, -1, NULL));
}

static void
test_mutations (void)
{
  static const char interesting[] = "\\\\\\u=: \t\n\r\f#!${}0aF\377\0";
  guint rounds = g_test_quick () ? 20000 : 500000;

  for (guint i = 0; i < rounds; i++)
    {
      g_autoptr (GByteArray) bytes = g_byte_array_new ();
      guint n = (guint) g_test_rand_int_range (1, 8);

      g_byte_array_append (bytes, (const guint8 *) seed_text, sizeof seed_text - 1);
      for (guint j = 0; j < n && bytes->len > 0; j++)
        {
          guint at = (guint) g_test_rand_int_range (0, (int) bytes->len);

          switch (g_test_rand_int_range (0, 4))
            {
            case 0:
              bytes->data[at] = (guint8) interesting[g_test_rand_int_range (0, sizeof interesting)];
              break;
            case 1:
              bytes->data[at] = (guint8) g_test_rand_int_range (0, 256);
              break;
            case 2:
              g_byte_array_remove_index (bytes, at);
              break;
            default:
              g_byte_array_set_size (bytes, at);
            }
        }
      exercise ((const char *) bytes->data, bytes->len);
    }
}

static void
test_random (void)
{
  static const char alphabet[] = "ab=: \\u0d\n\r\t#${}\351";
  guint rounds = g_test_quick () ? 20000 : 500000;

  for (guint i = 0; i < rounds; i++)
    {
      char data[96];
      gsize size = (gsize) g_test_rand_int_range (0, sizeof data);

      for (gsize j = 0; j < size; j++)
        data[j] = i % 8 == 0 ? (char) g_test_rand_int_range (0, 256)
                             : alphabet[g_test_rand_int_range (0, sizeof alphabet - 1)];
      exercise (data, size);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/properties/rules", test_rules);
  g_test_add_func ("/properties/refused", test_refused);
  g_test_add_func ("/properties/odd-escapes", test_odd_escapes);
  g_test_add_func ("/properties/expand", test_expand);
  g_test_add_func ("/properties/expand-bounds", test_expand_bounds);
  g_test_add ("/properties/override", Files, NULL, files_set_up, test_override, files_tear_down);
  g_test_add ("/properties/bad-override", Files, NULL, files_set_up, test_bad_override,
              files_tear_down);
  g_test_add ("/properties/unreadable", Files, NULL, files_set_up, test_unreadable,
              files_tear_down);
  g_test_add_func ("/properties/mutations", test_mutations);
  g_test_add_func ("/properties/random", test_random);

  return g_test_run ();
}
