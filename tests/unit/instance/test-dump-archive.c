/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Archives made here by hand, of every version; those of a real pg_dump are in test-database-archives.c. */
#include "ob-dump-archive.h"

#include <signal.h>
#include <string.h>

#include "fixture.h"
#include "items-fixture.h"
#include "ob-error.h"

#define NEWEST 0x0110
#define SETTINGS "S<SET xmloption = content;>S<SET row_security = off;>"

/* How an archive is written. */
typedef struct
{
  guint version;
  guint int_size;
  guint8 format;
  int compression;
  gsize piece; /* bytes of rows with one length */
} Style;

static const Style usual = { .version = 0x010e, .int_size = 4, .format = 1, .piece = 7 };

/* An entry of the table of contents; with rows, a block too. */
typedef struct
{
  int id;
  const char *kind;
  const char *tag;
  const char *definition;
  const char *copy;
  const char *rows; /* with the last line; NULL: no data */
} Entry;

static const Entry entries[] = {
  { 1, "ENCODING", "ENCODING", "SET client_encoding = 'UTF8';\n", NULL, NULL },
  { 2, "DATABASE", "erp", "CREATE DATABASE erp;\n", NULL, NULL },
  { 3, "DATABASE PROPERTIES", "erp", "ALTER DATABASE erp SET a TO b;\n", NULL, NULL },
  { 4, "COMMENT", "DATABASE erp", "COMMENT ON DATABASE erp IS 'it';\n", NULL, NULL },
  { 70, "TABLE DATA", "a", NULL, "COPY public.a (x, y) FROM stdin;\n",
    "1\t\\N\n2\t\\\\.\n3\t\n\\.\n\n\n" },
  { 5, "TABLE DATA", "b;\nc", "", "COPY public.\"b;\nc\" (x) FROM stdin;\n", "\\.\n\n\n" },
  { 1000000, "TABLE DATA", "none", NULL, "COPY public.none  FROM stdin;\n", "\n\n\\.\n" },
  { 8, "SEQUENCE SET", "q", "SELECT pg_catalog.setval('public.q', 12, true);\n", NULL, NULL },
};

static const char items[]
  = SETTINGS "S<SET client_encoding = 'UTF8';>"
             "C<COPY public.a (x, y) FROM stdin;>1\t\\N\n2\t\\\\.\n3\t\nE<>"
             "C<COPY public.\"b;\nc\" (x) FROM stdin;>E<>"
             "C<COPY public.none  FROM stdin;>\n\nE<>"
             "S<SELECT pg_catalog.setval('public.q', 12, true);>";

/* helpers: writing */

static void
put_bytes (GByteArray *archive, const void *data, gsize size)
{
  g_byte_array_append (archive, data, (guint) size);
}

static void
put_byte (GByteArray *archive, guint8 byte)
{
  put_bytes (archive, &byte, 1);
}

static void
put_int (GByteArray *archive, const Style *style, int number)
{
  guint64 size = (guint64) ABS ((gint64) number);

  put_byte (archive, number < 0 ? 1 : 0);
  for (guint i = 0; i < style->int_size; i++, size >>= 8)
    put_byte (archive, size & 0xff);
}

static void
put_string (GByteArray *archive, const Style *style, const char *text)
{
  put_int (archive, style, text != NULL ? (int) strlen (text) : -1);
  if (text != NULL)
    put_bytes (archive, text, strlen (text));
}

static void
put_head (GByteArray *archive, const Style *style, int n_entries)
{
  const guint8 facts[] = { style->version >> 8, style->version & 0xff, 0, (guint8) style->int_size,
                           8, style->format };

  put_bytes (archive, "PGDMP", 5);
  put_bytes (archive, facts, sizeof facts);
  if (style->version >= 0x010f)
    put_byte (archive, (guint8) style->compression);
  else
    put_int (archive, style, style->compression);
  for (int i = 0; i < 7; i++)
    put_int (archive, style, i * 100);
  put_string (archive, style, "erp");
  put_string (archive, style, "15.18 (Debian 15.18-0+deb12u1)");
  put_string (archive, style, "15.18");
  put_int (archive, style, n_entries);
}

