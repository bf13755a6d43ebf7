/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which pg_dump takes what.
 *
 * schema.dump holds all but rows. Of the rows, the large tables are named one by one and spread
 * over streams of about the same size; data-1.dump takes all that is not named elsewhere, so that
 * nothing can be forgotten, and the values of sequences; large-objects.dump takes no table.
 * Partitions are tables like others: -t of their parent takes no child.
 */
#include "ob-database-dump-private.h"

#include <string.h>

/* Below that a table is not worth an argument; above, their number is bounded. */
#define LEAST_NAMED_BYTES ((guint64) 4 * 1024 * 1024)
#define MOST_NAMED 256
/* What an archive has around its rows. */
#define STREAM_OVERHEAD 4096

/* internal methods */

static void
free_stream (gpointer data)
{
  ObDumpStream *stream = data;

  g_free (stream->name);
  g_ptr_array_unref (stream->arguments);
  g_free (stream);
}

G_GNUC_NULL_TERMINATED static ObDumpStream *
add_stream (ObDatabaseDump *self, char *name, ...)
{
  ObDumpStream *stream = g_new0 (ObDumpStream, 1);
  const char *argument;
  va_list list;

  stream->name = name;
  stream->arguments = g_ptr_array_new_with_free_func (g_free);
  stream->expected = STREAM_OVERHEAD;
  stream->fd = -1;
  va_start (list, name);
  while ((argument = va_arg (list, const char *)) != NULL)
    g_ptr_array_add (stream->arguments, g_strdup (argument));
  va_end (list);
  g_ptr_array_add (self->streams, stream);
  return stream;
}

/* A name as a pattern of pg_dump: between double quotes every character stands for itself
 * (PostgreSQL, "psql", Patterns). */
static void
add_pattern (ObDumpStream *stream, const char *option, const char *schema, const char *name)
{
  g_autofree char *pattern = ob_postgres_format ("%I.%I", schema, name);

  g_ptr_array_add (stream->arguments, g_strconcat (option, pattern, NULL));
}

static gint
compare_bytes (gconstpointer a, gconstpointer b)
{
  const ObDumpTable *first = *(ObDumpTable *const *) a;
  const ObDumpTable *second = *(ObDumpTable *const *) b;

  if (first->bytes == second->bytes)
    return first->oid < second->oid ? -1 : 1;
  return first->bytes > second->bytes ? -1 : 1;
}

/* The tables to be named, the largest first. pg_dump takes patterns in the database's encoding, so
 * in any other than UTF-8 a name that is not ASCII is left to the first stream. Transfer
 * container. */
static GPtrArray *
choose_named (ObDatabaseDump *self, guint64 total, gboolean utf8)
{
  GPtrArray *named = g_ptr_array_new ();
  guint64 least = MAX (LEAST_NAMED_BYTES, total / 16 / self->n_parallel);

  for (guint i = 0; i < self->tables->len && self->n_parallel > 1; i++)
    {
      ObDumpTable *table = g_ptr_array_index (self->tables, i);

      if (table->bytes >= least && !table->partitioned && !table->extension
          && (utf8 || (g_str_is_ascii (table->name) && g_str_is_ascii (table->schema))))
        g_ptr_array_add (named, table);
    }
  g_ptr_array_sort (named, compare_bytes);
  if (named->len > MOST_NAMED)
    g_ptr_array_set_size (named, MOST_NAMED);
  return named;
}

/* Sequences that -t of a table takes along, since they are owned by a column of it: they are left
 * out of the first stream, so that each value is in one stream. Identity sequences go with their
 * table by themselves. */
static gboolean
exclude_owned_sequences (ObDatabaseDump *self, ObDumpStream *first, const ObDumpTable *table,
                         GCancellable *cancellable, GError **error)
{
  g_autofree char *oid = g_strdup_printf ("%u", table->oid);
  const char *parameters[] = { oid, NULL };
  PGresult *result = ob_postgres_query (
    self->session,
    "SELECT n.nspname, c.relname FROM pg_depend d JOIN pg_class c ON c.oid = d.objid"
    "  JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass"
    "   AND d.refobjid = $1::oid AND d.deptype = 'a' AND c.relkind = 'S'",
    parameters, cancellable, error);

  if (result == NULL)
    return FALSE;
  for (int i = 0; i < PQntuples (result); i++)
    add_pattern (first, "--exclude-table=", PQgetvalue (result, i, 0), PQgetvalue (result, i, 1));
  PQclear (result);
  return TRUE;
}

