/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-dump-archive.h"

#include <string.h>

#include "ob-error.h"

#define MAGIC "PGDMP"
#define FORMAT_CUSTOM 1
#define BLOCK_DATA 1

/* Versions of the format: major * 256 + minor. */
#define VERSION_OLDEST 0x010c /* PostgreSQL 9.0 */
#define VERSION_ACCESS_METHOD 0x010e
#define VERSION_ALGORITHM 0x010f
#define VERSION_KIND 0x0110 /* PostgreSQL 17 */
#define VERSION_NEWEST VERSION_KIND

/* Bytes of a number or an offset, at the most. */
#define MAX_SIZE 8

/* The longest text of a statement that is kept, and the most bytes of rows in an item. */
#define MAX_TEXT (1024 * 1024)
#define ROOM (256 * 1024)

/* "\." and its newlines: the last bytes of a block are held back until its end is seen. */
#define LAST_LINE "\\."
#define HELD_BACK 8

typedef struct
{
  int id;
  gboolean has_rows;
  char *text; /* a statement, or a COPY that its rows follow */
} Entry;

/* What of the table of contents tells what an entry is. */
typedef struct
{
  int id;
  int has_data;
  char *tag; /* each NULL where it is none */
  char *kind;
  char *definition;
  char *copy;
} Description;

struct _ObDumpArchive
{
  ObNextBytes next_bytes;
  gpointer source;
  const guint8 *raw; /* the source's, as yet unused */
  gsize n_raw;
  gboolean eof;
  gboolean strange;
  guint int_size;
  guint offset_size;
  guint version;
  GPtrArray *entries; /* of Entry */
  guint next;
  gboolean in_copy;
  gboolean in_row;     /* the item before ended within it */
  gboolean block_ended;
  gsize piece_left;    /* of a piece of rows, still in @raw or behind it */
  guint8 rows[ROOM];
  gsize n_given;       /* of @rows; the caller has them until the next item */
  gsize n_rows;        /* bytes in @rows */
};

/* internal methods */

static void
free_entry (gpointer data)
{
  Entry *entry = data;

  g_free (entry->text);
  g_free (entry);
}

static void
clear_description (Description *description)
{
  g_free (description->tag);
  g_free (description->kind);
  g_free (description->definition);
  g_free (description->copy);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Description, clear_description)

static gboolean
fail (GError **error, const char *what)
{
  g_set_error (error, OB_ERROR, OB_ERROR_CORRUPT, "The archive of the database's rows %s", what);
  return FALSE;
}

/* Gets more, once all that there was is used. FALSE on error; else there is something, or it is at
 * its end. */
static gboolean
fill (ObDumpArchive *self, GError **error)
{
  if (!self->next_bytes (self->source, &self->raw, &self->n_raw, error))
    return FALSE;
  self->eof = self->n_raw == 0;
  return TRUE;
}

/* It is not as we know it; what that means, who asked for it knows. */
static gboolean
set_strange (ObDumpArchive *self)
{
  self->strange = TRUE;
  return FALSE;
}

/* All functions that take something: FALSE where it is strange, which sets no error, and on
 * error. */

/* The next @size bytes, into @data or, where that is NULL, nowhere. */
static gboolean
take (ObDumpArchive *self, void *data, gsize size, GError **error)
{
  guint8 *to = data;

  while (size > 0)
    {
      gsize n = MIN (size, self->n_raw);

      if (n == 0 && !self->eof && !fill (self, error))
        return FALSE;
      if (self->eof)
        return set_strange (self);
      if (to != NULL && n > 0)
        {
          memcpy (to, self->raw, n);
          to += n;
        }
      self->raw += n;
      self->n_raw -= n;
      size -= n;
    }
  return TRUE;
}

