/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Openbravo.properties is changed in a restored copy: whatever the file is, the keys get their
 * values, no other key changes, and a second edit has nothing left to do. */
#include "ob-properties-edit.h"

#include "driver.h"
#include "ob-properties.h"

static const ObFuzzSeed seeds[] = {
  OB_FUZZ_SEED ("# Openbravo\nbbdd.url=jdbc\\:postgresql\\://localhost\\:5432\nbbdd.sid=openbravo\n"
                "bbdd.password=pa\\ss\nsource.path=/opt/OpenbravoERP\na=b\n"),
  OB_FUZZ_SEED ("bbdd.sid b\r\nbbdd.sid : c \\\r\n  d\r\n!x \\\r\nb=${a}\r\nsource.path\r\nb=\\"),
  OB_FUZZ_SEED ("bbdd.\\\n  sid\\\n =\\\n x\na=caf\xe9\rb=\\u00e4\rsource.path="),
};

OB_FUZZ_EXPORT_SEEDS (seeds)

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ObProperties) before = ob_properties_parse ((const char *) data, size, "F", NULL);
  g_autoptr (GHashTable) settings = g_hash_table_new (g_str_hash, g_str_equal);
  g_autoptr (GBytes) once = NULL;
  g_autoptr (GBytes) twice = NULL;
  g_autoptr (ObProperties) after = NULL;

  g_hash_table_insert (settings, (gpointer) "bbdd.sid", (gpointer) "=co\\py\303\251");
  g_hash_table_insert (settings, (gpointer) "source.path", (gpointer) " /new \360\237\230\200");
  once = ob_properties_edit ((const char *) data, size, settings, OB_PROPERTIES_EDIT_ALL, "F",
                             &error);
  g_assert_true ((once == NULL) == (error != NULL));
  if (once == NULL)
    {
      g_assert_true (before == NULL || size > OB_PROPERTIES_MAX_SIZE - 256);
      return 0;
    }

  after = ob_properties_parse (g_bytes_get_data (once, NULL), g_bytes_get_size (once), "F", NULL);
  g_assert_cmpstr (ob_properties_get (after, "bbdd.sid"), ==, "=co\\py\303\251");
  g_assert_cmpstr (ob_properties_get (after, "source.path"), ==, " /new \360\237\230\200");
  g_assert_cmpstr (ob_properties_get (after, "a"), ==, ob_properties_get (before, "a"));
  g_assert_cmpstr (ob_properties_get (after, "b"), ==, ob_properties_get (before, "b"));
  g_assert_cmpstr (ob_properties_get (after, "bbdd.password"), ==,
                   ob_properties_get (before, "bbdd.password"));
  twice = ob_properties_edit (g_bytes_get_data (once, NULL), g_bytes_get_size (once), settings,
                              OB_PROPERTIES_EDIT_ALL, "F", NULL);
  g_assert_true (g_bytes_equal (once, twice));
  return 0;
}
