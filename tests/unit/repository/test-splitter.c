/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-splitter.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "ob-chunker.h"
#include "ob-error.h"
#include "ob-io.h"
#include "pipeline-fixture.h"

#define MIB (1024 * 1024)
#define SIZE (9 * MIB + 77)

/* The ids of the chunks that the chunker makes of @data (of ObId). */
static GArray *
expect (Pipeline *pipeline, ObChunkSize chunks, const guint8 *data, gsize size)
{
  GArray *ids = g_array_new (FALSE, FALSE, sizeof (ObId));
  ObChunker chunker;
  ObId id;
  gsize used;

  ob_chunker_init (&chunker, ob_repository_get_chunker_seed (pipeline->core.repository), chunks);
  while (size > 0)
    {
      if (!ob_chunker_feed (&chunker, data, size, &used))
        used = size;
      ob_id_of (data, used, &id);
      g_array_append_val (ids, id);
      data += used;
      size -= used;
    }
  return ids;
}

/* The same of a database's stream of which @fine_bytes are cut finely; *@lengths gets those of the
 * chunks (of gsize, transfer full). */
static GArray *
expect_steps (Pipeline *pipeline, guint64 fine_bytes, const guint8 *data, gsize size,
              GArray **lengths)
{
  GArray *ids = g_array_new (FALSE, FALSE, sizeof (ObId));
  ObChunker chunker;
  gsize used;

  *lengths = g_array_new (FALSE, FALSE, sizeof (gsize));
  ob_chunker_init (&chunker, ob_repository_get_chunker_seed (pipeline->core.repository),
                   OB_CHUNKS_STREAM);
  for (gsize at = 0; at < size; at += used)
    {
      guint bits = OB_CHUNKER_LEAST_BITS;
      ObId id;

      for (guint64 step = fine_bytes; at >= step && bits < OB_CHUNKER_MOST_BITS; step *= 4)
        bits += 2;
      ob_chunker_set_normal (&chunker, bits);
      if (!ob_chunker_feed (&chunker, data + at, size - at, &used))
        used = size - at;
      ob_id_of (data + at, used, &id);
      g_array_append_val (ids, id);
      g_array_append_val (*lengths, used);
    }
  return ids;
}

static void
assert_equal_ids (const GArray *a, const GArray *b)
{
  g_assert_cmpmem (a->data, a->len * sizeof (ObId), b->data, b->len * sizeof (ObId));
}

