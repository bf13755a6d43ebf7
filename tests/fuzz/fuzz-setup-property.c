/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Openbravo.properties as setup looks at it, and the same bytes as a process's command line. */
#include "ob-setup-find.h"
#include "ob-setup-property.h"

#include <string.h>

#include "driver.h"

static const ObFuzzSeed seeds[] = {
  OB_FUZZ_SEED ("# x\nbbdd.url=jdbc\\:postgresql\\://localhost\\:5432\nsource.path=/opt/erp\n"),
  OB_FUZZ_SEED ("context.name : openbravo\r\n context.name=\\u00e9\\\n  more\n"),
  OB_FUZZ_SEED ("context.name\tcaf\xe9 \\"),
  OB_FUZZ_SEED ("/usr/bin/java\0-Dcatalina.base=/opt/tomcat\0-Dx=y\0"),
  OB_FUZZ_SEED ("-Dcatalina.base=tomcat\0-Dcatalina.base="),
};

OB_FUZZ_EXPORT_SEEDS (seeds)

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autofree char *name = ob_setup_property ((const char *) data, size, "context.name");
  g_autofree char *base = ob_setup_catalina_base ((const char *) data, size);
  g_autofree char *proposal = ob_setup_found_propose_name ("/", name);

  /* Neither can do anything to a terminal, and both can be sent over the bus. */
  g_assert_true (name == NULL || (g_utf8_validate (name, -1, NULL) && *name != '\0'));
  g_assert_true (name == NULL || strpbrk (name, "\x1b\r\n\x07") == NULL);
  g_assert_true (base == NULL || (ob_setup_path_is_plain (base) && *base == '/'));
  g_assert_true (ob_setup_name_is_valid (proposal));
  return 0;
}
