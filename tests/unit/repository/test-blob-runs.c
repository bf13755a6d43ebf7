/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-blob-runs.h"

#include <string.h>

#include "ob-error.h"
#include "pipeline-fixture.h"

#define KIB 1024
#define MIB (1024 * 1024)
#define GAP (32 * KIB)
#define SIZE (12 * MIB)

static ObWantedBlob
make_wanted (char pack, guint32 offset, guint32 length)
{
  ObWantedBlob wanted = { .location = { .offset = offset, .length = length } };

  ob_id_of (&pack, 1, &wanted.location.pack);
  return wanted;
}

static void
test_measure (void)
{
  static const struct
  {
    ObBlobLocation second; /* the first: 1000 bytes at 5000 */
    char pack;
    gsize max_length;
    guint n;
    gsize length;
  } cases[] = {
    { { .offset = 6000, .length = 70 }, 'a', MIB, 2, 1070 },
    { { .offset = 6000 + GAP, .length = 70 }, 'a', MIB, 2, 1070 + GAP },
    { { .offset = 6001 + GAP, .length = 70 }, 'a', MIB, 1, 1000 },
    { { .offset = 6000, .length = 70 }, 'b', MIB, 1, 1000 },
    { { .offset = 6000, .length = 70 }, 'a', 1070, 2, 1070 },
    { { .offset = 6000, .length = 71 }, 'a', 1070, 1, 1000 },
    { { .offset = 6000, .length = 70 }, 'a', 10, 1, 1000 },
    /* behind the first one only: neither before it, nor within it, nor the same again */
    { { .offset = 4000, .length = 70 }, 'a', MIB, 1, 1000 },
    { { .offset = 5999, .length = 70 }, 'a', MIB, 1, 1000 },
    { { .offset = 5000, .length = 1000 }, 'a', MIB, 1, 1000 },
    { { .offset = 6000, .length = G_MAXUINT32 }, 'a', MIB, 1, 1000 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      ObWantedBlob wanted[] = {
        make_wanted ('a', 5000, 1000),
        make_wanted (cases[i].pack, cases[i].second.offset, cases[i].second.length),
      };
      gsize length;

      g_assert_cmpuint (ob_blob_run_measure (wanted, 2, cases[i].max_length, &length), ==,
                        cases[i].n);
      g_assert_cmpuint (length, ==, cases[i].length);
      g_assert_cmpuint (ob_blob_run_measure (wanted, 1, cases[i].max_length, &length), ==, 1);
      g_assert_cmpuint (length, ==, 1000);
    }
}

/* At the end of what an offset can say. */
static void
test_measure_far (void)
{
  ObWantedBlob wanted[] = {
    make_wanted ('a', G_MAXUINT32 - 1000, 1000),
    make_wanted ('a', G_MAXUINT32, 2000),
    make_wanted ('a', 999, 1),
  };
  gsize length;

  g_assert_cmpuint (ob_blob_run_measure (wanted, 3, MIB, &length), ==, 2);
  g_assert_cmpuint (length, ==, 3000);
}

static int
compare_offsets (gconstpointer a, gconstpointer b)
{
  guint32 x = ((const ObWantedBlob *) a)->location.offset;
  guint32 y = ((const ObWantedBlob *) b)->location.offset;

  return x < y ? -1 : x > y;
}

/* Random bytes, of which the second half can be compressed. */
static guint8 *
make_data (void)
{
  guint8 *data = make_random (SIZE, 1);

  for (gsize i = SIZE / 2; i < SIZE; i++)
    data[i] = (guint8) "0123456789ABCDEF"[data[i] % 16];
  return data;
}

/* Stored blobs of SIZE bytes (of ObWantedBlob), in the order of one pack. */
static GArray *
store_blobs (Pipeline *pipeline)
{
  g_autofree guint8 *data = make_data ();
  g_autoptr (GArray) content = pipeline_store (pipeline, data, SIZE);
  ObIndex *index = ob_repository_get_index (pipeline->core.repository);
  GArray *all = g_array_new (FALSE, TRUE, sizeof (ObWantedBlob));

  for (guint i = 0; i < content->len; i++)
    {
      ObWantedBlob wanted = { .id = g_array_index (content, ObId, i) };

      g_assert_true (ob_index_lookup (index, OB_BLOB_DATA, &wanted.id, &wanted.location));
      g_array_append_val (all, wanted);
    }
  g_array_sort (all, compare_offsets);
  g_assert_cmpuint (all->len, >=, 4);
  return all;
}

typedef struct
{
  const ObWantedBlob *wanted;
  guint n;   /* seen so far */
  guint end; /* at which the callback gives up */
  gsize bytes;
} Seen;

static gboolean
see (guint number, const guint8 *data, gsize size, gpointer user_data, GError **error)
{
  Seen *seen = user_data;
  ObId id;

  g_assert_cmpuint (number, ==, seen->n);
  ob_id_of (data, size, &id);
  g_assert_true (ob_id_equal (&id, &seen->wanted[number].id));
  seen->bytes += size;
  if (++seen->n < seen->end)
    return TRUE;
  g_set_error_literal (error, OB_ERROR, OB_ERROR_NO_SPACE, "full");
  return FALSE;
}

/* All blobs as one run. */
static gboolean
read_run (Pipeline *pipeline, GArray *all, Seen *seen, GCancellable *cancellable, GError **error)
{
  g_autoptr (ObBlobReader) reader = ob_blob_reader_new (pipeline->core.repository);
  const ObWantedBlob *wanted = (const ObWantedBlob *) (gpointer) all->data;
  g_autofree guint8 *buffer = NULL;
  gsize length;

  seen->wanted = wanted;
  g_assert_cmpuint (ob_blob_run_measure (wanted, all->len, 64 * MIB, &length), ==, all->len);
  buffer = g_malloc (length);
  return ob_blob_run_read (reader, wanted, all->len, buffer, length, see, seen, cancellable, error);
}

/* The same, one behind the other. */
static gboolean
read_all (Pipeline *pipeline, GArray *all, GCancellable *cancellable, GError **error)
{
  g_autoptr (ObBlobReader) reader = ob_blob_reader_new (pipeline->core.repository);
  const ObWantedBlob *wanted = (const ObWantedBlob *) (gpointer) all->data;
  g_autofree guint8 *plain = g_malloc (SIZE);
  g_autofree guint8 *buffer = NULL;
  const guint8 *at = plain;
  gsize length;

  g_assert_cmpuint (ob_blob_run_measure (wanted, all->len, 64 * MIB, &length), ==, all->len);
  buffer = g_malloc (length);
  if (!ob_blob_run_read_all (reader, wanted, all->len, buffer, length, plain, cancellable, error))
    return FALSE;
  for (guint i = 0; i < all->len; i++)
    {
      gsize size = ob_blob_location_get_plain_size (&wanted[i].location);
      ObId id;

      ob_id_of (at, size, &id);
      g_assert_true (ob_id_equal (&id, &wanted[i].id));
      at += size;
    }
  g_assert_cmpuint ((gsize) (at - plain), ==, SIZE);
  return TRUE;
}

static void
assert_read_all (Pipeline *pipeline, GArray *all)
{
  g_autoptr (GError) error = NULL;
  gboolean ok = read_all (pipeline, all, NULL, &error);

  g_assert_no_error (error);
  g_assert_true (ok);
}

static void
test_read (Pipeline *pipeline, gconstpointer data)
{
  g_autoptr (GArray) all = store_blobs (pipeline);
  g_autoptr (GError) error = NULL;
  Seen seen = { .end = G_MAXUINT };

  g_assert_true (read_run (pipeline, all, &seen, NULL, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (seen.n, ==, all->len);
  g_assert_cmpuint (seen.bytes, ==, SIZE);
  assert_read_all (pipeline, all);
}

static void
test_callback_ends (Pipeline *pipeline, gconstpointer data)
{
  g_autoptr (GArray) all = store_blobs (pipeline);
  g_autoptr (GError) error = NULL;
  Seen seen = { .end = 2 };

  g_assert_false (read_run (pipeline, all, &seen, NULL, &error));
  g_assert_error (error, OB_ERROR, OB_ERROR_NO_SPACE);
  g_assert_cmpuint (seen.n, ==, 2);
}

static char *
get_pack_name (const ObWantedBlob *wanted)
{
  char hex[OB_ID_HEX_SIZE];

  ob_id_to_hex (&wanted->location.pack, hex);
  return g_strdup_printf ("data/%.2s/%s", hex, hex);
}

/* Changes one bit within the blob. */
static void
damage (Pipeline *pipeline, const ObWantedBlob *wanted)
{
  g_autofree char *name = get_pack_name (wanted);
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes = ob_store_get (pipeline->core.store, name, 64 * MIB, NULL, &error);
  g_autofree guint8 *copy = NULL;
  gsize size;

  g_assert_no_error (error);
  copy = g_memdup2 (g_bytes_get_data (bytes, &size), g_bytes_get_size (bytes));
  copy[wanted->location.offset + wanted->location.length / 2] ^= 4;
  core_fixture_put (&pipeline->core, name, copy, size);
}

/* Those before the damaged one come, nothing comes in its place, and the error tells of it. */
static void
test_damaged (Pipeline *pipeline, gconstpointer data)
{
  g_autoptr (GArray) all = store_blobs (pipeline);
  g_autoptr (GError) error = NULL;
  Seen seen = { .end = G_MAXUINT };
  char hex[OB_ID_HEX_SIZE];

  damage (pipeline, &g_array_index (all, ObWantedBlob, 2));
  ob_id_to_hex (&g_array_index (all, ObWantedBlob, 2).id, hex);
  g_assert_false (read_run (pipeline, all, &seen, NULL, &error));
  g_assert_error (error, OB_ERROR, OB_ERROR_CORRUPT);
  g_assert_nonnull (strstr (error->message, hex));
  g_assert_cmpuint (seen.n, ==, 2);
  g_clear_error (&error);
  g_assert_false (read_all (pipeline, all, NULL, &error));
  g_assert_error (error, OB_ERROR, OB_ERROR_CORRUPT);
  g_assert_nonnull (strstr (error->message, hex));
}

/* Somebody who did not know of the first copy stored a second one. */
static GArray *
store_twice (Pipeline *pipeline)
{
  g_autoptr (ObRepository) first = ob_repository_ref (pipeline->core.repository);
  g_autoptr (GArray) copies = NULL;
  g_autoptr (GError) error = NULL;
  GArray *all;

  pipeline_reopen (pipeline);
  copies = store_blobs (pipeline);
  ob_repository_unref (pipeline->core.repository);
  pipeline->core.repository = ob_repository_ref (first);
  all = store_blobs (pipeline);
  ob_repository_load_index (first, NULL, &error);
  g_assert_no_error (error);
  g_assert_false (ob_id_equal (&g_array_index (all, ObWantedBlob, 0).location.pack,
                               &g_array_index (copies, ObWantedBlob, 0).location.pack));
  return all;
}

static void
test_other_copy (Pipeline *pipeline, gconstpointer data)
{
  g_autoptr (GArray) all = store_twice (pipeline);
  g_autofree char *name = get_pack_name (&g_array_index (all, ObWantedBlob, 0));
  g_autoptr (GError) error = NULL;
  Seen of_damaged = { .end = G_MAXUINT };
  Seen of_missing = { .end = G_MAXUINT };

  damage (pipeline, &g_array_index (all, ObWantedBlob, 2));
  g_assert_true (read_run (pipeline, all, &of_damaged, NULL, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (of_damaged.bytes, ==, SIZE);
  assert_read_all (pipeline, all);

  core_fixture_remove (&pipeline->core, name);
  g_assert_true (read_run (pipeline, all, &of_missing, NULL, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (of_missing.bytes, ==, SIZE);
  assert_read_all (pipeline, all);
}

/* Where a blob goes was worked out from the size that it was said to have: it must not be larger.
 */
static void
test_wrong_size (Pipeline *pipeline, gconstpointer data)
{
  g_autoptr (GArray) all = store_blobs (pipeline);
  g_autoptr (GError) error = NULL;
  Seen seen = { .end = G_MAXUINT };

  g_array_index (all, ObWantedBlob, 1).location.length--;
  g_assert_false (read_run (pipeline, all, &seen, NULL, &error));
  g_assert_error (error, OB_ERROR, OB_ERROR_CORRUPT);
  g_assert_cmpuint (seen.n, ==, 1);
  g_clear_error (&error);
  g_assert_false (read_all (pipeline, all, NULL, &error));
  g_assert_error (error, OB_ERROR, OB_ERROR_CORRUPT);
}

/* What is no damage is not mended by reading elsewhere. */
static void
test_cancelled (Pipeline *pipeline, gconstpointer data)
{
  g_autoptr (GArray) all = store_twice (pipeline);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  Seen seen = { .end = G_MAXUINT };

  g_cancellable_cancel (cancellable);
  g_assert_false (read_run (pipeline, all, &seen, cancellable, &error));
  g_assert_error (error, OB_ERROR, OB_ERROR_CANCELLED);
  g_assert_cmpuint (seen.n, ==, 0);
  g_clear_error (&error);
  g_assert_false (read_all (pipeline, all, cancellable, &error));
  g_assert_error (error, OB_ERROR, OB_ERROR_CANCELLED);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/blob-runs/measure", test_measure);
  g_test_add_func ("/blob-runs/measure-far", test_measure_far);
#define ADD(name, func)                                                                            \
  g_test_add ("/blob-runs/" name, Pipeline, NULL, pipeline_set_up, func, pipeline_tear_down)
  ADD ("read", test_read);
  ADD ("callback-ends", test_callback_ends);
  ADD ("damaged", test_damaged);
  ADD ("other-copy", test_other_copy);
  ADD ("wrong-size", test_wrong_size);
  ADD ("cancelled", test_cancelled);
  return g_test_run ();
}
