/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-writer.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "ob-error.h"
#include "ob-fd.h"
#include "ob-io.h"
#include "pipeline-fixture.h"

#define MIB (1024 * 1024)

/* What a thread writes into a pipe. */
typedef struct
{
  int fd;
  const guint8 *data;
  gsize size;
} Feed;

static void *
run_feed (void *data)
{
  Feed *feed = data;
  gsize done = 0;

  while (done < feed->size)
    {
      gsize n = MIN (feed->size - done, 1 + done % 70001);

      if (!ob_write_full (feed->fd, feed->data + done, n))
        break;
      done += n;
    }
  close (feed->fd);
  return NULL;
}

static GArray *
add_through_pipe (ObWriter *writer, const guint8 *data, gsize size, GError **error)
{
  int ends[2];
  GArray *content = NULL;
  guint64 got = 0;
  pthread_t thread;
  Feed feed;

  g_assert_cmpint (pipe (ends), ==, 0);
  feed = (Feed){ ends[1], data, size };
  g_assert_cmpint (pthread_create (&thread, NULL, run_feed, &feed), ==, 0);
  ob_writer_add_stream (writer, ends[0], OB_CHUNKS_STREAM, NULL, &content, &got, NULL, error);
  close (ends[0]);
  pthread_join (thread, NULL);
  if (content != NULL)
    g_assert_cmpuint (got, ==, size);
  return content;
}

static void
assert_content (Pipeline *pipeline, GArray *content, const guint8 *data, gsize size)
{
  struct timespec when = { 0 };
  g_autoptr (ObNode) node = ob_node_new_file ("f", size, content, &when);
  g_autoptr (GBytes) back = pipeline_read (pipeline, node);

  g_assert_cmpuint (g_bytes_get_size (back), ==, size);
  g_assert_true (memcmp (g_bytes_get_data (back, NULL), data, size) == 0);
}

/* Another process, which knows nothing but the store, reads what went in. */
static void
test_stream (Pipeline *pipeline, gconstpointer unused)
{
  static const gsize sizes[] = { 0, 1, 16 * 1024, 3 * MIB + 7, 40 * MIB };
  g_autoptr (GPtrArray) contents = g_ptr_array_new_with_free_func ((GDestroyNotify) g_array_unref);
  g_autofree guint8 *data = make_random (40 * MIB, 1);
  g_autoptr (ObWriter) writer = ob_writer_new (pipeline->core.repository, 2, NULL);
  g_autoptr (GError) error = NULL;
  ObWriterStats stats;

  for (gsize i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      g_ptr_array_add (contents, add_through_pipe (writer, data, sizes[i], &error));
      g_assert_no_error (error);
    }
  ob_writer_finish (writer, &error);
  g_assert_no_error (error);
  ob_writer_get_stats (writer, &stats);
  g_assert_cmpuint (stats.stored_bytes, >, 40 * MIB);
  g_assert_cmpuint (stats.new_bytes + stats.known_bytes, ==, 43 * MIB + 7 + 16 * 1024 + 1);

  pipeline_reopen (pipeline);
  for (gsize i = 0; i < G_N_ELEMENTS (sizes); i++)
    assert_content (pipeline, g_ptr_array_index (contents, i), data, sizes[i]);
}

/* What is there is not stored again: not within a run, nor in a later one. */
static void
test_dedup (Pipeline *pipeline, gconstpointer unused)
{
  g_autofree guint8 *data = make_random (8 * MIB, 2);
  g_autoptr (GPtrArray) packs = NULL;
  g_autoptr (GPtrArray) packs_later = NULL;

  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (ObWriter) writer = ob_writer_new (pipeline->core.repository, 2, NULL);
      g_autoptr (GArray) first = NULL;
      g_autoptr (GArray) second = NULL;
      g_autoptr (GError) error = NULL;
      ObWriterStats stats;

      g_assert_true (ob_writer_add_bytes (writer, data, 8 * MIB, &first, &error));
      g_assert_true (ob_writer_add_bytes (writer, data, 8 * MIB, &second, &error));
      ob_writer_finish (writer, &error);
      g_assert_no_error (error);
      g_assert_cmpmem (first->data, first->len * sizeof (ObId), second->data,
                       second->len * sizeof (ObId));
      ob_writer_get_stats (writer, &stats);
      g_assert_cmpuint (stats.new_bytes, ==, i == 0 ? 8 * MIB : 0);
      g_assert_cmpuint (stats.known_bytes, ==, i == 0 ? 8 * MIB : 16 * MIB);
      g_assert_cmpuint (stats.stored_bytes > 0, ==, i == 0);
      if (i == 0)
        {
          packs = core_fixture_list (&pipeline->core, "data");
          pipeline_reopen (pipeline);
        }
    }
  packs_later = core_fixture_list (&pipeline->core, "data");
  g_assert_cmpuint (packs->len, ==, packs_later->len);
}

