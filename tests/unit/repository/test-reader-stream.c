/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A file's bytes in order: piece by piece, and to a descriptor. */
#include "ob-reader.h"

#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "ob-error.h"
#include "ob-fd.h"
#include "pipeline-fixture.h"

#define MIB (1024 * 1024)

static void
test_write_file (Pipeline *pipeline, gconstpointer data)
{
  g_autofree guint8 *bytes = make_random (30 * MIB + 5, 3);
  g_autoptr (GArray) content = NULL;
  g_autoptr (ObNode) node = NULL;
  g_autoptr (GBytes) back = NULL;
  struct timespec when = { 0 };

  memset (bytes + 9 * MIB, 0, 10 * MIB);
  content = pipeline_store (pipeline, bytes, 30 * MIB + 5);
  node = ob_node_new_file ("f", 30 * MIB + 5, content, &when);
  back = pipeline_read (pipeline, node);
  g_assert_cmpuint (g_bytes_get_size (back), ==, 30 * MIB + 5);
  g_assert_true (memcmp (g_bytes_get_data (back, NULL), bytes, 30 * MIB + 5) == 0);
}

/* Stores a blob in a pack of its own. */
static void
store_blob (Pipeline *pipeline, GArray *content, const guint8 *bytes, gsize size)
{
  g_autoptr (ObWriter) writer = ob_writer_new (pipeline->core.repository, 1, NULL);
  g_autoptr (GError) error = NULL;
  ObId id;

  ob_id_of (bytes, size, &id);
  pipeline_add_blob (writer, OB_BLOB_DATA, &id, bytes, size);
  ob_writer_finish (writer, &error);
  g_assert_no_error (error);
  g_array_append_val (content, id);
}

/* Piece by piece, and wherever one stops. A blob without bytes is not the end of it. */
static void
test_stream (Pipeline *pipeline, gconstpointer data)
{
  g_autofree guint8 *bytes = make_random (12 * MIB, 8);
  g_autoptr (GArray) content = g_array_new (FALSE, FALSE, sizeof (ObId));
  g_autoptr (ObNode) node = NULL;
  struct timespec when = { 0 };
  guint n_pieces = 0;

  for (guint i = 0; i < 6; i++)
    {
      store_blob (pipeline, content, bytes + i * 2 * (gsize) MIB, 2 * MIB);
      store_blob (pipeline, content, bytes, 0);
    }
  node = ob_node_new_file ("f", 12 * MIB, content, &when);
  for (guint stop_after = 0; stop_after == 0 || n_pieces == stop_after - 1; stop_after++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (ObReaderStream) stream
        = ob_reader_stream_new (pipeline->core.repository, node, 2, NULL, &error);
      const guint8 *piece = NULL;
      gsize size = 1;
      gsize done = 0;

      g_assert_no_error (error);
      for (n_pieces = 0; n_pieces < stop_after && size > 0; n_pieces++)
        {
          ob_reader_stream_next (stream, &piece, &size, &error);
          g_assert_no_error (error);
          g_assert_cmpmem (piece, size, bytes + done, MIN (size, 12 * MIB - done));
          done += size;
        }
      g_assert_true (size > 0 || done == 12 * MIB);
    }
  g_assert_cmpuint (n_pieces, >=, 6);
}

/* Damages the pack that holds the blob. */
static void
flip_pack (Pipeline *pipeline, const ObId *id)
{
  char name[sizeof "data/00/" + OB_ID_HEX_SIZE] = "data/00/";
  ObBlobLocation place;

  g_assert_true (ob_index_lookup (ob_repository_get_index (pipeline->core.repository),
                                  OB_BLOB_DATA, id, &place));
  ob_id_to_hex (&place.pack, name + strlen ("data/00/"));
  memcpy (name + strlen ("data/"), name + strlen ("data/00/"), 2);
  core_fixture_flip (&pipeline->core, name);
}

/* Nothing from the damage on, and an error however often it is asked for. */
static void
test_stream_damaged (Pipeline *pipeline, gconstpointer data)
{
  g_autofree guint8 *bytes = make_random (6 * MIB, 9);
  g_autoptr (GArray) content = g_array_new (FALSE, FALSE, sizeof (ObId));
  g_autoptr (ObNode) node = NULL;
  g_autoptr (ObReaderStream) stream = NULL;
  g_autoptr (GError) error = NULL;
  struct timespec when = { 0 };
  const guint8 *piece = NULL;
  gsize size = 0;
  gsize done = 0;

  for (guint i = 0; i < 3; i++)
    store_blob (pipeline, content, bytes + i * 2 * (gsize) MIB, 2 * MIB);
  flip_pack (pipeline, &g_array_index (content, ObId, 1));
  node = ob_node_new_file ("f", 6 * MIB, content, &when);
  stream = ob_reader_stream_new (pipeline->core.repository, node, 1, NULL, &error);
  g_assert_no_error (error);
  while (ob_reader_stream_next (stream, &piece, &size, &error))
    {
      g_assert_cmpuint (size, >, 0);
      g_assert_cmpuint (done + size, <=, 2 * MIB);
      g_assert_cmpmem (piece, size, bytes + done, size);
      done += size;
    }
  for (guint i = 0; i < 3; i++)
    {
      g_assert_error (error, OB_ERROR, OB_ERROR_CORRUPT);
      g_clear_error (&error);
      g_assert_false (ob_reader_stream_next (stream, &piece, &size, &error));
    }
}

