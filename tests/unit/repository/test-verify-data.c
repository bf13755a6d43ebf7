/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading packs: which, how much memory it takes, and how it ends early. */
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "ob-error.h"
#include "ob-pack.h"
#include "verify-fixture.h"

#define MIB (1024 * 1024)
#define N_PACKS 60

/* Packs of one blob of @size bytes each, which no snapshot needs. */
static void
make_packs (Pipeline *pipeline, guint n, gsize size)
{
  for (guint i = 0; i < n; i++)
    {
      g_autofree guint8 *bytes = make_random (size, i + 1);

      g_array_unref (pipeline_store (pipeline, bytes, size));
    }
}

static const ObVerifyReport *
run_sample (Pipeline *pipeline, gdouble share, guint64 seed, ObVerify **verify)
{
  ObVerifyOptions options = { .share = share, .seed = seed, .n_threads = 3 };
  g_autoptr (GError) error = NULL;

  *verify = ob_verify_new (pipeline->core.repository, &options, NULL);
  ob_verify_run (*verify, NULL, &error);
  g_assert_no_error (error);
  return ob_verify_get_report (*verify);
}

static void
test_sample (Pipeline *pipeline, gconstpointer data)
{
  static const struct
  {
    gdouble share;
    guint packs;
  } cases[] = { { 0, 0 }, { 0.0001, 1 }, { 0.05, 3 }, { 0.5, 30 }, { 0.999, 60 }, { 1, 60 } };

  make_packs (pipeline, N_PACKS, 1000);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (ObVerify) verify = NULL;
      const ObVerifyReport *report = run_sample (pipeline, cases[i].share, 1, &verify);

      g_assert_cmpuint (report->packs_read, ==, cases[i].packs);
      g_assert_cmpuint (report->n_problems, ==, 0);
      g_assert_cmpuint (report->packs, ==, N_PACKS);
    }
}

/* One of 60 packs is damaged: a tenth of them finds it about once in ten times, and the same seed
 * always finds the same. */
static void
test_seed (Pipeline *pipeline, gconstpointer data)
{
  guint found = 0;
  ObId pack;
  guint64 size;

  make_packs (pipeline, N_PACKS, 1000);
  g_assert_true (
    ob_index_get_pack (ob_repository_get_index (pipeline->core.repository), 17, &pack, &size));
  verify_flip (pipeline, &pack, 100);
  for (guint64 seed = 0; seed < 100; seed++)
    {
      g_autoptr (ObVerify) first = NULL;
      g_autoptr (ObVerify) second = NULL;
      guint64 n = run_sample (pipeline, 0.1, seed, &first)->n_problems;

      g_assert_cmpuint (run_sample (pipeline, 0.1, seed, &second)->n_problems, ==, n);
      found += n > 0;
    }
  g_assert_cmpuint (found, >, 2);
  g_assert_cmpuint (found, <, 25);
}

static void *
cancel_when_begun (void *data)
{
  Pipeline *pipeline = data;

  while (ob_progress_get_done (pipeline->progress) == 0)
    g_usleep (100);
  g_cancellable_cancel (g_object_get_data (G_OBJECT (pipeline->core.store), "cancellable"));
  return NULL;
}

static void
test_cancel (Pipeline *pipeline, gconstpointer data)
{
  ObVerifyOptions options = { .share = 1, .n_threads = 2 };
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (ObVerify) verify = NULL;
  g_autoptr (GError) error = NULL;
  pthread_t thread;

  make_packs (pipeline, 4, 20 * MIB);
  g_object_set_data (G_OBJECT (pipeline->core.store), "cancellable", cancellable);
  g_assert_cmpint (pthread_create (&thread, NULL, cancel_when_begun, pipeline), ==, 0);
  verify = ob_verify_new (pipeline->core.repository, &options, pipeline->progress);
  g_assert_false (ob_verify_run (verify, cancellable, &error));
  g_assert_error (error, OB_ERROR, OB_ERROR_CANCELLED);
  pthread_join (thread, NULL);
  g_assert_cmpuint (ob_progress_get_done (pipeline->progress), <, 80 * MIB);
}

/* --- packs that others make --- */

typedef struct
{
  GByteArray *bytes;
  GArray *entries;
  ObCrypto *crypto;
} PackMaker;

/* @stored: what is sealed; @plain: what it uncompresses to, NULL where it is stored as it is. */
static void
add_blob (PackMaker *maker, ObBlobType type, const guint8 *stored, gsize size, const guint8 *plain,
          gsize plain_size)
{
  ObPackEntry entry = { .type = type,
                        .offset = maker->bytes->len,
                        .length = (guint32) (size + OB_CRYPTO_OVERHEAD),
                        .plain_length = plain != NULL ? (guint32) plain_size : 0 };

  ob_id_of (plain != NULL ? plain : stored, plain != NULL ? plain_size : size, &entry.id);
  g_byte_array_set_size (maker->bytes, maker->bytes->len + entry.length);
  ob_crypto_seal (maker->crypto, stored, size, maker->bytes->data + entry.offset);
  g_array_append_val (maker->entries, entry);
}

