/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-blob-queue.h"

#include <pthread.h>
#include <string.h>

#include "ob-wait.h"

/* Waking a thread costs as much as compressing a small blob, so workers are woken for a helping. */
#define HELPING_BYTES (256 * 1024)
#define HELPING_BLOBS 64

typedef struct _Region Region;

/* A stretch of the ring: this header, then the blob. */
struct _Region
{
  gsize length; /* with the header */
  gboolean is_free;
  Region *next; /* in the list of those that wait */
  ObBlobType type;
  ObId id;
  gsize size;
};

#define ALIGNMENT 64
#define HEADER_SIZE ((sizeof (Region) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT)

struct _ObBlobQueue
{
  guint8 *ring;
  gsize capacity;

  pthread_mutex_t mutex;
  pthread_cond_t room;
  pthread_cond_t filled;
  gsize head, tail; /* regions lie from tail to head, round the end of the ring */
  gsize used;
  Region *first, *last; /* those that wait to be popped */
  gsize waiting_bytes;
  guint waiting_blobs;
  guint hungry; /* callers blocked for room */
  gboolean closed;
  gboolean stopped;
};

ObBlobQueue *
ob_blob_queue_new (gsize capacity)
{
  ObBlobQueue *queue = g_new0 (ObBlobQueue, 1);

  queue->capacity = capacity / ALIGNMENT * ALIGNMENT;
  queue->ring = g_aligned_alloc (queue->capacity, 1, ALIGNMENT);
  pthread_mutex_init (&queue->mutex, NULL);
  ob_cond_init (&queue->room);
  ob_cond_init (&queue->filled);
  return queue;
}

void
ob_blob_queue_free (ObBlobQueue *queue)
{
  pthread_mutex_destroy (&queue->mutex);
  pthread_cond_destroy (&queue->room);
  pthread_cond_destroy (&queue->filled);
  g_aligned_free (queue->ring);
  g_free (queue);
}

static Region *
place (ObBlobQueue *queue, gsize length)
{
  Region *region = (gpointer) (queue->ring + queue->head);

  region->length = length;
  region->is_free = FALSE;
  queue->head = (queue->head + length) % queue->capacity;
  queue->used += length;
  return region;
}

/* A region of @length bytes, or NULL where there is no room now. */
static Region *
allocate (ObBlobQueue *queue, gsize length)
{
  gsize to_end = queue->capacity - queue->head;

  if (queue->used == 0)
    {
      queue->head = queue->tail = 0;
      to_end = queue->capacity;
    }
  if (length > to_end)
    {
      /* Too long for the end of the ring: leave that empty and go on at the front. */
      if (queue->used + to_end + length > queue->capacity)
        return NULL;
      place (queue, to_end)->is_free = TRUE;
    }
  if (queue->used + length > queue->capacity)
    return NULL;
  return place (queue, length);
}

static void
release (ObBlobQueue *queue, Region *region)
{
  region->is_free = TRUE;
  while (queue->used > 0)
    {
      Region *oldest = (gpointer) (queue->ring + queue->tail);

      if (!oldest->is_free)
        return;
      queue->used -= oldest->length;
      queue->tail = (queue->tail + oldest->length) % queue->capacity;
    }
}

static void
append (ObBlobQueue *queue, Region *region)
{
  region->next = NULL;
  if (queue->last != NULL)
    queue->last->next = region;
  else
    queue->first = region;
  queue->last = region;
  queue->waiting_bytes += region->size;
  queue->waiting_blobs++;
  if (queue->waiting_bytes >= HELPING_BYTES || queue->waiting_blobs >= HELPING_BLOBS)
    pthread_cond_signal (&queue->filled);
}

gboolean
ob_blob_queue_push (ObBlobQueue *queue, const ObQueuedBlob *blob, GCancellable *cancellable,
                    GError **error)
{
  gsize length = HEADER_SIZE + (blob->size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  Region *region = NULL;

  g_return_val_if_fail (length <= queue->capacity / 4 + HEADER_SIZE, FALSE);

  pthread_mutex_lock (&queue->mutex);
  queue->hungry++;
  while (!queue->stopped && (region = allocate (queue, length)) == NULL)
    {
      pthread_cond_broadcast (&queue->filled);
      ob_cond_wait_slice (&queue->room, &queue->mutex);
      if (!ob_check_cancelled (cancellable, error))
        break;
    }
  queue->hungry--;
  pthread_mutex_unlock (&queue->mutex);
  if (region == NULL)
    return FALSE;

  region->type = blob->type;
  region->id = blob->id;
  region->size = blob->size;
  memcpy ((guint8 *) region + HEADER_SIZE, blob->data, blob->size);

  pthread_mutex_lock (&queue->mutex);
  append (queue, region);
  pthread_mutex_unlock (&queue->mutex);
  return TRUE;
}

/* Whether there is enough to begin with. */
static gboolean
is_helping (const ObBlobQueue *queue)
{
  return queue->waiting_bytes >= HELPING_BYTES || queue->waiting_blobs >= HELPING_BLOBS
         || queue->closed || queue->hungry > 0;
}

guint
ob_blob_queue_pop (ObBlobQueue *queue, ObQueuedBlob *blobs, guint max)
{
  gboolean waited = FALSE;
  gsize bytes = 0;
  guint n = 0;

  pthread_mutex_lock (&queue->mutex);
  while (!queue->stopped && !(queue->first != NULL && (waited || is_helping (queue)))
         && !(queue->first == NULL && queue->closed))
    {
      /* After a slice of waiting a small helping will do. */
      ob_cond_wait_slice (&queue->filled, &queue->mutex);
      waited = TRUE;
    }
  while (!queue->stopped && queue->first != NULL && n < max && bytes < HELPING_BYTES)
    {
      Region *region = queue->first;

      queue->first = region->next;
      if (queue->first == NULL)
        queue->last = NULL;
      queue->waiting_bytes -= region->size;
      queue->waiting_blobs--;
      bytes += region->size;
      blobs[n++] = (ObQueuedBlob){ .type = region->type,
                                   .id = region->id,
                                   .data = (guint8 *) region + HEADER_SIZE,
                                   .size = region->size };
    }
  pthread_mutex_unlock (&queue->mutex);
  return n;
}

void
ob_blob_queue_done (ObBlobQueue *queue, const ObQueuedBlob *blobs, guint n_blobs)
{
  pthread_mutex_lock (&queue->mutex);
  for (guint i = 0; i < n_blobs; i++)
    release (queue, (Region *) (gpointer) (blobs[i].data - HEADER_SIZE));
  if (queue->hungry > 0)
    pthread_cond_broadcast (&queue->room);
  pthread_mutex_unlock (&queue->mutex);
}

static void
raise_flag (ObBlobQueue *queue, gboolean *flag)
{
  pthread_mutex_lock (&queue->mutex);
  *flag = TRUE;
  pthread_cond_broadcast (&queue->room);
  pthread_cond_broadcast (&queue->filled);
  pthread_mutex_unlock (&queue->mutex);
}

void
ob_blob_queue_close (ObBlobQueue *queue)
{
  raise_flag (queue, &queue->closed);
}

void
ob_blob_queue_stop (ObBlobQueue *queue)
{
  raise_flag (queue, &queue->stopped);
}
