/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whatever streams are written, however they are cut and however many threads write them at
 * once: read they are the same. Repeat a run with --seed. */
#include "ob-writer.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "ob-chunker.h"
#include "ob-io.h"
#include "pipeline-fixture.h"

#define N_RUNS (core_is_long () ? 200 : 8)
#define MAX_THREADS 5
#define MAX_SIZE (6 * 1024 * 1024)
#define PIECES 8 /* that streams share */

/* What one thread writes. */
typedef struct
{
  ObWriter *writer;
  GRand *rand;
  GByteArray *data;
  GArray *content;
} Stream;

static guint
below (GRand *rand, guint limit)
{
  return (guint) g_rand_int_range (rand, 0, (gint32) limit);
}

/* From 1 to @limit, but not above @most. */
static guint
pick (GRand *rand, guint limit, guint most)
{
  return 1 + below (rand, MIN (limit, most));
}

/* A stream of pieces: some that others have too, zeros, text, bytes that look like nothing. */
static GByteArray *
make_data (GRand *rand)
{
  GByteArray *data = g_byte_array_new ();
  guint size = below (rand, 4) == 0 ? below (rand, 64) : below (rand, MAX_SIZE);

  while (data->len < size)
    {
      guint n = pick (rand, MAX_SIZE / 4, size - data->len);
      guint kind = below (rand, 4);
      g_autofree guint8 *piece = kind == 0   ? g_malloc0 (n)
                                 : kind == 1 ? make_random (n, g_rand_int (rand))
                                             : make_random (n, below (rand, PIECES));

      if (kind == 3)
        for (guint i = 0; i < n; i++)
          piece[i] = "insert into c_order values "[piece[i] % 27];
      g_byte_array_append (data, piece, n);
    }
  return data;
}

typedef struct
{
  int fd;
  Stream *stream;
} Feed;

/* Into a pipe, in pieces of any size. */
static void *
run_feed (void *data)
{
  Feed *feed = data;
  const GByteArray *bytes = feed->stream->data;
  guint at = 0;

  while (at < bytes->len)
    {
      guint n = pick (feed->stream->rand, 200000, bytes->len - at);

      g_assert_true (ob_write_full (feed->fd, bytes->data + at, n));
      at += n;
    }
  close (feed->fd);
  return NULL;
}

static void
add_through_pipe (Stream *stream, ObChunkSize chunks)
{
  g_autoptr (GError) error = NULL;
  guint64 size = 0;
  pthread_t thread;
  int ends[2];
  Feed feed;

  g_assert_cmpint (pipe (ends), ==, 0);
  feed = (Feed){ .fd = ends[1], .stream = stream };
  g_assert_cmpint (pthread_create (&thread, NULL, run_feed, &feed), ==, 0);
  ob_writer_add_stream (stream->writer, ends[0], chunks, NULL, &stream->content, &size, NULL,
                        &error);
  g_assert_no_error (error);
  g_assert_cmpuint (size, ==, stream->data->len);
  pthread_join (thread, NULL);
  close (ends[0]);
}

/* Cut at any places: another writer of the format has other chunks than we have. */
static void
add_cut (Stream *stream)
{
  guint limit = below (stream->rand, 2) == 0 ? OB_CHUNKER_MAXIMUM : 50000;
  guint at = 0;

  stream->content = g_array_new (FALSE, FALSE, sizeof (ObId));
  while (at < stream->data->len)
    {
      guint n = pick (stream->rand, limit, stream->data->len - at);
      ObId id;

      ob_id_of (stream->data->data + at, n, &id);
      pipeline_add_blob (stream->writer, OB_BLOB_DATA, &id, stream->data->data + at, n);
      g_array_append_val (stream->content, id);
      at += n;
    }
}

static void *
run_stream (void *data)
{
  Stream *stream = data;
  g_autoptr (GError) error = NULL;

  switch (below (stream->rand, 4))
    {
    case 0:
      ob_writer_add_bytes (stream->writer, stream->data->data, stream->data->len,
                           &stream->content, &error);
      g_assert_no_error (error);
      break;
    case 1:
      add_through_pipe (stream, OB_CHUNKS_FILE);
      break;
    case 2:
      add_through_pipe (stream, OB_CHUNKS_STREAM);
      break;
    default:
      add_cut (stream);
      break;
    }
  return NULL;
}

static void
check (Pipeline *pipeline, const Stream *stream)
{
  struct timespec when = { 0 };
  g_autoptr (ObNode) node = ob_node_new_file ("f", stream->data->len, stream->content, &when);
  g_autoptr (GBytes) back = pipeline_read (pipeline, node);

  g_assert_cmpuint (g_bytes_get_size (back), ==, stream->data->len);
  g_assert_true (stream->data->len == 0
                 || memcmp (g_bytes_get_data (back, NULL), stream->data->data, stream->data->len)
                      == 0);
}

static void
try_streams (Pipeline *pipeline, GRand *rand)
{
  g_autoptr (ObWriter) writer
    = ob_writer_new (pipeline->core.repository, 1 + below (rand, 4), NULL);
  guint n = 1 + below (rand, MAX_THREADS);
  Stream streams[MAX_THREADS];
  pthread_t threads[MAX_THREADS];
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < n; i++)
    streams[i] = (Stream){ .writer = writer,
                           .rand = g_rand_new_with_seed (g_rand_int (rand)),
                           .data = make_data (rand) };
  for (guint i = 0; i < n; i++)
    g_assert_cmpint (pthread_create (&threads[i], NULL, run_stream, &streams[i]), ==, 0);
  for (guint i = 0; i < n; i++)
    pthread_join (threads[i], NULL);
  ob_writer_finish (writer, &error);
  g_assert_no_error (error);

  if (below (rand, 2) == 0)
    pipeline_reopen (pipeline);
  for (guint i = 0; i < n; i++)
    {
      check (pipeline, &streams[i]);
      g_rand_free (streams[i].rand);
      g_byte_array_unref (streams[i].data);
      g_array_unref (streams[i].content);
    }
}

/* All into one repository: what is stored already is known to the later ones. */
static void
test_streams (Pipeline *pipeline, gconstpointer unused)
{
  for (gint i = 0; i < N_RUNS; i++)
    {
      guint32 seed = (guint32) g_test_rand_int ();
      GRand *rand = g_rand_new_with_seed (seed);

      g_test_message ("run %d of seed %u", i, seed);
      try_streams (pipeline, rand);
      g_rand_free (rand);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/random/streams", Pipeline, NULL, pipeline_set_up, test_streams,
              pipeline_tear_down);
  return g_test_run ();
}
