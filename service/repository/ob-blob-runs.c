/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-blob-runs.h"

#include <string.h>

#include "ob-error.h"

/* Reading over a gap of this size costs less than a further read. */
#define MAX_GAP (32 * 1024)

gint
ob_wanted_blob_compare (gconstpointer a, gconstpointer b)
{
  const ObBlobLocation *x = &((const ObWantedBlob *) a)->location;
  const ObBlobLocation *y = &((const ObWantedBlob *) b)->location;
  int order = memcmp (&x->pack, &y->pack, sizeof (ObId));

  if (order != 0)
    return order;
  return x->offset < y->offset ? -1 : x->offset > y->offset;
}

guint
ob_blob_run_measure (const ObWantedBlob *wanted, guint n, gsize max_length, gsize *length)
{
  const ObBlobLocation *first = &wanted[0].location;
  guint64 end = (guint64) first->offset + first->length;
  guint i;

  for (i = 1; i < n; i++)
    {
      const ObBlobLocation *next = &wanted[i].location;
      guint64 next_end = (guint64) next->offset + next->length;

      if (next->offset < end || next->offset > end + MAX_GAP
          || next_end - first->offset > max_length || !ob_id_equal (&next->pack, &first->pack))
        break;
      end = next_end;
    }
  *length = end - first->offset;
  return i;
}

/* A blob that the run could not give, from wherever it is. NULL on error. */
static const guint8 *
load_alone (ObBlobReader *reader, const ObWantedBlob *wanted, gsize *loaded,
            GCancellable *cancellable, GError **error)
{
  gsize size;
  const guint8 *data
    = ob_blob_reader_load (reader, OB_BLOB_DATA, &wanted->id, &size, cancellable, error);

  if (data == NULL)
    return NULL;
  /* Where it goes was worked out from the size that it has in the index. */
  if (size != ob_blob_location_get_plain_size (&wanted->location))
    {
      char hex[OB_ID_HEX_SIZE];

      ob_id_to_hex (&wanted->id, hex);
      g_set_error (error, OB_ERROR, OB_ERROR_CORRUPT,
                   "Blob %s has %" G_GSIZE_FORMAT " bytes, not the %" G_GSIZE_FORMAT
                   " that an index of the repository gives it (restic repair index)",
                   hex, size, ob_blob_location_get_plain_size (&wanted->location));
      return NULL;
    }
  *loaded = size;
  return data;
}

/* TRUE also where the pack is damaged there or cannot be read, with FALSE in *@whole: the disk may
 * fail in a gap between the blobs, and blobs may be elsewhere, too. */
static gboolean
read_run (ObBlobReader *reader, const ObBlobLocation *first, guint8 *buffer, gsize length,
          gboolean *whole, GCancellable *cancellable, GError **error)
{
  g_autoptr (GError) failure = NULL;

  *whole = ob_blob_reader_read_range (reader, &first->pack, first->offset, buffer, length,
                                      cancellable, &failure);
  if (*whole || ob_blob_reader_is_damage (reader, failure, cancellable))
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&failure));
  return FALSE;
}

gboolean
ob_blob_run_read (ObBlobReader *reader, const ObWantedBlob *wanted, guint n, guint8 *buffer,
                  gsize length, ObBlobRunFunc func, gpointer user_data, GCancellable *cancellable,
                  GError **error)
{
  const ObBlobLocation *first = &wanted[0].location;
  gboolean whole;

  if (!read_run (reader, first, buffer, length, &whole, cancellable, error))
    return FALSE;
  for (guint i = 0; i < n; i++)
    {
      const ObBlobLocation *location = &wanted[i].location;
      const guint8 *data = NULL;
      gsize size;

      if (whole)
        data = ob_blob_reader_open (reader, &wanted[i].id, location,
                                    buffer + (location->offset - first->offset), &size, NULL);
      if (data == NULL)
        data = load_alone (reader, &wanted[i], &size, cancellable, error);
      if (data == NULL || !func (i, data, size, user_data, error))
        return FALSE;
    }
  return TRUE;
}

gboolean
ob_blob_run_read_all (ObBlobReader *reader, const ObWantedBlob *wanted, guint n, guint8 *buffer,
                      gsize length, guint8 *plain, GCancellable *cancellable, GError **error)
{
  const ObBlobLocation *first = &wanted[0].location;
  gboolean whole;

  if (!read_run (reader, first, buffer, length, &whole, cancellable, error))
    return FALSE;
  for (guint i = 0; i < n; i++)
    {
      const ObBlobLocation *location = &wanted[i].location;
      gsize size = ob_blob_location_get_plain_size (location);

      if (!whole
          || !ob_blob_reader_open_to (reader, &wanted[i].id, location,
                                      buffer + (location->offset - first->offset), plain, NULL))
        {
          const guint8 *data = load_alone (reader, &wanted[i], &size, cancellable, error);

          if (data == NULL)
            return FALSE;
          memcpy (plain, data, size);
        }
      plain += size;
    }
  return TRUE;
}
