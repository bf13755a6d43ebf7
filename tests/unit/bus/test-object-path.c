/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-object-path.h"

static void
test_names (void)
{
  static const struct
  {
    const char *name, *path;
  } cases[] = {
    { "openbravo", "/org/openbravo/Backup1/instances/openbravo" },
    { "A9", "/org/openbravo/Backup1/instances/A9" },
    { "a-b", "/org/openbravo/Backup1/instances/a_2db" },
    { "a_b", "/org/openbravo/Backup1/instances/a_5fb" },
    { "a/../b", "/org/openbravo/Backup1/instances/a_2f_2e_2e_2fb" },
    { "ñ", "/org/openbravo/Backup1/instances/_c3_b1" },
    { "\xff\x01", "/org/openbravo/Backup1/instances/_ff_01" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *path = ob_object_path_new (OB_FOLDER_INSTANCES, cases[i].name);

      g_assert_cmpstr (path, ==, cases[i].path);
    }
}

/* No two names share a path, and each is one that D-Bus takes. */
static void
test_unique (void)
{
  g_autoptr (GHashTable) seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  static const char alphabet[] = "ab_-25df.\xc3";

  for (guint code = 0; code < 10 * 10 * 10; code++)
    {
      const char name[]
        = { alphabet[code % 10], alphabet[code / 10 % 10], alphabet[code / 100], '\0' };
      char *path = ob_object_path_new (OB_FOLDER_JOBS, name);

      for (const char *c = path; *c != '\0'; c++)
        g_assert_true (g_ascii_isalnum (*c) || *c == '_' || *c == '/');
      g_assert_true (g_hash_table_add (seen, path));
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/object-path/names", test_names);
  g_test_add_func ("/object-path/unique", test_unique);
  return g_test_run ();
}