/* A byte for the sign, and the bytes of the number, the lowest first. */
static gboolean
take_int (ObDumpArchive *self, int *number, GError **error)
{
  guint8 bytes[1 + MAX_SIZE] = { 0 };
  gsize length = 1 + self->int_size;
  const guint8 *at = bytes;
  guint64 size = 0;

  g_assert (self->int_size <= MAX_SIZE);
  if (self->n_raw >= length)
    {
      at = self->raw;
      self->raw += length;
      self->n_raw -= length;
    }
  else if (!take (self, bytes, length, error))
    return FALSE;
  for (guint i = self->int_size; i > 0; i--)
    size = size << 8 | at[i];
  if (at[0] > 1 || size > G_MAXINT)
    return set_strange (self);
  *number = at[0] == 1 ? -(int) size : (int) size;
  return TRUE;
}

/* A length, -1 for none, and so many bytes. Transfer full; NULL for none. */
static gboolean
take_string (ObDumpArchive *self, char **text, GError **error)
{
  g_autofree char *taken = NULL;
  int length;

  if (!take_int (self, &length, error))
    return FALSE;
  if (length < 0)
    return TRUE;
  if (length > MAX_TEXT)
    return set_strange (self);
  taken = g_malloc ((gsize) length + 1);
  if (!take (self, taken, (gsize) length, error))
    return FALSE;
  taken[length] = '\0';
  if (strlen (taken) < (gsize) length)
    return set_strange (self);
  *text = g_steal_pointer (&taken);
  return TRUE;
}

static gboolean
skip_string (ObDumpArchive *self, gboolean *is_none, GError **error)
{
  int length;

  if (!take_int (self, &length, error))
    return FALSE;
  *is_none = length < 0;
  return length < 0 || take (self, NULL, (gsize) length, error);
}

static gboolean
skip_strings (ObDumpArchive *self, guint number, GError **error)
{
  gboolean is_none;

  for (guint i = 0; i < number; i++)
    if (!skip_string (self, &is_none, error))
      return FALSE;
  return TRUE;
}

static gboolean
skip_ints (ObDumpArchive *self, guint number, GError **error)
{
  int skipped;

  for (guint i = 0; i < number; i++)
    if (!take_int (self, &skipped, error))
      return FALSE;
  return TRUE;
}

/* --- head and table of contents --- */

/* None: the rows are as the database gave them. */
static gboolean
take_compression (ObDumpArchive *self, GError **error)
{
  guint8 algorithm = 0;
  int level = 0;

  if (!(self->version >= VERSION_ALGORITHM ? take (self, &algorithm, 1, error)
                                           : take_int (self, &level, error)))
    return FALSE;
  return (algorithm == 0 && level == 0) || set_strange (self);
}

static gboolean
take_head (ObDumpArchive *self, GError **error)
{
  guint8 head[sizeof MAGIC - 1 + 6];
  const guint8 *facts = head + sizeof MAGIC - 1; /* major, minor, revision, two sizes, format */

  if (!take (self, head, sizeof head, error))
    return FALSE;
  self->version = (guint) facts[0] << 8 | facts[1];
  self->int_size = facts[3];
  self->offset_size = facts[4];
  if (memcmp (head, MAGIC, sizeof MAGIC - 1) != 0 || facts[5] != FORMAT_CUSTOM
      || self->version < VERSION_OLDEST || self->version > VERSION_NEWEST || self->int_size < 4
      || self->int_size > MAX_SIZE || self->offset_size > MAX_SIZE)
    return set_strange (self);
  /* When it was made; of what, and by which versions. */
  return take_compression (self, error) && skip_ints (self, 7, error)
         && skip_strings (self, 3, error);
}

/* Texts up to one that is none. */
static gboolean
skip_dependencies (ObDumpArchive *self, GError **error)
{
  gboolean is_none = FALSE;

  while (!is_none)
    if (!skip_string (self, &is_none, error))
      return FALSE;
  return TRUE;
}

static gboolean
take_description (ObDumpArchive *self, Description *description, GError **error)
{
  /* Behind the first two: two OIDs; section; what drops it; schema, tablespace and
   * access method; the kind of table; owner and WITH OIDS; where it lies. */
  return take_int (self, &description->id, error)
         && take_int (self, &description->has_data, error) && skip_strings (self, 2, error)
         && take_string (self, &description->tag, error)
         && take_string (self, &description->kind, error) && skip_ints (self, 1, error)
         && take_string (self, &description->definition, error) && skip_strings (self, 1, error)
         && take_string (self, &description->copy, error)
         && skip_strings (self, self->version >= VERSION_ACCESS_METHOD ? 3 : 2, error)
         && skip_ints (self, self->version >= VERSION_KIND ? 1 : 0, error)
         && skip_strings (self, 2, error) && skip_dependencies (self, error)
         && take (self, NULL, 1 + self->offset_size, error);
}

