/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The packs: those of the index beside those of the store. */
#include <string.h>

#include "ob-error.h"
#include "ob-pack.h"
#include "ob-verify-private.h"

#define DIRECTORY "data/"

/* internal methods */

/* Calls @function with each place of the packs that are numbered. */
static void
foreach_place (ObVerify *self, void (*function) (ObVerify *, guint32 pack, guint32 place))
{
  for (guint type = 0; type < 2; type++)
    for (guint32 i = 0; i < self->n_places[type]; i++)
      {
        ObIndexPlace place;

        if (ob_index_get_place (self->index, type, i, &place) && place.pack < self->n_packs)
          function (self, place.pack, type == OB_BLOB_TREE ? i | OB_VERIFY_TREE_PLACE : i);
      }
}

static void
count_place (ObVerify *self, guint32 pack, guint32 place)
{
  self->first_place[pack + 1]++;
}

/* first_place[pack] is for the time being where the next one goes. Where another job has renewed the
 * index since they were counted, the numbers are those of others: what has no room is left out, and
 * the verification begins anew in the end. */
static void
put_place (ObVerify *self, guint32 pack, guint32 place)
{
  if (self->first_place[pack] < self->first_place[pack + 1])
    self->places[self->first_place[pack]++] = place;
}

static gboolean
add_pack (const char *name, guint64 size, gpointer user_data)
{
  ObVerify *self = user_data;
  ObUnusedPack unused = { .size = size };
  guint32 number;

  /* What has another name is none of the repository's. */
  if (!ob_pack_parse_name (name, &unused.id))
    return TRUE;
  if (!ob_index_find_pack (self->index, &unused.id, &number))
    {
      g_array_append_val (self->unused, unused);
      self->report.unused_bytes += size;
    }
  else if (number < self->n_packs)
    self->stored[number] = size;
  return TRUE;
}

static void
set_all_bad (ObVerify *self, guint32 pack)
{
  for (guint32 i = self->first_place[pack]; i < self->first_place[pack + 1]; i++)
    {
      guint32 place = self->places[i];

      ob_bitmap_set (self->bad_places[place & OB_VERIFY_TREE_PLACE ? OB_BLOB_TREE : OB_BLOB_DATA],
                     place & ~OB_VERIFY_TREE_PLACE);
    }
}

static gboolean
has_bad_place (ObVerify *self, guint32 pack)
{
  for (guint32 i = self->first_place[pack]; i < self->first_place[pack + 1]; i++)
    {
      guint32 place = self->places[i];

      if (ob_bitmap_test (self->bad_places[place & OB_VERIFY_TREE_PLACE ? OB_BLOB_TREE
                                                                        : OB_BLOB_DATA],
                          place & ~OB_VERIFY_TREE_PLACE))
        return TRUE;
    }
  return FALSE;
}

static gboolean
compare_pack (ObVerify *self, guint32 pack, GError **error)
{
  g_autofree char *name = NULL;
  guint64 expected;
  ObId id;

  self->report.packs++;
  if (!ob_index_get_pack (self->index, pack, &id, &expected) || self->stored[pack] == expected)
    return TRUE;

  name = ob_pack_get_name (&id);
  if (self->strict)
    {
      g_set_error (error, OB_ERROR, OB_ERROR_CORRUPT,
                   OB_VERIFY_STRICT_ADVICE
                   "Pack %s, which was just read or written, is not in the list of the destination "
                   "as it should be",
                   name + strlen (DIRECTORY "00/"));
      return FALSE;
    }
  ob_bitmap_set (self->bad_packs, pack);
  if (self->stored[pack] == OB_VERIFY_NOT_THERE)
    {
      set_all_bad (self, pack);
      ob_verify_add_problem (self, OB_VERIFY_PACK_MISSING, name,
                             "Pack %s is missing from the destination: what it held is lost",
                             name + strlen (DIRECTORY "00/"));
      return TRUE;
    }
  /* Only reading it tells what is left. */
  ob_bitmap_set (self->must_read, pack);
  ob_verify_add_problem (self, OB_VERIFY_PACK_SIZE, name,
                         "Pack %s has %" G_GUINT64_FORMAT " bytes and should have "
                         "%" G_GUINT64_FORMAT,
                         name + strlen (DIRECTORY "00/"), self->stored[pack], expected);
  return TRUE;
}