/* What compresses is stored compressed, what does not is stored as it is. */
static void
test_compression (Pipeline *pipeline, gconstpointer unused)
{
  g_autofree guint8 *random = make_random (MIB, 3);
  g_autofree guint8 *text = g_malloc (MIB);
  g_autoptr (ObWriter) writer = ob_writer_new (pipeline->core.repository, 1, NULL);
  g_autoptr (GArray) content = NULL;
  g_autoptr (GArray) random_content = NULL;
  g_autoptr (GError) error = NULL;
  ObIndex *index = ob_repository_get_index (pipeline->core.repository);
  ObBlobLocation location;

  for (guint i = 0; i < MIB; i++)
    text[i] = "insert into c_order values "[i % 27];
  g_assert_true (ob_writer_add_bytes (writer, text, MIB, &content, &error));
  g_assert_true (ob_writer_add_bytes (writer, random, MIB, &random_content, &error));
  ob_writer_finish (writer, &error);
  g_assert_no_error (error);
  g_assert_true (ob_index_lookup (index, OB_BLOB_DATA, &g_array_index (content, ObId, 0),
                                  &location));
  g_assert_cmpuint (location.plain_length, >, 100 * location.length);
  g_assert_true (ob_index_lookup (index, OB_BLOB_DATA, &g_array_index (random_content, ObId, 0),
                                  &location));
  g_assert_cmpuint (location.plain_length, ==, 0);
}

typedef struct
{
  ObWriter *writer;
  guint8 *data;
  GArray *content;
  guint number;
} Job;

#define JOB_SIZE (5 * MIB)
#define JOB_TREE 4 /* nodes: to print more takes longer than to store them */

static void *
run_job (void *data)
{
  Job *job = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) nodes = g_ptr_array_new_with_free_func ((GDestroyNotify) ob_node_free);
  struct timespec when = { 0 };

  job->content = add_through_pipe (job->writer, job->data, JOB_SIZE, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < 200; i++)
    {
      g_autofree char *name = g_strdup_printf ("%u-%u", job->number % 2, i);
      ObId id;

      if (nodes->len == JOB_TREE)
        g_ptr_array_remove_index (nodes, 0);
      g_ptr_array_add (nodes, ob_node_new_file (name, JOB_SIZE, job->content, &when));
      ob_writer_add_tree (job->writer, nodes, &id, &error);
      g_assert_no_error (error);
    }
  return NULL;
}

/* Pairs of threads store the same at the same time. */
static void
test_threads (Pipeline *pipeline, gconstpointer unused)
{
  g_autoptr (ObWriter) writer = ob_writer_new (pipeline->core.repository, 3, NULL);
  g_autoptr (GError) error = NULL;
  pthread_t threads[4];
  Job jobs[4];
  ObWriterStats stats;

  for (guint i = 0; i < 4; i++)
    {
      jobs[i] = (Job){ .writer = writer, .data = make_random (JOB_SIZE, 10 + i % 2), .number = i };
      g_assert_cmpint (pthread_create (&threads[i], NULL, run_job, &jobs[i]), ==, 0);
    }
  for (guint i = 0; i < 4; i++)
    pthread_join (threads[i], NULL);
  ob_writer_finish (writer, &error);
  g_assert_no_error (error);
  ob_writer_get_stats (writer, &stats);
  g_assert_cmpuint (stats.new_blobs, ==, stats.known_blobs);
  for (guint i = 0; i < 4; i++)
    {
      assert_content (pipeline, jobs[i].content, jobs[i].data, JOB_SIZE);
      g_array_unref (jobs[i].content);
      g_free (jobs[i].data);
    }
}