static void
put_entry (GByteArray *archive, const Style *style, const Entry *entry)
{
  put_int (archive, style, entry->id);
  put_int (archive, style, entry->rows != NULL);
  put_string (archive, style, "0");
  put_string (archive, style, "16791");
  put_string (archive, style, entry->tag);
  put_string (archive, style, entry->kind);
  put_int (archive, style, 3);
  put_string (archive, style, entry->definition);
  put_string (archive, style, "");
  put_string (archive, style, entry->copy);
  put_string (archive, style, "public");
  put_string (archive, style, NULL);
  if (style->version >= 0x010e)
    put_string (archive, style, "heap");
  if (style->version >= 0x0110)
    put_int (archive, style, 'r');
  put_string (archive, style, "tad");
  put_string (archive, style, "false");
  put_string (archive, style, "217");
  put_string (archive, style, "4");
  put_string (archive, style, NULL);
  put_bytes (archive, "\1\0\0\0\0\0\0\0\0", 9);
}

static void
put_block (GByteArray *archive, const Style *style, int id, const char *rows, gsize size)
{
  put_byte (archive, 1);
  put_int (archive, style, id);
  for (gsize at = 0; at < size; at += style->piece)
    {
      gsize n = MIN (style->piece, size - at);

      put_int (archive, style, (int) n);
      put_bytes (archive, rows + at, n);
    }
  put_int (archive, style, 0);
}

/* Transfer full. */
static GByteArray *
make_archive (const Style *style, const Entry *list, gsize n)
{
  GByteArray *archive = g_byte_array_new ();

  put_head (archive, style, (int) n);
  for (gsize i = 0; i < n; i++)
    put_entry (archive, style, &list[i]);
  for (gsize i = 0; i < n; i++)
    if (list[i].rows != NULL)
      put_block (archive, style, list[i].id, list[i].rows, strlen (list[i].rows));
  return archive;
}

/* helpers: reading */

typedef struct
{
  int fd;
  guint8 bytes[65536];
  ObDumpArchive *archive; /* NULL: not known */
} Source;

static gboolean
read_bytes (gpointer data, const guint8 **bytes, gsize *size, GError **error)
{
  Source *source = data;
  gssize n = read (source->fd, source->bytes, sizeof source->bytes);

  g_assert_cmpint (n, >=, 0);
  *bytes = source->bytes;
  *size = (gsize) n;
  return TRUE;
}

static gpointer
open_archive (int fd)
{
  Source *source = g_new0 (Source, 1);
  g_autoptr (GError) error = NULL;
  gboolean known = FALSE;

  source->fd = fd;
  source->archive = ob_dump_archive_new (read_bytes, source);
  ob_dump_archive_open (source->archive, &known, &error);
  g_assert_no_error (error);
  if (!known)
    g_clear_pointer (&source->archive, ob_dump_archive_free);
  return source;
}

/* One that is not known is none at all. */
static gboolean
next_of_archive (gpointer data, ObScriptItem *item, GError **error)
{
  Source *source = data;

  if (source->archive != NULL)
    return ob_dump_archive_next (source->archive, item, error);
  g_set_error_literal (error, OB_ERROR, OB_ERROR_NOT_FOUND, "not known");
  return FALSE;
}

static void
free_archive (gpointer data)
{
  Source *source = data;

  ob_dump_archive_free (source->archive);
  g_free (source);
}

/* NULL on error; NOT_FOUND: it is not known. Transfer full. */
static GString *
describe (const GByteArray *archive, gsize step, GError **error)
{
  static const ItemParser parser = { open_archive, next_of_archive, free_archive };

  return describe_items (&parser, archive->data, archive->len, step, error);
}

static void
assert_items (const GByteArray *archive, gsize step, const char *expected)
{
  g_autoptr (GError) error = NULL;
  GString *found = describe (archive, step, &error);

  g_assert_no_error (error);
  g_assert_cmpstr (found->str, ==, expected);
  g_string_free (found, TRUE);
}

static void
assert_fails (const GByteArray *archive, int code)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (describe (archive, 64, &error));
  g_assert_ob_error (error, code);
}