static ObDumpStream *
find_smallest (GPtrArray *streams)
{
  ObDumpStream *smallest = g_ptr_array_index (streams, 0);

  for (guint i = 1; i < streams->len; i++)
    {
      ObDumpStream *stream = g_ptr_array_index (streams, i);

      if (stream->expected < smallest->expected)
        smallest = stream;
    }
  return smallest;
}

/* Each table to the stream that has least so far; @data (of ObDumpStream), the first of which takes
 * what is not named. */
static gboolean
spread (ObDatabaseDump *self, GPtrArray *named, GPtrArray *data, GCancellable *cancellable,
        GError **error)
{
  ObDumpStream *first = g_ptr_array_index (data, 0);

  for (guint i = 0; i < named->len; i++)
    {
      const ObDumpTable *table = g_ptr_array_index (named, i);
      ObDumpStream *stream = find_smallest (data);

      if (stream != first)
        {
          add_pattern (stream, "--table=", table->schema, table->name);
          add_pattern (first, "--exclude-table=", table->schema, table->name);
          if (!exclude_owned_sequences (self, first, table, cancellable, error))
            return FALSE;
        }
      stream->expected += table->bytes;
    }
  return TRUE;
}

static gboolean
plan_data (ObDatabaseDump *self, gboolean utf8, GCancellable *cancellable, GError **error)
{
  g_autoptr (GPtrArray) data = g_ptr_array_new ();
  g_autoptr (GPtrArray) named = NULL;
  guint64 total = 0;
  ObDumpStream *first;

  for (guint i = 0; i < self->tables->len; i++)
    total += ((ObDumpTable *) g_ptr_array_index (self->tables, i))->bytes;
  named = choose_named (self, total, utf8);

  first = add_stream (self, g_strdup ("data-1.dump"), "--section=data", "-B", NULL);
  g_ptr_array_add (data, first);
  first->expected += total;
  for (guint i = 0; i < named->len; i++)
    first->expected -= ((ObDumpTable *) g_ptr_array_index (named, i))->bytes;

  for (guint i = 2; i <= self->n_parallel && i <= named->len + 1; i++)
    g_ptr_array_add (data, add_stream (self, g_strdup_printf ("data-%u.dump", i), "--section=data",
                                       "-B", NULL));
  return spread (self, named, data, cancellable, error);
}

/* Numbers that the plan needs: bytes of the schema (about), number and bytes of large objects,
 * whether the database is UTF-8. */
static PGresult *
ask_numbers (ObDatabaseDump *self, GCancellable *cancellable, GError **error)
{
  return ob_postgres_query (
    self->session,
    "SELECT (SELECT count(*) FROM pg_class WHERE oid >= 16384) * 500"
    "         + (SELECT count(*) FROM pg_constraint) * 200"
    "         + (SELECT coalesce (sum (length (prosrc) + 500), 0) FROM pg_proc WHERE oid >= 16384),"
    "       (SELECT count(*) FROM (SELECT 1 FROM pg_largeobject_metadata LIMIT 1) AS l),"
    "       pg_relation_size ('pg_catalog.pg_largeobject'::regclass),"
    "       (SELECT pg_encoding_to_char (encoding) = 'UTF8' FROM pg_database"
    "         WHERE datname = current_database ())",
    NULL, cancellable, error);
}

/* methods of this room */

gboolean
ob_dump_plan (ObDatabaseDump *self, GCancellable *cancellable, GError **error)
{
  PGresult *numbers = ask_numbers (self, cancellable, error);
  ObDumpStream *stream;
  gboolean utf8;
  gboolean ok;

  if (numbers == NULL)
    return FALSE;
  g_clear_pointer (&self->streams, g_ptr_array_unref);
  self->streams = g_ptr_array_new_with_free_func (free_stream);
  stream = add_stream (self, g_strdup ("schema.dump"), "--section=pre-data",
                       "--section=post-data", NULL);
  stream->expected += g_ascii_strtoull (PQgetvalue (numbers, 0, 0), NULL, 10);

  utf8 = strcmp (PQgetvalue (numbers, 0, 3), "t") == 0;
  ok = plan_data (self, utf8, cancellable, error);
  if (ok && strcmp (PQgetvalue (numbers, 0, 1), "0") != 0)
    {
      stream = add_stream (self, g_strdup ("large-objects.dump"), "--section=data", "-b",
                           "--exclude-table=*.*", NULL);
      stream->expected += g_ascii_strtoull (PQgetvalue (numbers, 0, 2), NULL, 10);
    }
  PQclear (numbers);
  return ok;
}