/* However much goes through, memory stays as it is. */
static void
test_memory (Pipeline *pipeline, gconstpointer unused)
{
  g_autoptr (ObWriter) writer = ob_writer_new (pipeline->core.repository, 2, NULL);
  g_autofree guint8 *data = make_random (16 * MIB, 20);
  g_autoptr (GError) error = NULL;
  gsize peak_before = 0;

  if (!begin_memory_test ())
    return;
  for (guint64 i = 0; i < 20; i++)
    {
      g_autoptr (GArray) content = NULL;

      /* Every chunk becomes a new one. */
      for (gsize at = 0; at < 16 * MIB; at += 4096)
        memcpy (data + at, &i, sizeof i);
      if (i == 8)
        peak_before = get_peak_memory ();
      g_assert_true (ob_writer_add_bytes (writer, data, 16 * MIB, &content, &error));
    }
  ob_writer_finish (writer, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (get_peak_memory (), <=, peak_before + 16 * MIB);
}

/* With the destination gone the first error ends it all, and each later call returns it. */
static void
test_error (Pipeline *pipeline, gconstpointer unused)
{
  g_autoptr (ObWriter) writer = ob_writer_new (pipeline->core.repository, 2, NULL);
  g_autofree guint8 *data = make_random (16 * MIB, 21);
  g_autofree char *elsewhere = g_strconcat (pipeline->core.path, "-gone", NULL);
  g_autoptr (GArray) content = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) later = NULL;
  g_autoptr (GError) last = NULL;

  for (guint i = 0; i < 256; i++)
    {
      g_autofree char *path = g_strdup_printf ("%s/data/%02x", pipeline->core.path, i);

      g_assert_cmpint (rmdir (path), ==, 0);
    }
  {
    g_autofree char *path = g_build_filename (pipeline->core.path, "data", NULL);

    g_assert_cmpint (rmdir (path), ==, 0);
    g_assert_true (g_file_set_contents (path, "in the way", -1, NULL));
  }
  for (guint32 i = 0; i < 100 && error == NULL; i++)
    {
      g_clear_pointer (&content, g_array_unref);
      memcpy (data, &i, sizeof i);
      for (gsize at = 0; at < 16 * MIB; at += 64 * 1024)
        memcpy (data + at, &i, sizeof i);
      ob_writer_add_bytes (writer, data, 16 * MIB, &content, &error);
    }
  g_assert_error (error, OB_ERROR, OB_ERROR_DESTINATION_UNAVAILABLE);
  g_assert_false (ob_writer_add_bytes (writer, "x", 1, &content, &later));
  g_assert_error (later, OB_ERROR, OB_ERROR_DESTINATION_UNAVAILABLE);
  g_assert_false (ob_writer_finish (writer, &last));
  g_assert_error (last, OB_ERROR, OB_ERROR_DESTINATION_UNAVAILABLE);
}

/* What others may have removed, since the lock was lost, is in no index: the next backup would
 * build on it. Whether the backup ends or is given up. */
static void
test_lock_is_lost (Pipeline *pipeline, gconstpointer ends)
{
  g_autofree guint8 *data = make_random (40 * MIB, 22);
  GLogLevelFlags fatal = g_log_set_always_fatal (G_LOG_FATAL_MASK);
  g_autoptr (GPtrArray) names = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GArray) content = NULL;
  ObLock *lock = ob_lock_acquire (pipeline->core.repository, FALSE, NULL, &error);
  ObBlobLocation location;

  g_assert_no_error (error);
  {
    g_autoptr (ObWriter) writer = ob_writer_new (pipeline->core.repository, 2, NULL);

    ob_writer_set_lock (writer, lock);
    ob_writer_add_bytes (writer, data, 40 * MIB, &content, &error);
    g_assert_no_error (error);
    core_store_clear (pipeline->core.store, "locks");
    if (GPOINTER_TO_INT (ends))
      {
        g_assert_false (ob_writer_finish (writer, &error));
        g_assert_error (error, OB_ERROR, OB_ERROR_LOCKED);
      }
  }
  g_log_set_always_fatal (fatal);
  ob_lock_release (lock);
  names = core_fixture_list (&pipeline->core, "index");
  g_assert_cmpuint (names->len, ==, 0);
  g_assert_false (ob_index_lookup (ob_repository_get_index (pipeline->core.repository),
                                   OB_BLOB_DATA, &g_array_index (content, ObId, 0), &location));
}

static void *
cancel_soon (void *data)
{
  core_wait_until_asleep (getpid ());
  g_cancellable_cancel (data);
  return NULL;
}

/* A stream whose other end gives nothing does not keep a cancel waiting. */
static void
test_cancel (Pipeline *pipeline, gconstpointer data)
{
  gboolean of_the_call = GPOINTER_TO_INT (data);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (ObWriter) writer
    = ob_writer_new (pipeline->core.repository, 2, of_the_call ? NULL : cancellable);
  g_autoptr (GArray) content = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) later = NULL;
  guint64 size;
  gint64 begin;
  pthread_t thread;
  int ends[2];

  g_assert_cmpint (pipe (ends), ==, 0);
  g_assert_cmpint (pthread_create (&thread, NULL, cancel_soon, cancellable), ==, 0);
  begin = g_get_monotonic_time ();
  if (of_the_call)
    {
      g_assert_false (ob_writer_add_stream (writer, ends[0], OB_CHUNKS_STREAM, NULL, &content,
                                            &size, cancellable, &error));
      g_assert_error (error, OB_ERROR, OB_ERROR_CANCELLED);
      g_assert_cmpint (g_get_monotonic_time () - begin, <, 5 * G_USEC_PER_SEC);
      pthread_join (thread, NULL);
    }
  else
    {
      pthread_join (thread, NULL);
      g_assert_false (ob_writer_add_bytes (writer, "x", 1, &content, &error));
      g_assert_error (error, OB_ERROR, OB_ERROR_CANCELLED);
      g_assert_false (ob_writer_finish (writer, &later));
      g_assert_error (later, OB_ERROR, OB_ERROR_CANCELLED);
    }
  close (ends[0]);
  close (ends[1]);
}

