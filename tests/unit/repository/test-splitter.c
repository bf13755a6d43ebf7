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
  ADD ("stream", test_stream);
  ADD ("stream-fails", test_stream_fails);
  ADD ("stream-cancelled", test_stream_cancelled);
  ADD ("holes", test_holes);
  ADD ("large-hole", test_large_hole);
  ADD ("reset", test_reset);
  ADD ("progress", test_progress);
  return g_test_run ();
}