/* Blobs of 4 MiB that compress to nothing and lie in one pack, their ids. Transfer full. */
static GArray *
store_monotone (Pipeline *pipeline, guint n)
{
  g_autoptr (ObWriter) writer = ob_writer_new (pipeline->core.repository, 1, NULL);
  g_autofree guint8 *bytes = g_malloc0 (4 * MIB);
  GArray *content = g_array_new (FALSE, FALSE, sizeof (ObId));
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < n; i++)
    {
      ObId id;

      bytes[0] = (guint8) i;
      ob_id_of (bytes, 4 * MIB, &id);
      pipeline_add_blob (writer, OB_BLOB_DATA, &id, bytes, 4 * MIB);
      g_array_append_val (content, id);
    }
  ob_writer_finish (writer, &error);
  g_assert_no_error (error);
  return content;
}

/* What compresses to nothing does not fill the memory either. */
static void
test_memory (Pipeline *pipeline, gconstpointer data)
{
  const guint n = 200;
  g_autoptr (GArray) content = NULL;
  g_autoptr (ObNode) node = NULL;
  ob_autofd int fd = open ("/dev/null", O_WRONLY | O_CLOEXEC);
  g_autoptr (GError) error = NULL;
  struct timespec when = { 0 };
  gsize before;

  if (!begin_memory_test ())
    return;
  content = store_monotone (pipeline, n);
  node = ob_node_new_file ("f", n * 4 * (guint64) MIB, content, &when);
  reset_peak_memory ();
  before = get_peak_memory ();
  ob_reader_write_file (pipeline->core.repository, node, fd, 2, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (get_peak_memory (), <=, before + 64 * MIB);
}

static void *
close_soon (void *data)
{
  char buffer[100000];

  g_assert_cmpint (read (GPOINTER_TO_INT (data), buffer, sizeof buffer), >, 0);
  close (GPOINTER_TO_INT (data));
  return NULL;
}

static void
test_receiver_gone (Pipeline *pipeline, gconstpointer data)
{
  g_autofree guint8 *bytes = make_random (4 * MIB, 4);
  g_autoptr (GArray) content = pipeline_store (pipeline, bytes, 4 * MIB);
  struct timespec when = { 0 };
  g_autoptr (ObNode) node = ob_node_new_file ("f", 4 * MIB, content, &when);
  g_autoptr (GError) error = NULL;
  pthread_t thread;
  int ends[2];

  g_assert_cmpint (pipe (ends), ==, 0);
  g_assert_cmpint (pthread_create (&thread, NULL, close_soon, GINT_TO_POINTER (ends[0])), ==, 0);
  g_assert_false (
    ob_reader_write_file (pipeline->core.repository, node, ends[1], 2, NULL, NULL, &error));
  g_assert_error (error, OB_ERROR, OB_ERROR_FAILED);
  pthread_join (thread, NULL);
  close (ends[1]);
}

static void *
cancel_soon (void *data)
{
  core_wait_until_asleep (getpid ());
  g_cancellable_cancel (data);
  return NULL;
}

/* Nobody reads from the pipe: a cancel ends it all the same. */
static void
test_cancel (Pipeline *pipeline, gconstpointer data)
{
  g_autofree guint8 *bytes = make_random (4 * MIB, 5);
  g_autoptr (GArray) content = pipeline_store (pipeline, bytes, 4 * MIB);
  struct timespec when = { 0 };
  g_autoptr (ObNode) node = ob_node_new_file ("f", 4 * MIB, content, &when);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  gint64 begin = g_get_monotonic_time ();
  pthread_t thread;
  int ends[2];

  g_assert_cmpint (pipe (ends), ==, 0);
  g_assert_cmpint (pthread_create (&thread, NULL, cancel_soon, cancellable), ==, 0);
  g_assert_false (
    ob_reader_write_file (pipeline->core.repository, node, ends[1], 2, NULL, cancellable, &error));
  g_assert_error (error, OB_ERROR, OB_ERROR_CANCELLED);
  g_assert_cmpint (g_get_monotonic_time () - begin, <, 5 * G_USEC_PER_SEC);
  pthread_join (thread, NULL);
  close (ends[0]);
  close (ends[1]);
}

static void
add (const char *path, void (*test) (Pipeline *, gconstpointer))
{
  g_test_add (path, Pipeline, NULL, pipeline_set_up, test, pipeline_tear_down);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  add ("/reader-stream/pieces", test_stream);
  add ("/reader-stream/damaged", test_stream_damaged);
  add ("/reader-stream/write-file", test_write_file);
  add ("/reader-stream/memory", test_memory);
  add ("/reader-stream/receiver-gone", test_receiver_gone);
  add ("/reader-stream/cancel", test_cancel);
  return g_test_run ();
}