static void
add_entry (ObDumpArchive *self, int id, gboolean has_rows, const char *text)
{
  Entry *entry = g_new0 (Entry, 1);

  entry->id = id;
  entry->has_rows = has_rows;
  entry->text = g_strchomp (g_strdup (text));
  g_ptr_array_add (self->entries, entry);
}

static gboolean
is_statement (const Description *description)
{
  static const char *const kinds[]
    = { "ENCODING", "STDSTRINGS", "SEARCHPATH", "SEQUENCE SET", NULL };

  return description->kind != NULL && g_strv_contains (kinds, description->kind)
         && description->has_data == 0 && description->definition != NULL;
}

static gboolean
is_table (const Description *description)
{
  return g_strcmp0 (description->kind, "TABLE DATA") == 0 && description->has_data != 0
         && description->copy != NULL && g_str_has_prefix (description->copy, "COPY ")
         && g_str_has_suffix (description->copy, " FROM stdin;\n");
}

/* In every archive, and nothing that is restored into a database (_tocEntryRequired()). */
static gboolean
is_of_database (const Description *description)
{
  static const char *const kinds[] = { "DATABASE", "DATABASE PROPERTIES", NULL };
  static const char *const with_tag[] = { "COMMENT", "ACL", "SECURITY LABEL", NULL };

  if (description->kind == NULL || description->has_data != 0)
    return FALSE;
  return g_strv_contains (kinds, description->kind)
         || (g_strv_contains (with_tag, description->kind) && description->tag != NULL
             && g_str_has_prefix (description->tag, "DATABASE "));
}

static gboolean
take_contents (ObDumpArchive *self, GError **error)
{
  int number;

  if (!take_int (self, &number, error))
    return FALSE;
  for (int i = 0; i < number; i++)
    {
      g_auto (Description) entry = { 0 };

      if (!take_description (self, &entry, error))
        return FALSE;
      if (is_statement (&entry))
        add_entry (self, entry.id, FALSE, entry.definition);
      else if (is_table (&entry))
        add_entry (self, entry.id, TRUE, entry.copy);
      else if (!is_of_database (&entry))
        return set_strange (self);
    }
  return TRUE;
}

/* --- rows --- */

/* What could not be taken. Behind the table of contents, what is strange is damaged. */
static gboolean
fail_taken (ObDumpArchive *self, GError **error)
{
  if (!self->strange)
    return FALSE;
  return fail (error, self->eof ? "ends within the rows of a table"
                                : "has a number that makes no sense");
}

static gboolean
begin_block (ObDumpArchive *self, const Entry *entry, GError **error)
{
  guint8 type;
  int id;

  if (!take (self, &type, 1, error) || !take_int (self, &id, error))
    return fail_taken (self, error);
  if (type != BLOCK_DATA || id != entry->id)
    return fail (error, "has something else where the rows of a table should be");
  self->in_copy = TRUE;
  self->in_row = FALSE;
  self->block_ended = FALSE;
  self->piece_left = 0;
  self->n_rows = self->n_given = 0;
  return TRUE;
}

static gboolean
begin_piece (ObDumpArchive *self, GError **error)
{
  int size;

  if (!take_int (self, &size, error))
    return fail_taken (self, error);
  if (size < 0)
    return fail (error, "has a number that makes no sense");
  self->piece_left = (gsize) size;
  self->block_ended = size == 0;
  return TRUE;
}

/* Puts the pieces together, until there is no more room or the block is at its end. */
static gboolean
collect (ObDumpArchive *self, GError **error)
{
  while (self->n_rows < ROOM && !self->block_ended)
    {
      gsize n = MIN (self->piece_left, ROOM - self->n_rows);

      if (n == 0)
        {
          if (!begin_piece (self, error))
            return FALSE;
          continue;
        }
      if (!take (self, self->rows + self->n_rows, n, error))
        return fail_taken (self, error);
      self->n_rows += n;
      self->piece_left -= n;
    }
  return TRUE;
}

