/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-retag.h"

#include <string.h>

#include "ob-delete.h"
#include "ob-error.h"
#include "ob-json-reader.h"
#include "ob-snapshot-cache.h"

/* internal methods */

static void
append_member (GString *out, const char *name, gsize size)
{
  g_string_append (out, out->len > 1 ? ",\"" : "\"");
  g_string_append_len (out, name, (gssize) size);
  g_string_append (out, "\":");
}

static gboolean
copy_others (GString *out, const char *text, gsize size)
{
  ObJsonReader reader;
  ObJsonSlice name;

  ob_json_reader_init (&reader, text, size);
  ob_json_reader_begin_object (&reader);
  while (ob_json_reader_next_member (&reader, &name))
    {
      const char *start = reader.at;

      if (!ob_json_reader_skip (&reader) || ob_json_slice_is (&name, "tags")
          || ob_json_slice_is (&name, "original"))
        continue;
      append_member (out, name.data, name.size);
      g_string_append_len (out, start, reader.at - start);
    }
  return ob_json_reader_finish (&reader);
}

/* They come last: of a member that is there twice, under a name that is written in another way,
 * every program takes the last. */
static void
append_ours (GString *out, const ObId *original, const char *const *tags)
{
  char hex[OB_ID_HEX_SIZE];

  if (*tags != NULL)
    {
      append_member (out, "tags", strlen ("tags"));
      for (gsize i = 0; tags[i] != NULL; i++)
        {
          g_string_append_c (out, i == 0 ? '[' : ',');
          ob_json_append_string (out, tags[i]);
        }
      g_string_append_c (out, ']');
    }
  ob_id_to_hex (original, hex);
  append_member (out, "original", strlen ("original"));
  ob_json_append_string (out, hex);
}

/* A label is no reason to keep a backup longer than it would be; nor is it one to keep it less
 * long. */
static gboolean
lock_alike (ObStore *store, const ObId *id, gint64 until, GCancellable *cancellable,
            GError **error)
{
  char hex[OB_ID_HEX_SIZE];
  g_autofree char *name = NULL;
  gboolean changed;

  ob_id_to_hex (id, hex);
  name = g_strconcat ("snapshots/", hex, NULL);
  return until == 0 || ob_store_extend_lock (store, name, until, &changed, cancellable, error);
}

static gboolean
has_id (GArray *ids, const ObId *id)
{
  for (guint i = 0; i < ids->len; i++)
    if (ob_id_equal (&g_array_index (ids, ObId, i), id))
      return TRUE;
  return FALSE;
}

/* Whether @self refers to a backup of which a file goes. */
static gboolean
loses_original (const ObSnapshot *self, GPtrArray *snapshots, GArray *going)
{
  if (!self->is_apart || has_id (going, &self->id))
    return FALSE;
  for (guint i = 0; i < snapshots->len; i++)
    {
      const ObSnapshot *other = g_ptr_array_index (snapshots, i);

      if (has_id (going, &other->id)
          && (ob_id_equal (&self->original, &other->id)
              || ob_id_equal (&self->original, ob_snapshot_get_public_id (other))))
        return TRUE;
    }
  return FALSE;
}

/* public methods */

char *
ob_retag_text (const char *text, gsize size, const ObId *original, const char *const *tags,
               GError **error)
{
  g_autoptr (ObSnapshot) snapshot = ob_snapshot_from_json (text, size, error);
  g_autoptr (GString) out = NULL;

  if (snapshot == NULL)
    return NULL;
  out = g_string_new ("{");
  if (!copy_others (out, text, size))
    {
      g_set_error_literal (error, OB_ERROR, OB_ERROR_CORRUPT,
                           "The content of the snapshot file does not make sense");
      return NULL;
    }
  append_ours (out, original, tags);
  g_string_append_c (out, '}');
  if (out->len > OB_SNAPSHOT_MAX_SIZE)
    {
      g_set_error_literal (error, OB_ERROR, OB_ERROR_CORRUPT,
                           "The snapshot file is too large to hold more than it does");
      return NULL;
    }
  return g_string_free (g_steal_pointer (&out), FALSE);
}

gboolean
ob_retag_snapshot (ObRepository *repository, ObLock *lock, const ObSnapshot *snapshot,
                   const char *const *tags, ObId *id, GCancellable *cancellable, GError **error)
{
  ObStore *store = ob_repository_get_store (repository);
  char hex[OB_ID_HEX_SIZE];
  g_autofree char *name = NULL;
  g_autofree char *text = NULL;
  g_autoptr (GBytes) former = NULL;
  gint64 until;

  ob_id_to_hex (&snapshot->id, hex);
  name = g_strconcat ("snapshots/", hex, NULL);
  former = ob_repository_get_unpacked (repository, name, OB_SNAPSHOT_MAX_SIZE, cancellable, error);
  if (former == NULL)
    return FALSE;
  text = ob_retag_text (g_bytes_get_data (former, NULL), g_bytes_get_size (former),
                        ob_snapshot_get_public_id (snapshot), tags, error);
  if (text == NULL)
    {
      g_prefix_error (error, "%s: ", name);
      return FALSE;
    }
  return ob_repository_check_writable (repository, error)
         && ob_lock_confirm (lock, cancellable, error)
         && ob_store_get_lock (store, name, &until, cancellable, error)
         && ob_repository_put_unpacked_as (repository, "snapshots", text, strlen (text),
                                           OB_STORE_PUT_UNLOCKED, id, cancellable, error)
         && ob_store_flush (store, cancellable, error)
         && lock_alike (store, id, until, cancellable, error);
}

gboolean
ob_retag_apart (ObRepository *repository, ObLock *lock, GPtrArray *snapshots, GArray *going,
                GCancellable *cancellable, GError **error)
{
  static const char *const none[] = { NULL };
  g_autoptr (GArray) former = g_array_new (FALSE, FALSE, sizeof (ObId));
  guint n_removed;

  for (guint i = 0; i < snapshots->len; i++)
    {
      const ObSnapshot *snapshot = g_ptr_array_index (snapshots, i);
      const char *const *tags
        = snapshot->tags != NULL ? (const char *const *) snapshot->tags : none;
      ObId id;

      if (!loses_original (snapshot, snapshots, going))
        continue;
      if (!ob_retag_snapshot (repository, lock, snapshot, tags, &id, cancellable, error))
        return FALSE;
      g_array_append_val (former, snapshot->id);
    }
  return former->len == 0
         || ob_delete_replaced (repository, lock, former, &n_removed, cancellable, error);
}
