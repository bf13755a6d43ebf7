/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading packs: threads take one each, until all that were chosen have been read. */
#include <string.h>

#include "ob-error.h"
#include "ob-pack.h"
#include "ob-verify-private.h"

/* Blobs of one pack that are told of one by one. */
#define MAX_NAMED_BLOBS 20

typedef struct
{
  ObVerify *verify;
  GArray *packs; /* of guint32: to read, in the order they were written */
  ObFirstError *first_error;
  pthread_mutex_t large;

  pthread_mutex_t mutex; /* guards what follows */
  guint next;
} Reading;

/* internal methods: the choice */

/* splitmix64 (Steele, Lea, Flood, 2014): the same seed chooses the same packs anywhere. */
static guint64
next_random (guint64 *state)
{
  guint64 z = (*state += G_GUINT64_CONSTANT (0x9e3779b97f4a7c15));

  z = (z ^ (z >> 30)) * G_GUINT64_CONSTANT (0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * G_GUINT64_CONSTANT (0x94d049bb133111eb);
  return z ^ (z >> 31);
}

static void
shuffle (GArray *packs, guint64 seed)
{
  for (guint i = packs->len; i > 1; i--)
    {
      guint j = (guint) (next_random (&seed) % i);
      guint32 *items = (guint32 *) (gpointer) packs->data;
      guint32 item = items[i - 1];

      items[i - 1] = items[j];
      items[j] = item;
    }
}

static gint
compare_numbers (gconstpointer a, gconstpointer b)
{
  guint32 x = *(const guint32 *) a;
  guint32 y = *(const guint32 *) b;

  return x < y ? -1 : x > y;
}

/* Leaves as many of the packs, in any order, as have @share of all their bytes. */
static void
keep_share (ObVerify *self, GArray *packs)
{
  gdouble wanted = 0;
  guint64 bytes = 0;
  guint n = 0;

  for (guint i = 0; i < packs->len; i++)
    wanted += (gdouble) self->stored[g_array_index (packs, guint32, i)] * self->share;
  shuffle (packs, self->seed);
  while (n < packs->len && (gdouble) bytes < wanted)
    bytes += self->stored[g_array_index (packs, guint32, n++)];
  g_array_set_size (packs, n);
}

/* In the order of the index, which is the order they were written in. */
static GArray *
choose_packs (ObVerify *self)
{
  GArray *packs = g_array_new (FALSE, FALSE, sizeof (guint32));
  guint32 i;

  for (i = 0; i < self->n_packs; i++)
    if (ob_verify_is_selected (self, i) && self->stored[i] != OB_VERIFY_NOT_THERE
        && !ob_bitmap_test (self->must_read, i))
      g_array_append_val (packs, i);
  if (self->share < 1)
    keep_share (self, packs);
  for (i = 0; i < self->n_packs; i++)
    if (ob_bitmap_test (self->must_read, i))
      g_array_append_val (packs, i);
  g_array_sort (packs, compare_numbers);
  return packs;
}

/* internal methods: what was found */

static gboolean
are_same (GArray *header, GArray *listed)
{
  if (header->len != listed->len)
    return FALSE;
  for (guint i = 0; i < header->len; i++)
    if (!ob_pack_entry_equal (&g_array_index (header, ObPackEntry, i),
                              &g_array_index (listed, ObPackEntry, i)))
      return FALSE;
  return TRUE;
}

/* The places that the index has in the pack and that were not found good. */
static void
mark_bad_places (ObVerify *self, guint32 pack, GArray *good)
{
  pthread_mutex_lock (&self->mutex);
  for (guint32 i = self->first_place[pack]; i < self->first_place[pack + 1]; i++)
    {
      guint32 number = self->places[i] & ~OB_VERIFY_TREE_PLACE;
      ObPackEntry entry = { .type = self->places[i] & OB_VERIFY_TREE_PLACE ? OB_BLOB_TREE
                                                                           : OB_BLOB_DATA };
      ObIndexPlace place;

      if (!ob_index_get_place (self->index, entry.type, number, &place))
        continue;
      entry.id = place.id;
      entry.offset = place.offset;
      entry.length = place.length;
      entry.plain_length = place.plain_length;
      if (!ob_pack_entry_is_among (good, &entry))
        ob_bitmap_set (self->bad_places[entry.type], number);
    }
  pthread_mutex_unlock (&self->mutex);
}

static void
set_bad_pack (ObVerify *self, guint32 pack)
{
  pthread_mutex_lock (&self->mutex);
  ob_bitmap_set (self->bad_packs, pack);
  pthread_mutex_unlock (&self->mutex);
}

static void
tell_bad_blobs (ObVerify *self, const char *pack, GArray *bad)
{
  for (guint i = 0; i < bad->len && i < MAX_NAMED_BLOBS; i++)
    {
      const ObPackEntry *entry = &g_array_index (bad, ObPackEntry, i);
      char hex[OB_ID_HEX_SIZE];

      ob_id_to_hex (&entry->id, hex);
      ob_verify_add_problem (self, OB_VERIFY_BLOB, hex, "%s %s in pack %s is damaged",
                             entry->type == OB_BLOB_TREE ? "Tree" : "Blob", hex, pack);
    }
  if (bad->len > MAX_NAMED_BLOBS)
    ob_verify_add_problem (self, OB_VERIFY_BLOB, pack, "%u more blobs in pack %s are damaged",
                           bad->len - MAX_NAMED_BLOBS, pack);
}

static void
tell_findings (ObVerify *self, guint32 pack, const char *name, const ObPackFindings *findings,
               GArray *listed)
{
  const char *id = name + strlen ("data/00/");
  gboolean agrees = findings->header != NULL && are_same (findings->header, listed);

  /* A pack that is sound, but was had at a second try, is not to be replaced: nothing in it is to
   * be mended, and another reading can only be worse. */
  if (!findings->hash_is_right || !agrees || findings->bad->len > 0)
    {
      set_bad_pack (self, pack);
      mark_bad_places (self, pack, findings->good);
    }
  if (findings->unreadable > 0)
    ob_verify_add_problem (self, OB_VERIFY_PACK_READ, name,
                           "%" G_GUINT64_FORMAT " of the %" G_GUINT64_FORMAT
                           " bytes of pack %s cannot be read: %s",
                           findings->unreadable, findings->size, id, findings->read_problem);
  else if (findings->read_problem != NULL)
    ob_verify_add_problem (self, OB_VERIFY_PACK_READ, name,
                           "Pack %s could be read only at a second try: %s", id,
                           findings->read_problem);
  if (!findings->hash_is_right && findings->unreadable == 0)
    ob_verify_add_problem (self, OB_VERIFY_PACK_CONTENT, name,
                           "Pack %s is damaged: its bytes are not those that its name promises",
                           id);
  if (findings->header == NULL)
    ob_verify_add_problem (self, OB_VERIFY_PACK_HEADER, name, "Pack %s: %s", id,
                           findings->header_problem);
  else if (!agrees)
    ob_verify_add_problem (self, OB_VERIFY_PACK_HEADER, name,
                           "The index does not list what is in pack %s: %u blobs instead of %u, or "
                           "others",
                           id, listed->len, findings->header->len);
  tell_bad_blobs (self, id, findings->bad);
}

/* The store cannot give the pack's bytes: for now it is as if they were lost. */
static void
tell_unreadable (ObVerify *self, guint32 pack, const char *name, const GError *failure)
{
  g_autoptr (GArray) none = g_array_new (FALSE, FALSE, sizeof (ObPackEntry));

  set_bad_pack (self, pack);
  mark_bad_places (self, pack, none);
  ob_verify_add_problem (self, OB_VERIFY_PACK_READ, name, "Pack %s cannot be read: %s",
                         name + strlen ("data/00/"), failure->message);
}

/* internal methods: the threads */

static gboolean
read_pack (ObVerify *self, ObPackCheck *check, guint32 pack, GError **error)
{
  g_auto (ObPackFindings) findings = { 0 };
  g_autoptr (GArray) listed = ob_verify_get_listed (self, pack);
  g_autoptr (GError) failure = NULL;
  g_autofree char *name = NULL;
  guint64 expected;
  ObId id;

  if (!ob_index_get_pack (self->index, pack, &id, &expected))
    return TRUE;
  name = ob_pack_get_name (&id);
  if (ob_pack_check_run (check, &id, self->stored[pack], listed, &findings, self->cancellable,
                         &failure))
    tell_findings (self, pack, name, &findings, listed);
  else if (ob_verify_is_loss (self, &failure, error))
    tell_unreadable (self, pack, name, failure);
  else
    return FALSE;

  pthread_mutex_lock (&self->mutex);
  self->report.packs_read++;
  self->report.bytes_read += findings.size;
  pthread_mutex_unlock (&self->mutex);
  return TRUE;
}

static gboolean
take_pack (Reading *reading, guint32 *pack)
{
  gboolean found;

  pthread_mutex_lock (&reading->mutex);
  found = reading->next < reading->packs->len && !ob_first_error_is_set (reading->first_error);
  if (found)
    *pack = g_array_index (reading->packs, guint32, reading->next++);
  pthread_mutex_unlock (&reading->mutex);
  return found;
}

static void *
run_thread (void *data)
{
  Reading *reading = data;
  ObVerify *self = reading->verify;
  g_autoptr (ObPackCheck) check
    = ob_pack_check_new (self->repository, &reading->large, self->progress);
  GError *failure = NULL;
  guint32 pack;

  while (take_pack (reading, &pack))
    if (!ob_check_cancelled (self->cancellable, &failure)
        || !read_pack (self, check, pack, &failure))
      {
        ob_first_error_take (reading->first_error, failure);
        break;
      }
  return NULL;
}

static void
run_threads (Reading *reading, guint n)
{
  g_autofree pthread_t *threads = g_new (pthread_t, n);

  for (guint i = 0; i < n; i++)
    if (pthread_create (&threads[i], NULL, run_thread, reading) != 0)
      g_error ("No thread can be started");
  for (guint i = 0; i < n; i++)
    pthread_join (threads[i], NULL);
}

/* For the parts */

gboolean
ob_verify_read_packs (ObVerify *self, GError **error)
{
  g_autoptr (GArray) packs = choose_packs (self);
  g_autoptr (ObFirstError) first_error = ob_first_error_new ();
  Reading reading = { .verify = self, .packs = packs, .first_error = first_error };
  guint64 bytes = 0;

  for (guint i = 0; i < packs->len; i++)
    bytes += self->stored[g_array_index (packs, guint32, i)];
  ob_progress_add_total (self->progress, bytes);

  pthread_mutex_init (&reading.mutex, NULL);
  pthread_mutex_init (&reading.large, NULL);
  if (packs->len > 0)
    run_threads (&reading, MIN (self->n_threads, packs->len));
  pthread_mutex_destroy (&reading.large);
  pthread_mutex_destroy (&reading.mutex);
  return ob_first_error_check (first_error, error);
}