/* tests */

static void
test_versions (void)
{
  for (guint version = 0x010c; version <= NEWEST; version++)
    for (guint int_size = 4; int_size <= 8; int_size += 4)
      {
        Style style = usual;
        g_autoptr (GByteArray) archive = NULL;

        style.version = version;
        style.int_size = int_size;
        archive = make_archive (&style, entries, G_N_ELEMENTS (entries));
        assert_items (archive, 1000, items);
      }
}

static void
test_steps (void)
{
  for (gsize step = 1; step < 40; step++)
    {
      Style style = usual;
      g_autoptr (GByteArray) archive = NULL;

      style.piece = 1 + step % 13;
      archive = make_archive (&style, entries, G_N_ELEMENTS (entries));
      assert_items (archive, step, items);
    }
}

/* Rows of every length, also longer than what is given out at once, in pieces of every length. */
static void
test_long_rows (void)
{
  for (guint round = 0; round < 6; round++)
    {
      const Entry entry = { 4, "TABLE DATA", "a", NULL, "COPY a FROM stdin;\n", "" };
      Style style = usual;
      g_autoptr (GString) rows = g_string_new (NULL);
      g_autoptr (GByteArray) archive = g_byte_array_new ();
      g_autoptr (GError) error = NULL;
      GString *found;

      style.piece = (gsize[]){ 1, 100, 8191, 262144, 262145, 5000000 }[round];
      for (guint i = 0; i < 60; i++)
        {
          gint32 length = g_test_rand_int_range (0, i % 20 == 0 ? 1200000 : 20000);
          g_autofree char *row = g_strnfill ((gsize) length, (char) ('a' + i % 26));

          g_string_append_printf (rows, "%s\n", row);
        }
      put_head (archive, &style, 1);
      put_entry (archive, &style, &entry);
      g_string_append (rows, "\\.\n\n\n");
      put_block (archive, &style, 4, rows->str, rows->len);
      g_string_truncate (rows, rows->len - 5);
      g_string_prepend (rows, SETTINGS "C<COPY a FROM stdin;>");
      g_string_append (rows, "E<>");
      found = describe (archive, 65536, &error);
      g_assert_no_error (error);
      g_assert_true (g_string_equal (found, rows));
      g_string_free (found, TRUE);
    }
}

/* The last line begins and ends in every place of what is read at once. */
static void
test_last_line (void)
{
  const Entry entry = { 4, "TABLE DATA", "a", NULL, "COPY a FROM stdin;\n", "" };
  Style style = usual;

  style.piece = 100000;
  for (gsize size = 262144 - 20; size < 262144 + 20; size++)
    {
      g_autoptr (GByteArray) archive = g_byte_array_new ();
      g_autofree char *row = g_strnfill (size - 3, 'x');
      g_autofree char *rows = g_strconcat ("1\n", row, "\n\\.\n\n\n", NULL);
      g_autofree char *expected
        = g_strconcat (SETTINGS "C<COPY a FROM stdin;>1\n", row, "\nE<>", NULL);

      put_head (archive, &style, 1);
      put_entry (archive, &style, &entry);
      put_block (archive, &style, 4, rows, strlen (rows));
      assert_items (archive, 65536, expected);
    }
}

static void
assert_style_unknown (Style style)
{
  g_autoptr (GByteArray) archive = make_archive (&style, entries, G_N_ELEMENTS (entries));

  assert_fails (archive, OB_ERROR_NOT_FOUND);
}

static void
test_unknown_head (void)
{
  Style style = usual;

  assert_style_unknown ((Style){ 0x010b, 4, 1, 0, 7 });
  assert_style_unknown ((Style){ NEWEST + 1, 4, 1, 0, 7 });
  assert_style_unknown ((Style){ 0x010e, 4, 1, -1, 7 });
  assert_style_unknown ((Style){ 0x010e, 4, 1, 6, 7 });
  assert_style_unknown ((Style){ 0x010f, 4, 1, 3, 7 });
  assert_style_unknown ((Style){ 0x010e, 4, 3, 0, 7 });
  style.int_size = 2;
  assert_style_unknown (style);
}