static void
put_pack (Pipeline *pipeline, PackMaker *maker, ObId *id)
{
  g_autoptr (GByteArray) header = ob_pack_build_header (maker->crypto, maker->entries);
  g_autofree char *name = NULL;
  g_autoptr (GError) error = NULL;

  g_byte_array_append (maker->bytes, header->data, header->len);
  ob_id_of (maker->bytes->data, maker->bytes->len, id);
  name = ob_pack_get_name (id);
  core_fixture_put (&pipeline->core, name, maker->bytes->data, maker->bytes->len);
  ob_repository_save_index (pipeline->core.repository, id, &maker->entries, 1, NULL, &error);
  g_assert_no_error (error);
}

static PackMaker
pack_maker_begin (Pipeline *pipeline)
{
  return (PackMaker){ .bytes = g_byte_array_new (),
                      .entries = g_array_new (FALSE, FALSE, sizeof (ObPackEntry)),
                      .crypto = ob_crypto_new (ob_repository_get_key (pipeline->core.repository)) };
}

static void
pack_maker_end (PackMaker *maker)
{
  g_byte_array_unref (maker->bytes);
  g_array_unref (maker->entries);
  ob_crypto_free (maker->crypto);
}

/* A frame of zstd: 0 for @size bytes uncompressed, in @room bytes. @whole: its window is as
 * large as itself, not 8 MiB. */
static gsize
compress_zeros (gsize size, gboolean whole, guint8 *out, gsize room)
{
  /* The size has 4 bytes. */
  const guint8 head[] = { 0x28, 0xb5, 0x2f, 0xfd, whole ? 0xa0 : 0x80, 13 << 3 };
  const gsize head_size = whole ? 5 : 6;
  guint32 size_le = GUINT32_TO_LE ((guint32) size);
  gsize n = head_size + sizeof size_le;

  memcpy (out, head, head_size);
  memcpy (out + head_size, &size_le, sizeof size_le);
  while (size > 0)
    {
      /* RLE blocks of at most 128 KiB */
      guint32 length = (guint32) MIN (size, 128 * 1024);
      guint32 block = length << 3 | 1 << 1 | (length == size ? 1 : 0);

      g_assert_cmpuint (n + 4, <=, room);
      out[n++] = (guint8) block;
      out[n++] = (guint8) (block >> 8);
      out[n++] = (guint8) (block >> 16);
      out[n++] = 0;
      size -= length;
    }
  return n;
}

/* Packs of 128 MiB, and blobs far above those that anybody's chunker makes: the memory is that of
 * the largest sealed blob, and not of all threads at once. */
static void
test_big (Pipeline *pipeline, gconstpointer data)
{
  g_autofree guint8 *bytes = make_random (8 * MIB, 1);
  g_autofree guint8 *frame = g_malloc (MIB);
  g_autofree guint8 *zeros = g_malloc0 (200 * MIB);
  ObId ids[2];

  if (!begin_memory_test ())
    return;
  for (guint p = 0; p < 2; p++)
    {
      PackMaker maker = pack_maker_begin (pipeline);

      for (guint i = 0; i < 15; i++)
        {
          bytes[0] = (guint8) (100 * p + i);
          add_blob (&maker, OB_BLOB_DATA, bytes, 8 * MIB, NULL, 0);
        }
      add_blob (&maker, OB_BLOB_TREE, frame, compress_zeros (200 * MIB - p, FALSE, frame, MIB),
                zeros, 200 * MIB - p);
      put_pack (pipeline, &maker, &ids[p]);
      pack_maker_end (&maker);
    }
  g_clear_pointer (&zeros, g_free);
  g_clear_pointer (&bytes, g_free);

  {
    gsize before;

    reset_peak_memory ();
    before = get_peak_memory ();
    verify_assert_sound (pipeline, 1);
    g_test_message ("%" G_GSIZE_FORMAT " MiB", (get_peak_memory () - before) / MIB);
    g_assert_cmpuint (get_peak_memory () - before, <, 60 * MIB);
  }
  verify_flip (pipeline, &ids[0], 100 * MIB);
  {
    g_autoptr (ObVerify) verify = verify_run (pipeline, 1);

    g_assert_cmpuint (verify_count (verify, OB_VERIFY_BLOB), ==, 1);
  }
}