/* For the parts */

void
ob_verify_count_places (ObVerify *self)
{
  self->first_place = g_new0 (guint32, (gsize) self->n_packs + 1);
  foreach_place (self, count_place);
  for (guint32 i = 0; i < self->n_packs; i++)
    self->first_place[i + 1] += self->first_place[i];
  self->places = g_new0 (guint32, (gsize) self->first_place[self->n_packs] + 1);
}

void
ob_verify_put_places (ObVerify *self)
{
  foreach_place (self, put_place);
  /* Each has moved to where the next one began. */
  memmove (self->first_place + 1, self->first_place, self->n_packs * sizeof *self->first_place);
  self->first_place[0] = 0;
}

gboolean
ob_verify_list_packs (ObVerify *self, GError **error)
{
  self->stored = g_new (guint64, (gsize) self->n_packs + 1);
  for (guint32 i = 0; i < self->n_packs; i++)
    self->stored[i] = OB_VERIFY_NOT_THERE;
  ob_verify_count_places (self);
  ob_verify_put_places (self);
  if (!ob_store_list (ob_repository_get_store (self->repository), "data", add_pack, self,
                      self->cancellable, error))
    return FALSE;
  self->report.unused_packs = self->unused->len;
  return ob_check_cancelled (self->cancellable, error);
}

gboolean
ob_verify_compare_packs (ObVerify *self, GError **error)
{
  for (guint32 i = 0; i < self->n_packs; i++)
    if (ob_verify_is_selected (self, i) && !compare_pack (self, i, error))
      return FALSE;
  return TRUE;
}

void
ob_verify_list_damaged (ObVerify *self)
{
  for (guint32 pack = 0; pack < self->n_packs; pack++)
    {
      guint64 expected;
      ObId id;

      if (has_bad_place (self, pack) && ob_index_get_pack (self->index, pack, &id, &expected)
          && self->stored[pack] == expected)
        g_array_append_val (self->report.damaged_packs, id);
    }
}

static GArray *
get_entries (ObVerify *self, guint32 pack, gboolean sound_only)
{
  guint32 first = self->first_place[pack];
  guint32 end = self->first_place[pack + 1];
  GArray *listed = g_array_sized_new (FALSE, FALSE, sizeof (ObPackEntry), end - first);

  for (guint32 i = first; i < end; i++)
    {
      ObBlobType type = self->places[i] & OB_VERIFY_TREE_PLACE ? OB_BLOB_TREE : OB_BLOB_DATA;
      guint32 number = self->places[i] & ~OB_VERIFY_TREE_PLACE;
      ObIndexPlace place;

      if (!(sound_only && ob_bitmap_test (self->bad_places[type], number))
          && ob_index_get_place (self->index, type, number, &place))
        {
          ObPackEntry entry = { .type = type,
                                .id = place.id,
                                .offset = place.offset,
                                .length = place.length,
                                .plain_length = place.plain_length };

          g_array_append_val (listed, entry);
        }
    }
  g_array_sort (listed, ob_pack_entry_compare);
  return listed;
}

GArray *
ob_verify_get_listed (ObVerify *self, guint32 pack)
{
  return get_entries (self, pack, FALSE);
}

GArray *
ob_verify_get_sound (ObVerify *self, guint32 pack)
{
  return get_entries (self, pack, TRUE);
}

gboolean
ob_verify_is_selected (ObVerify *self, guint32 pack)
{
  return self->selected == NULL || ob_bitmap_test (self->selected, pack);
}