static void
test_unknown_entries (void)
{
  static const Entry unknown[] = {
    { 1, "BLOBS", "BLOBS", NULL, NULL, "" },
    { 1, "TABLE", "a", "CREATE TABLE a ();\n", NULL, NULL },
    { 1, "COMMENT", "TABLE a", "COMMENT ON TABLE a IS 'DATABASE ';\n", NULL, NULL },
    { 1, "TABLE DATA", "a", NULL, NULL, "INSERT INTO a VALUES (1);\n" },
    { 1, "TABLE DATA", "a", NULL, "COPY a FROM PROGRAM 'true';\n", "" },
    { 1, "TABLE DATA", "a", NULL, "COPY a FROM stdin;\n", NULL },
    { 1, "SEQUENCE SET", "a", NULL, NULL, NULL },
    { 1, NULL, "a", NULL, NULL, NULL },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (unknown); i++)
    {
      g_autoptr (GByteArray) archive = make_archive (&usual, &unknown[i], 1);

      assert_fails (archive, OB_ERROR_NOT_FOUND);
    }
}

/* One that is cut is never taken for a whole one. */
static void
test_cut (void)
{
  g_autoptr (GByteArray) archive = make_archive (&usual, entries, G_N_ELEMENTS (entries));
  g_autoptr (GByteArray) contents = g_byte_array_new ();
  guint whole = archive->len;

  put_head (contents, &usual, G_N_ELEMENTS (entries));
  for (gsize i = 0; i < G_N_ELEMENTS (entries); i++)
    put_entry (contents, &usual, &entries[i]);
  for (guint size = 0; size < whole; size++)
    {
      archive->len = size;
      assert_fails (archive, size < contents->len ? OB_ERROR_NOT_FOUND : OB_ERROR_CORRUPT);
    }
  archive->len = whole;
  /* What is behind it means nothing. */
  put_bytes (archive, "more", 4);
  assert_items (archive, 3, items);
}

static void
assert_block_corrupt (int type, int id, const char *rows)
{
  const Entry entry = { 4, "TABLE DATA", "a", NULL, "COPY a FROM stdin;\n", "" };
  g_autoptr (GByteArray) archive = g_byte_array_new ();
  guint place;

  put_head (archive, &usual, 1);
  put_entry (archive, &usual, &entry);
  place = archive->len;
  put_block (archive, &usual, id, rows, strlen (rows));
  archive->data[place] = (guint8) type;
  assert_fails (archive, OB_ERROR_CORRUPT);
}

static void
test_damaged (void)
{
  const Entry entry = { 4, "TABLE DATA", "a", NULL, "COPY a FROM stdin;\n", "" };
  g_autoptr (GByteArray) archive = make_archive (&usual, &entry, 1);

  assert_block_corrupt (3, 4, "\\.\n");
  assert_block_corrupt (1, 5, "\\.\n");
  assert_block_corrupt (1, 4, "");
  assert_block_corrupt (1, 4, "1\n2\n");
  assert_block_corrupt (1, 4, "1\n2\\.\n\n\n");
  assert_block_corrupt (1, 4, "1\n2\n\\. \n");
  /* A piece of less than nothing. */
  archive->data[archive->len - 5] = 1;
  archive->data[archive->len - 4] = 9;
  assert_fails (archive, OB_ERROR_CORRUPT);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  /* One that is not known is not read to its end. */
  signal (SIGPIPE, SIG_IGN);
  g_test_add_func ("/dump-archive/versions", test_versions);
  g_test_add_func ("/dump-archive/steps", test_steps);
  g_test_add_func ("/dump-archive/long-rows", test_long_rows);
  g_test_add_func ("/dump-archive/last-line", test_last_line);
  g_test_add_func ("/dump-archive/unknown-head", test_unknown_head);
  g_test_add_func ("/dump-archive/unknown-entries", test_unknown_entries);
  g_test_add_func ("/dump-archive/cut", test_cut);
  g_test_add_func ("/dump-archive/damaged", test_damaged);
  return g_test_run ();
}