/* Blobs above the common size, sealed and plain, that are not what they should be. */
static void
test_large_blobs (Pipeline *pipeline, gconstpointer data)
{
  g_autofree guint8 *frame = g_malloc (MIB);
  g_autofree guint8 *zeros = g_malloc0 (20 * MIB + 10);
  g_autofree guint8 *large = make_random (9 * MIB, 5);
  PackMaker maker = pack_maker_begin (pipeline);
  g_autoptr (ObVerify) verify = NULL;
  ObId id;

  add_blob (&maker, OB_BLOB_DATA, large, 9 * MIB, NULL, 0);
  for (guint whole = 0; whole < 2; whole++)
    {
      gsize size = compress_zeros (20 * MIB + 3 * whole, whole != 0, frame, MIB);
      gsize plain = 20 * MIB + 3 * whole;

      add_blob (&maker, OB_BLOB_DATA, frame, size, zeros, plain);
      /* It uncompresses to less, to more, and not at all. */
      add_blob (&maker, OB_BLOB_DATA, frame, size, zeros, plain + 1);
      add_blob (&maker, OB_BLOB_DATA, frame, size, zeros, plain - 1);
      add_blob (&maker, OB_BLOB_DATA, frame, size - 1, zeros, plain + 2);
      frame[0] ^= 1;
      add_blob (&maker, OB_BLOB_DATA, frame, size, zeros, plain - 5);
    }
  put_pack (pipeline, &maker, &id);
  pack_maker_end (&maker);
  verify = verify_run (pipeline, 1);
  g_assert_cmpuint (verify_count (verify, OB_VERIFY_BLOB), ==, 8);
  g_assert_cmpuint (verify_count (verify, OB_VERIFY_PACK_CONTENT), ==, 0);
}

/* Sealed as they should be, but they are not what their ids say, or do not uncompress: what a
 * writer with broken memory leaves. */
static void
test_wrong_ids (Pipeline *pipeline, gconstpointer data)
{
  g_autofree guint8 *frame = g_malloc (MIB);
  g_autofree guint8 *zeros = g_malloc0 (MIB + 1);
  gsize size = compress_zeros (MIB, FALSE, frame, MIB);
  PackMaker maker = pack_maker_begin (pipeline);
  g_autoptr (ObVerify) verify = NULL;
  ObId id;

  add_blob (&maker, OB_BLOB_DATA, (const guint8 *) "good", 4, NULL, 0);
  add_blob (&maker, OB_BLOB_DATA, frame, size, zeros, MIB);
  add_blob (&maker, OB_BLOB_DATA, (const guint8 *) "bad", 3, NULL, 0);
  g_array_index (maker.entries, ObPackEntry, 2).id.bytes[31] ^= 1;
  add_blob (&maker, OB_BLOB_DATA, frame, size, zeros, MIB);
  g_array_index (maker.entries, ObPackEntry, 3).id.bytes[0] ^= 1;
  add_blob (&maker, OB_BLOB_DATA, frame, size, zeros, MIB + 1);
  put_pack (pipeline, &maker, &id);
  pack_maker_end (&maker);
  verify = verify_run (pipeline, 1);
  g_assert_cmpuint (verify_count (verify, OB_VERIFY_BLOB), ==, 3);
  g_assert_cmpuint (ob_verify_get_report (verify)->n_problems, ==, 3);
}

/* The index lists something else than the pack holds. */
static void
test_other_index (Pipeline *pipeline, gconstpointer data)
{
  PackMaker maker = pack_maker_begin (pipeline);
  g_autoptr (ObVerify) verify = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GArray) lies = g_array_new (FALSE, FALSE, sizeof (ObPackEntry));
  g_autoptr (GByteArray) header = NULL;
  g_autofree char *name = NULL;
  ObPackEntry entry;
  ObId id;

  add_blob (&maker, OB_BLOB_DATA, (const guint8 *) "first", 5, NULL, 0);
  add_blob (&maker, OB_BLOB_DATA, (const guint8 *) "second", 6, NULL, 0);
  header = ob_pack_build_header (maker.crypto, maker.entries);
  g_byte_array_append (maker.bytes, header->data, header->len);
  ob_id_of (maker.bytes->data, maker.bytes->len, &id);
  name = ob_pack_get_name (&id);
  core_fixture_put (&pipeline->core, name, maker.bytes->data, maker.bytes->len);
  /* The second is said to lie across the first. */
  entry = g_array_index (maker.entries, ObPackEntry, 0);
  g_array_append_val (lies, entry);
  entry = g_array_index (maker.entries, ObPackEntry, 1);
  entry.offset = 3;
  g_array_append_val (lies, entry);
  ob_repository_save_index (pipeline->core.repository, &id, &lies, 1, NULL, &error);
  g_assert_no_error (error);

  verify = verify_run (pipeline, 1);
  g_assert_cmpuint (verify_count (verify, OB_VERIFY_PACK_HEADER), ==, 1);
  g_assert_cmpuint (verify_count (verify, OB_VERIFY_PACK_CONTENT), ==, 0);
  g_assert_cmpuint (ob_verify_get_report (verify)->n_problems, ==, 1);

  /* With the header damaged, too, only the index is left to go by. */
  verify_flip (pipeline, &id, -20);
  g_clear_pointer (&verify, ob_verify_free);
  verify = verify_run (pipeline, 1);
  g_assert_cmpuint (verify_count (verify, OB_VERIFY_BLOB), ==, 1);
  pack_maker_end (&maker);
}

#define ADD(name, function)                                                                        \
  g_test_add ("/verify-data/" name, Pipeline, NULL, pipeline_set_up, function, pipeline_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("sample", test_sample);
  ADD ("seed", test_seed);
  ADD ("cancel", test_cancel);
  ADD ("big", test_big);
  ADD ("large-blobs", test_large_blobs);
  ADD ("wrong-ids", test_wrong_ids);
  ADD ("other-index", test_other_index);
  return g_test_run ();
}