/* Ends the stream. Transfer full. */
static GArray *
finish (ObSplitter *splitter, guint64 wanted_size)
{
  g_autoptr (GError) error = NULL;
  GArray *content = NULL;
  guint64 size;

  g_assert_true (ob_splitter_finish (splitter, &content, &size, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (size, ==, wanted_size);
  return content;
}

static void
add (ObSplitter *splitter, const guint8 *data, gsize size)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (ob_splitter_add_bytes (splitter, data, size, &error));
  g_assert_no_error (error);
}

/* Whatever the pieces, and one stream after another, chunks are those of the chunker. */
static void
test_bytes (Pipeline *pipeline, gconstpointer unused)
{
  static const gsize pieces[] = { SIZE, MIB, 70001 };
  g_autoptr (ObWriter) writer = ob_writer_new (pipeline->core.repository, 1, NULL);
  g_autofree guint8 *data = make_random (SIZE, 1);

  for (ObChunkSize chunks = OB_CHUNKS_FILE; chunks <= OB_CHUNKS_STREAM; chunks++)
    {
      g_autoptr (ObSplitter) splitter = ob_splitter_new (writer, chunks, pipeline->progress, NULL);
      g_autoptr (GArray) wanted = expect (pipeline, chunks, data, SIZE);

      for (gsize i = 0; i < G_N_ELEMENTS (pieces); i++)
        {
          g_autoptr (GArray) content = NULL;
          g_autoptr (GArray) empty = NULL;

          for (gsize at = 0; at < SIZE; at += pieces[i])
            add (splitter, data + at, MIN (pieces[i], SIZE - at));
          content = finish (splitter, SIZE);
          assert_equal_ids (content, wanted);
          empty = finish (splitter, 0);
          g_assert_cmpuint (empty->len, ==, 0);
        }
    }
  g_assert_cmpuint (ob_progress_get_done (pipeline->progress), ==, 6 * (guint64) SIZE);
}

static guint
count_new_ids (const GArray *ids, const GArray *before)
{
  g_autoptr (GHashTable) known = g_hash_table_new (ob_id_hash, ob_id_equal_func);
  guint n = 0;

  for (guint i = 0; i < before->len; i++)
    g_hash_table_add (known, &g_array_index (before, ObId, i));
  for (guint i = 0; i < ids->len; i++)
    n += g_hash_table_contains (known, &g_array_index (ids, ObId, i)) ? 0 : 1;
  return n;
}

/* The further a stream of a database goes, the larger its chunks are: a list of all chunks of
 * 8 KiB of a database of some 40 GB would be larger than a tree may be. */
static void
test_steps (Pipeline *pipeline, gconstpointer unused)
{
  static const gsize pieces[] = { SIZE, 70001 };
  const guint64 fine_bytes = 128 * 1024;
  g_autoptr (ObWriter) writer = ob_writer_new (pipeline->core.repository, 1, NULL);
  g_autoptr (ObSplitter) splitter = ob_splitter_new (writer, OB_CHUNKS_STREAM, NULL, NULL);
  g_autofree guint8 *data = make_random (SIZE, 3);
  g_autoptr (GArray) lengths = NULL;
  g_autoptr (GArray) wanted = expect_steps (pipeline, fine_bytes, data, SIZE, &lengths);
  g_autoptr (GArray) shifted = NULL;

  /* Some 16 of 8 KiB, 12 of 32 KiB, 12 of 128 KiB, 12 of 512 KiB, and 2 of 2 MiB. */
  g_assert_cmpuint (wanted->len, >, 16);
  g_assert_cmpuint (wanted->len, <, 80);
  g_assert_cmpuint (g_array_index (lengths, gsize, 0), <=, 64 * 1024);
  g_assert_cmpuint (g_array_index (lengths, gsize, lengths->len - 2), >=, 32 * 1024);
  ob_splitter_set_fine_bytes (splitter, fine_bytes);
  for (gsize i = 0; i < G_N_ELEMENTS (pieces); i++)
    {
      g_autoptr (GArray) content = NULL;

      for (gsize at = 0; at < SIZE; at += pieces[i])
        add (splitter, data + at, MIN (pieces[i], SIZE - at));
      content = finish (splitter, SIZE);
      assert_equal_ids (content, wanted);
    }
  /* What is new at its beginning changes what it is in, and what moves across a step. */
  add (splitter, (const guint8 *) "some new rows", 13);
  add (splitter, data, SIZE);
  shifted = finish (splitter, SIZE + 13);
  g_assert_cmpuint (count_new_ids (shifted, wanted), <, wanted->len / 3);
}

/* Those of files have one size, wherever they are in it. */
static void
test_steps_of_files (Pipeline *pipeline, gconstpointer unused)
{
  g_autoptr (ObWriter) writer = ob_writer_new (pipeline->core.repository, 1, NULL);
  g_autoptr (ObSplitter) splitter = ob_splitter_new (writer, OB_CHUNKS_FILE, NULL, NULL);
  g_autofree guint8 *data = make_random (SIZE, 4);
  g_autoptr (GArray) wanted = expect (pipeline, OB_CHUNKS_FILE, data, SIZE);
  g_autoptr (GArray) content = NULL;

  ob_splitter_set_fine_bytes (splitter, 1);
  add (splitter, data, SIZE);
  content = finish (splitter, SIZE);
  assert_equal_ids (content, wanted);
}

typedef struct
{
  int fd;
  const guint8 *data;
} Feed;

static void *
run_feed (void *user_data)
{
  Feed *feed = user_data;

  for (gsize at = 0; at < SIZE; at += 33333)
    g_assert_true (ob_write_full (feed->fd, feed->data + at, MIN (33333, SIZE - at)));
  close (feed->fd);
  return NULL;
}

static void
test_stream (Pipeline *pipeline, gconstpointer unused)
{
  g_autoptr (ObWriter) writer = ob_writer_new (pipeline->core.repository, 1, NULL);
  g_autoptr (ObSplitter) splitter = ob_splitter_new (writer, OB_CHUNKS_STREAM, NULL, NULL);
  g_autofree guint8 *data = make_random (SIZE, 2);
  g_autoptr (GArray) wanted = expect (pipeline, OB_CHUNKS_STREAM, data, SIZE);
  g_autoptr (GArray) content = NULL;
  g_autoptr (GError) error = NULL;
  pthread_t thread;
  int ends[2];
  Feed feed = { .data = data };

  g_assert_cmpint (pipe (ends), ==, 0);
  feed.fd = ends[1];
  g_assert_cmpint (pthread_create (&thread, NULL, run_feed, &feed), ==, 0);
  g_assert_true (ob_splitter_add_stream (splitter, ends[0], &error));
  g_assert_no_error (error);
  pthread_join (thread, NULL);
  close (ends[0]);
  content = finish (splitter, SIZE);
  assert_equal_ids (content, wanted);
}

/* A stream that ends in an error says so: it is not taken for a short one. */
static void
test_stream_fails (Pipeline *pipeline, gconstpointer unused)
{
  g_autoptr (ObWriter) writer = ob_writer_new (pipeline->core.repository, 1, NULL);
  g_autoptr (ObSplitter) splitter = ob_splitter_new (writer, OB_CHUNKS_STREAM, NULL, NULL);
  g_autoptr (GError) directory = NULL;
  g_autoptr (GError) closed = NULL;

  g_assert_false (ob_splitter_add_stream (splitter, pipeline->source_fd, &directory));
  g_assert_error (directory, OB_ERROR, OB_ERROR_FAILED);
  g_assert_false (ob_splitter_add_stream (splitter, 1000000, &closed));
  g_assert_error (closed, OB_ERROR, OB_ERROR_FAILED);
}

static void *
run_cancel (void *data)
{
  core_wait_until_asleep (getpid ());
  g_cancellable_cancel (data);
  return NULL;
}

/* Nothing comes and nobody closes: only the cancel ends it. */
static void
test_stream_cancelled (Pipeline *pipeline, gconstpointer unused)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (ObWriter) writer = ob_writer_new (pipeline->core.repository, 1, NULL);
  g_autoptr (ObSplitter) splitter = ob_splitter_new (writer, OB_CHUNKS_STREAM, NULL, cancellable);
  g_autoptr (GError) error = NULL;
  gint64 begin = g_get_monotonic_time ();
  pthread_t thread;
  int ends[2];

  g_assert_cmpint (pipe (ends), ==, 0);
  g_assert_cmpint (pthread_create (&thread, NULL, run_cancel, cancellable), ==, 0);
  g_assert_false (ob_splitter_add_stream (splitter, ends[0], &error));
  g_assert_error (error, OB_ERROR, OB_ERROR_CANCELLED);
  g_assert_cmpint (g_get_monotonic_time () - begin, <, 5 * G_TIME_SPAN_SECOND);
  pthread_join (thread, NULL);
  close (ends[0]);
  close (ends[1]);
}

