/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Openbravo.properties: the application's user writes it, and root reads it. */
#include "ob-properties.h"

#include "driver.h"

static const ObFuzzSeed seeds[] = {
  OB_FUZZ_SEED ("# Openbravo\nbbdd.rdbms=POSTGRE\nbbdd.driver=org.postgresql.Driver\n"
                "bbdd.url=jdbc\\:postgresql\\://localhost\\:5432\nbbdd.sid=openbravo\n"
                "bbdd.systemUser=postgres\nbbdd.systemPassword=syspass\nbbdd.user=tad\n"
                "bbdd.password=tad\nbbdd.sessionConfig=select update_dateFormat('DD-MM-YYYY')\n"
                "source.path=/opt/OpenbravoERP\nattach.path=${source.path}/attachments\n"
                "context.name=openbravo\ndeploy.mode=class\n"),
  OB_FUZZ_SEED ("a = b\n  a : c \\\n   d\n!comment \\\nb=${a}x${a}\r\nbbdd.password=p\\u00e4ss"),
  OB_FUZZ_SEED ("a=${b}\nb=${a}\nbbdd.sid=${}\nattach.path=${a\nsource.path=$${a}}"),
  OB_FUZZ_SEED ("source.path=C\\:\\\\x\\ty\\u0000\\ud83d\\ude00\\ud800\n=\n\\\n"),
  OB_FUZZ_SEED ("bbdd.password=caf\xe9\nbbdd.sid=caf\xc3\xa9\n"),
};

OB_FUZZ_EXPORT_SEEDS (seeds)

static const char *const keys[]
  = { "bbdd.url", "bbdd.sid", "bbdd.password", "attach.path", "source.path", "a", "b", "" };

/* What is given out is text, and is there exactly where it can be expanded. */
static void
ask (ObProperties *properties, const char *key)
{
  const char *value = ob_properties_get (properties, key);
  g_autoptr (GError) error = NULL;
  g_autofree char *expanded = ob_properties_expand (properties, key, &error);

  g_assert_true (value == NULL || (*value != '\0' && g_utf8_validate (value, -1, NULL)));
  g_assert_true (expanded == NULL || (error == NULL && g_utf8_validate (expanded, -1, NULL)));
  g_assert_true (value != NULL || (expanded == NULL && error == NULL));
  ob_properties_has_odd_escape (properties, key);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ObProperties) properties
    = ob_properties_parse ((const char *) data, size, "Openbravo.properties", &error);

  g_assert_true ((properties == NULL) == (error != NULL));
  for (gsize i = 0; properties != NULL && i < G_N_ELEMENTS (keys); i++)
    ask (properties, keys[i]);
  return 0;
}