/* What was not finished is in the index as far as it was stored, and no further. */
static void
test_abandoned (Pipeline *pipeline, gconstpointer unused)
{
  g_autofree guint8 *data = make_random (40 * MIB, 22);
  ObWriter *writer = ob_writer_new (pipeline->core.repository, 2, NULL);
  g_autoptr (GPtrArray) packs = NULL;
  g_autoptr (GArray) content = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_true (ob_writer_add_bytes (writer, data, 40 * MIB, &content, &error));
  ob_writer_free (writer);
  packs = core_fixture_list (&pipeline->core, "data");
  g_assert_cmpuint (ob_index_get_n_packs (ob_repository_get_index (pipeline->core.repository)), ==,
                    packs->len);

  /* The next one takes no other blobs for stored. */
  g_clear_pointer (&content, g_array_unref);
  content = pipeline_store (pipeline, data, 40 * MIB);
  pipeline_reopen (pipeline);
  assert_content (pipeline, content, data, 40 * MIB);
}

static void
test_finished (Pipeline *pipeline, gconstpointer unused)
{
  g_autoptr (ObWriter) writer = ob_writer_new (pipeline->core.repository, 1, NULL);
  g_autoptr (GPtrArray) packs = NULL;
  g_autoptr (GArray) content = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) later = NULL;

  g_assert_true (ob_writer_finish (writer, &error));
  g_assert_false (ob_writer_add_bytes (writer, "x", 1, &content, &error));
  g_assert_error (error, OB_ERROR, OB_ERROR_FAILED);
  g_assert_false (ob_writer_finish (writer, &later));
  packs = core_fixture_list (&pipeline->core, "data");
  g_assert_cmpuint (packs->len, ==, 0);
}

/* A directory so large that its tree does not fit into the queue nor into a pack. */
static void
test_large_tree (Pipeline *pipeline, gconstpointer unused)
{
  g_autoptr (GPtrArray) nodes = g_ptr_array_new_with_free_func ((GDestroyNotify) ob_node_free);
  g_autoptr (GArray) content = g_array_new (FALSE, FALSE, sizeof (ObId));
  g_autoptr (GPtrArray) back = NULL;
  g_autoptr (GError) error = NULL;
  struct timespec when = { 0 };
  ObId id;

  for (guint i = 0; i < 30000; i++)
    {
      g_autofree char *name = g_strdup_printf ("a name of a file that is not short %u", i);

      g_ptr_array_add (nodes, ob_node_new_file (name, 0, content, &when));
    }
  pipeline_store_tree (pipeline, nodes, &id);
  pipeline_reopen (pipeline);
  back = ob_reader_load_tree (pipeline->core.repository, &id, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (back->len, ==, 30000);
}

static void
add (const char *path, void (*test) (Pipeline *, gconstpointer), gpointer data)
{
  g_test_add (path, Pipeline, data, pipeline_set_up, test, pipeline_tear_down);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  add ("/writer/stream", test_stream, NULL);
  add ("/writer/dedup", test_dedup, NULL);
  add ("/writer/compression", test_compression, NULL);
  add ("/writer/threads", test_threads, NULL);
  add ("/writer/memory", test_memory, NULL);
  add ("/writer/error", test_error, NULL);
  add ("/writer/lock-is-lost", test_lock_is_lost, GINT_TO_POINTER (TRUE));
  add ("/writer/lock-is-lost-given-up", test_lock_is_lost, GINT_TO_POINTER (FALSE));
  add ("/writer/cancel-call", test_cancel, GINT_TO_POINTER (TRUE));
  add ("/writer/cancel-writer", test_cancel, GINT_TO_POINTER (FALSE));
  add ("/writer/abandoned", test_abandoned, NULL);
  add ("/writer/finished", test_finished, NULL);
  add ("/writer/large-tree", test_large_tree, NULL);
  return g_test_run ();
}