/* Holes of all kinds among data come back as zeros of the same number. */
static void
test_holes (Pipeline *pipeline, gconstpointer unused)
{
  static const gsize holes[] = { 1, 4096, 4 * MIB - 1, 4 * MIB, 9 * MIB + 5, 0 };
  struct timespec when = { 0 };
  g_autoptr (ObWriter) writer = ob_writer_new (pipeline->core.repository, 1, NULL);
  g_autoptr (ObSplitter) splitter =
    ob_splitter_new (writer, OB_CHUNKS_FILE, pipeline->progress, NULL);
  g_autoptr (GByteArray) wanted = g_byte_array_new ();
  g_autofree guint8 *data = make_random (700 * 1000, 3);
  g_autofree guint8 *zeros = g_malloc0 (10 * MIB);
  g_autoptr (GArray) content = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (ObNode) node = NULL;
  g_autoptr (GBytes) back = NULL;

  for (gsize i = 0; i < G_N_ELEMENTS (holes); i++)
    {
      add (splitter, data + i, 600 * 1000);
      g_byte_array_append (wanted, data + i, 600 * 1000);
      g_assert_true (ob_splitter_add_zeros (splitter, holes[i], &error));
      g_byte_array_append (wanted, zeros, (guint) holes[i]);
    }
  content = finish (splitter, wanted->len);
  g_assert_cmpuint (ob_progress_get_done (pipeline->progress), ==, wanted->len);
  ob_writer_finish (writer, &error);
  g_assert_no_error (error);

  node = ob_node_new_file ("f", wanted->len, content, &when);
  back = pipeline_read (pipeline, node);
  g_assert_cmpmem (g_bytes_get_data (back, NULL), g_bytes_get_size (back), wanted->data,
                   wanted->len);
}

