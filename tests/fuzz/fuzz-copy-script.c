/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The script that pg_restore makes of an archive with rows. What is given out is what was there:
 * never more, and rows end where a row ends. */
#include "ob-copy-script.h"

#include <sys/mman.h>
#include <unistd.h>

#include "driver.h"

static const ObFuzzSeed seeds[] = {
  OB_FUZZ_SEED ("--\n\\restrict a\n\nSET row_security = off;\nCOPY public.a (x, y) FROM stdin;\n"
                "1\t\\N\n2\t\\\\.\n\\.\n\nSELECT pg_catalog.setval('public.q', 12, true);\n"),
  OB_FUZZ_SEED ("COPY public.\"b;\nc\" (x) FROM stdin;\n\\.\n"
                "COPY public.none  FROM stdin;\n\n\\.\n"),
};

OB_FUZZ_EXPORT_SEEDS (seeds)

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  int fd = memfd_create ("script", MFD_CLOEXEC);
  g_autoptr (ObCopyScript) script = ob_copy_script_new (fd);
  ObScriptItem item;
  gsize given = 0;

  if (write (fd, data, size) != (gssize) size)
    g_error ("no memory");
  lseek (fd, 0, SEEK_SET);
  while (ob_copy_script_next (script, &item, NULL) && item.kind != OB_SCRIPT_END)
    {
      g_autofree char *schema = NULL;
      g_autofree char *name = NULL;

      given += item.kind == OB_SCRIPT_ROWS ? item.size : 1;
      g_assert_true (given <= size);
      g_assert_true (item.kind != OB_SCRIPT_ROWS || item.data[item.size - 1] == '\n'
                     || item.size >= 1024 * 1024);
      if (item.kind == OB_SCRIPT_COPY)
        ob_copy_script_parse_table (item.text, &schema, &name);
    }
  close (fd);
  return 0;
}