/* Drops the last line of the block, which is no row. */
static gboolean
drop_last_line (ObDumpArchive *self, GError **error)
{
  gsize n = self->n_rows;

  while (n > 0 && self->rows[n - 1] == '\n')
    n--;
  if (n < strlen (LAST_LINE)
      || memcmp (self->rows + n - strlen (LAST_LINE), LAST_LINE, strlen (LAST_LINE)) != 0)
    return fail (error, "has rows without an end");
  n -= strlen (LAST_LINE);
  if (n > 0 ? self->rows[n - 1] != '\n' : self->in_row)
    return fail (error, "has rows without an end");
  self->n_rows = n;
  return TRUE;
}

/* How many bytes can be given out. */
static gsize
measure_rows (const ObDumpArchive *self)
{
  gsize size = self->block_ended ? self->n_rows : self->n_rows - HELD_BACK;
  const guint8 *newline = memrchr (self->rows, '\n', size);

  return newline != NULL ? (gsize) (newline - self->rows) + 1 : size;
}

static gboolean
next_rows (ObDumpArchive *self, ObScriptItem *item, GError **error)
{
  if (!self->block_ended)
    {
      self->n_rows -= self->n_given;
      memmove (self->rows, self->rows + self->n_given, self->n_rows);
      self->n_given = 0;
      if (!collect (self, error) || (self->block_ended && !drop_last_line (self, error)))
        return FALSE;
    }
  if (self->block_ended && self->n_given == self->n_rows)
    {
      self->in_copy = FALSE;
      self->next++;
      item->kind = OB_SCRIPT_COPY_END;
      return TRUE;
    }
  self->n_given = measure_rows (self);
  *item = (ObScriptItem){ .kind = OB_SCRIPT_ROWS, .data = self->rows, .size = self->n_given,
                          .continues = self->in_row };
  self->in_row = self->rows[self->n_given - 1] != '\n';
  return TRUE;
}

/* What is behind the last block is nothing that we know of. */
static gboolean
drain (ObDumpArchive *self, GError **error)
{
  while (!self->eof)
    if (!fill (self, error))
      return FALSE;
  return TRUE;
}

/* public methods */

ObDumpArchive *
ob_dump_archive_new (ObNextBytes next, gpointer source)
{
  ObDumpArchive *self = g_new0 (ObDumpArchive, 1);

  self->next_bytes = next;
  self->source = source;
  self->entries = g_ptr_array_new_with_free_func (free_entry);
  return self;
}

gboolean
ob_dump_archive_open (ObDumpArchive *self, gboolean *known, GError **error)
{
  /* What pg_restore says to a connection that it loads rows over, and that ours do not have
   * anyway. Row security: better an error than rows that are left out. */
  static const char *const settings[] = { "SET xmloption = content;", "SET row_security = off;" };

  for (guint i = 0; i < G_N_ELEMENTS (settings); i++)
    add_entry (self, 0, FALSE, settings[i]);
  *known = take_head (self, error) && take_contents (self, error);
  return *known || self->strange;
}

gboolean
ob_dump_archive_next (ObDumpArchive *self, ObScriptItem *item, GError **error)
{
  const Entry *entry;

  *item = (ObScriptItem){ 0 };
  if (self->in_copy)
    return next_rows (self, item, error);
  if (self->next == self->entries->len)
    {
      item->kind = OB_SCRIPT_END;
      return drain (self, error);
    }
  entry = g_ptr_array_index (self->entries, self->next);
  item->text = entry->text;
  if (entry->has_rows)
    {
      item->kind = OB_SCRIPT_COPY;
      return begin_block (self, entry, error);
    }
  item->kind = OB_SCRIPT_STATEMENT;
  self->next++;
  return TRUE;
}

void
ob_dump_archive_free (ObDumpArchive *self)
{
  if (self == NULL)
    return;
  g_ptr_array_unref (self->entries);
  g_free (self);
}
