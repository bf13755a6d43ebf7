/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-blob-queue.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "core-fixture.h"
#include "ob-error.h"

#define CAPACITY (64 * 1024)
#define MAX_POP 64

static gboolean
push (ObBlobQueue *queue, const void *data, gsize size, GCancellable *cancellable, GError **error)
{
  ObQueuedBlob blob = { .type = OB_BLOB_DATA, .data = data, .size = size };

  ob_id_of (data, size, &blob.id);
  return ob_blob_queue_push (queue, &blob, cancellable, error);
}

/* In order, and copied: what was pushed may change. */
static void
test_order (void)
{
  g_autoptr (ObBlobQueue) queue = ob_blob_queue_new (CAPACITY);
  ObQueuedBlob blobs[MAX_POP];
  char text[] = "one";
  guint n_popped = 0;

  g_assert_true (push (queue, text, 3, NULL, NULL));
  strcpy (text, "two");
  g_assert_true (push (queue, text, 3, NULL, NULL));
  g_assert_true (push (queue, "", 0, NULL, NULL));
  ob_blob_queue_close (queue);
  while (n_popped < 3)
    {
      guint n = ob_blob_queue_pop (queue, blobs, MAX_POP);

      g_assert_cmpuint (n, >, 0);
      for (guint i = 0; i < n; i++, n_popped++)
        {
          static const char *const wanted[] = { "one", "two", "" };
          ObId id;

          g_assert_cmpmem (blobs[i].data, blobs[i].size, wanted[n_popped],
                           strlen (wanted[n_popped]));
          ob_id_of (blobs[i].data, blobs[i].size, &id);
          g_assert_true (ob_id_equal (&id, &blobs[i].id));
        }
      ob_blob_queue_done (queue, blobs, n);
    }
  g_assert_cmpuint (ob_blob_queue_pop (queue, blobs, MAX_POP), ==, 0);
}

typedef struct
{
  ObBlobQueue *queue;
  guint64 pushed;
  guint64 popped;
  guint64 sum_pushed, sum_popped;
} Traffic;

static pthread_mutex_t sums = PTHREAD_MUTEX_INITIALIZER;

static void *
run_producer (void *data)
{
  Traffic *traffic = data;
  GRand *rand = g_rand_new_with_seed ((guint32) pthread_self ());
  g_autofree guint8 *bytes = g_malloc (CAPACITY / 4);

  for (guint i = 0; i < 2000; i++)
    {
      gsize size = (gsize) g_rand_int_range (rand, 1, i % 10 == 0 ? CAPACITY / 4 + 1 : 600);

      memset (bytes, (int) (i % 251), size);
      g_assert_true (push (traffic->queue, bytes, size, NULL, NULL));
      pthread_mutex_lock (&sums);
      traffic->pushed++;
      traffic->sum_pushed += size * (i % 251);
      pthread_mutex_unlock (&sums);
    }
  g_rand_free (rand);
  return NULL;
}

static void *
run_consumer (void *data)
{
  Traffic *traffic = data;
  ObQueuedBlob blobs[MAX_POP];
  guint n;

  while ((n = ob_blob_queue_pop (traffic->queue, blobs, MAX_POP)) > 0)
    {
      for (guint i = 0; i < n; i++)
        {
          ObId id;

          ob_id_of (blobs[i].data, blobs[i].size, &id);
          g_assert_true (ob_id_equal (&id, &blobs[i].id));
          pthread_mutex_lock (&sums);
          traffic->popped++;
          traffic->sum_popped += blobs[i].size * blobs[i].data[0];
          pthread_mutex_unlock (&sums);
        }
      ob_blob_queue_done (traffic->queue, blobs, n);
    }
  return NULL;
}

/* Blobs of all sizes through a ring that is much smaller, many times around. */
static void
test_threads (void)
{
  g_autoptr (ObBlobQueue) queue = ob_blob_queue_new (CAPACITY);
  Traffic traffic = { .queue = queue };
  pthread_t producers[3], consumers[3];

  for (guint i = 0; i < 3; i++)
    {
      g_assert_cmpint (pthread_create (&producers[i], NULL, run_producer, &traffic), ==, 0);
      g_assert_cmpint (pthread_create (&consumers[i], NULL, run_consumer, &traffic), ==, 0);
    }
  for (guint i = 0; i < 3; i++)
    pthread_join (producers[i], NULL);
  ob_blob_queue_close (queue);
  for (guint i = 0; i < 3; i++)
    pthread_join (consumers[i], NULL);
  g_assert_cmpuint (traffic.pushed, ==, 6000);
  g_assert_cmpuint (traffic.popped, ==, 6000);
  g_assert_cmpuint (traffic.sum_pushed, ==, traffic.sum_popped);
}

static void
fill (ObBlobQueue *queue)
{
  g_autofree guint8 *bytes = g_malloc0 (CAPACITY / 4);

  for (guint i = 0; i < 3; i++)
    g_assert_true (push (queue, bytes, CAPACITY / 4, NULL, NULL));
}

static void *
stop_later (void *data)
{
  core_wait_until_asleep (getpid ());
  ob_blob_queue_stop (data);
  return NULL;
}

/* Whoever waits for room comes back without an error, and what is in it is dropped. */
static void
test_stop (void)
{
  g_autoptr (ObBlobQueue) queue = ob_blob_queue_new (CAPACITY);
  g_autofree guint8 *bytes = g_malloc0 (CAPACITY / 4);
  g_autoptr (GError) error = NULL;
  ObQueuedBlob blobs[MAX_POP];
  pthread_t thread;

  fill (queue);
  g_assert_cmpint (pthread_create (&thread, NULL, stop_later, queue), ==, 0);
  while (push (queue, bytes, CAPACITY / 4, NULL, &error))
    ;
  g_assert_no_error (error);
  pthread_join (thread, NULL);
  g_assert_cmpuint (ob_blob_queue_pop (queue, blobs, MAX_POP), ==, 0);
}

static void *
cancel_later (void *data)
{
  core_wait_until_asleep (getpid ());
  g_cancellable_cancel (data);
  return NULL;
}

static void
test_cancel (void)
{
  g_autoptr (ObBlobQueue) queue = ob_blob_queue_new (CAPACITY);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autofree guint8 *bytes = g_malloc0 (CAPACITY / 4);
  g_autoptr (GError) error = NULL;
  gint64 begin;
  pthread_t thread;

  fill (queue);
  g_assert_cmpint (pthread_create (&thread, NULL, cancel_later, cancellable), ==, 0);
  begin = g_get_monotonic_time ();
  while (push (queue, bytes, CAPACITY / 4, cancellable, &error))
    ;
  g_assert_error (error, OB_ERROR, OB_ERROR_CANCELLED);
  g_assert_cmpint (g_get_monotonic_time () - begin, <, 5 * G_USEC_PER_SEC);
  pthread_join (thread, NULL);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/blob-queue/order", test_order);
  g_test_add_func ("/blob-queue/threads", test_threads);
  g_test_add_func ("/blob-queue/stop", test_stop);
  g_test_add_func ("/blob-queue/cancel", test_cancel);
  return g_test_run ();
}