/* A hole of 256 GiB: one blob, stored once, in next to no time. */
static void
test_large_hole (Pipeline *pipeline, gconstpointer unused)
{
  const guint64 size = G_GUINT64_CONSTANT (256) * 1024 * MIB + 3;
  g_autoptr (ObWriter) writer = ob_writer_new (pipeline->core.repository, 1, NULL);
  g_autoptr (ObSplitter) splitter = ob_splitter_new (writer, OB_CHUNKS_FILE, NULL, NULL);
  g_autofree guint8 *zeros = g_malloc0 (4 * MIB);
  g_autoptr (GArray) content = NULL;
  g_autoptr (GError) error = NULL;
  ObWriterStats stats;
  ObId id;

  g_assert_true (ob_splitter_add_zeros (splitter, size, &error));
  content = finish (splitter, size);
  ob_writer_finish (writer, &error);
  g_assert_no_error (error);
  ob_id_of (zeros, 4 * MIB, &id);
  g_assert_cmpuint (content->len, ==, 64 * 1024 + 1);
  for (guint i = 0; i < 64 * 1024; i++)
    g_assert_true (ob_id_equal (&g_array_index (content, ObId, i), &id));
  ob_writer_get_stats (writer, &stats);
  g_assert_cmpuint (stats.new_blobs, ==, 2);
}

/* A stream that was given up leaves nothing in the next one. */
static void
test_reset (Pipeline *pipeline, gconstpointer unused)
{
  g_autoptr (ObWriter) writer = ob_writer_new (pipeline->core.repository, 1, NULL);
  g_autoptr (ObSplitter) splitter = ob_splitter_new (writer, OB_CHUNKS_FILE, NULL, NULL);
  g_autofree guint8 *data = make_random (SIZE, 4);
  g_autoptr (GArray) wanted = expect (pipeline, OB_CHUNKS_FILE, data, SIZE);
  static const gsize given_up[] = { 0, 1000, 5 * MIB };

  for (gsize i = 0; i < G_N_ELEMENTS (given_up); i++)
    {
      g_autoptr (GArray) content = NULL;

      add (splitter, data + 1, given_up[i]);
      ob_splitter_reset (splitter);
      add (splitter, data, SIZE);
      content = finish (splitter, SIZE);
      assert_equal_ids (content, wanted);
    }
}

static void
test_progress (Pipeline *pipeline, gconstpointer unused)
{
  g_autoptr (ObWriter) writer = ob_writer_new (pipeline->core.repository, 1, NULL);
  g_autoptr (ObSplitter) splitter =
    ob_splitter_new (writer, OB_CHUNKS_FILE, pipeline->progress, NULL);
  g_autoptr (ObProgress) other = ob_progress_new (NULL, NULL, NULL);
  g_autofree guint8 *data = make_random (1000, 5);

  add (splitter, data, 10);
  ob_splitter_set_progress (splitter, other);
  add (splitter, data, 200);
  ob_splitter_set_progress (splitter, NULL);
  add (splitter, data, 1000);
  g_assert_cmpuint (ob_progress_get_done (pipeline->progress), ==, 10);
  g_assert_cmpuint (ob_progress_get_done (other), ==, 200);
  g_array_unref (finish (splitter, 1210));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, func)                                                                            \
  g_test_add ("/splitter/" name, Pipeline, NULL, pipeline_set_up, func, pipeline_tear_down)
  ADD ("bytes", test_bytes);
  ADD ("steps", test_steps);
  ADD ("steps-of-files", test_steps_of_files);
  ADD ("stream", test_stream);
  ADD ("stream-fails", test_stream_fails);
  ADD ("stream-cancelled", test_stream_cancelled);
  ADD ("holes", test_holes);
  ADD ("large-hole", test_large_hole);
  ADD ("reset", test_reset);
  ADD ("progress", test_progress);
  return g_test_run ();
}
