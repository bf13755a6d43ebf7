/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An archive of rows. What is given out is what was there: never more, and rows end where a row
 * ends. */
#include "ob-dump-archive.h"

#include "driver.h"

/* Of format 1.14: a head, the encoding, a table, and two rows in two pieces. */
#define NONE "\1\1\0\0\0"
#define INT(low) "\0" low "\0\0\0"
#define HEAD                                                                                       \
  "PGDMP\1\16\0\4\10\1" INT ("\0") INT ("\1") INT ("\2") INT ("\3") INT ("\4") INT ("\5")           \
    INT ("\6") INT ("\0") INT ("\3") "erp" INT ("\2") "15" INT ("\2") "15"
#define PLACE                                                                                      \
  INT ("\6") "public" NONE NONE INT ("\3") "tad" INT ("\5") "false" INT ("\1") "4" NONE             \
    "\1\0\0\0\0\0\0\0\0"
#define ENCODING                                                                                   \
  INT ("\1") INT ("\0") INT ("\1") "0" INT ("\1") "0" INT ("\10") "ENCODING" INT ("\10") "ENCODING" \
    INT ("\2") INT ("\36") "SET client_encoding = 'UTF8';\n" INT ("\0") NONE PLACE
#define TABLE(size, copy)                                                                          \
  INT ("\7") INT ("\1") INT ("\1") "0" INT ("\2") "16" INT ("\1") "a" INT ("\12") "TABLE DATA"      \
    INT ("\3") INT ("\0") INT ("\0") INT (size) copy PLACE
#define ROWS "\1" INT ("\7") INT ("\3") "1\n2" INT ("\6") "\n\\.\n\n\n" INT ("\0")

static const ObFuzzSeed seeds[] = {
  OB_FUZZ_SEED (HEAD INT ("\2") ENCODING TABLE ("\36", "COPY public.a (x) FROM stdin;\n") ROWS),
  OB_FUZZ_SEED (HEAD INT ("\1") TABLE ("\15", "INSERT INTO a") ROWS),
};

OB_FUZZ_EXPORT_SEEDS (seeds)

/* What is left of the input. It comes in pieces whose size the input decides. */
typedef struct
{
  const guint8 *data;
  gsize size;
  gsize piece;
} Source;

static gboolean
next_bytes (gpointer user_data, const guint8 **data, gsize *size, GError **error)
{
  Source *source = user_data;

  *data = source->data;
  *size = MIN (source->size, source->piece);
  source->data += *size;
  source->size -= *size;
  return TRUE;
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  Source source = { data, size, size > 0 && data[size - 1] > 0 ? data[size - 1] : size };
  g_autoptr (ObDumpArchive) archive = ob_dump_archive_new (next_bytes, &source);
  ObScriptItem item;
  gboolean known = FALSE;
  gsize given = 0;

  if (!ob_dump_archive_open (archive, &known, NULL))
    g_error ("what is there can be read");
  while (known && ob_dump_archive_next (archive, &item, NULL) && item.kind != OB_SCRIPT_END)
    {
      given += item.kind == OB_SCRIPT_ROWS ? item.size : 0;
      g_assert_true (given <= size);
      g_assert_true (item.kind != OB_SCRIPT_ROWS || item.data[item.size - 1] == '\n'
                     || item.size >= 128 * 1024);
    }
  return 0;
}
