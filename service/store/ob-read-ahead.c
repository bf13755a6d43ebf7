/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-read-ahead.h"

#include <pthread.h>
#include <string.h>

typedef struct
{
  char *name;
  guint64 position; /* that it was read up to */
  guint64 begin;    /* of the bytes */
  GBytes *bytes;    /* or NULL */
  gboolean at_end;  /* the object ends with them */
} Object;

struct _ObReadAhead
{
  pthread_mutex_t mutex;
  guint max;
  GQueue objects; /* of Object, the latest used first; few, so that a search is a walk */
};

/* internal methods */

static void
object_free (Object *object)
{
  g_free (object->name);
  g_clear_pointer (&object->bytes, g_bytes_unref);
  g_free (object);
}

static Object *
steal (ObReadAhead *self, const char *name)
{
  for (GList *link = self->objects.head; link != NULL; link = link->next)
    if (strcmp (((const Object *) link->data)->name, name) == 0)
      {
        Object *object = link->data;

        g_queue_delete_link (&self->objects, link);
        return object;
      }
  return NULL;
}

static guint64
get_end (const Object *object)
{
  return object->begin + (object->bytes != NULL ? g_bytes_get_size (object->bytes) : 0);
}

static gsize
copy (const Object *object, guint64 offset, void *buffer, gsize size)
{
  gsize count;

  if (offset < object->begin || offset >= get_end (object))
    return 0;
  count = (gsize) MIN (size, get_end (object) - offset);
  memcpy (buffer,
          (const guint8 *) g_bytes_get_data (object->bytes, NULL) + (offset - object->begin),
          count);
  return count;
}

/* public methods */

ObReadAhead *
ob_read_ahead_new (guint max)
{
  ObReadAhead *self = g_new0 (ObReadAhead, 1);

  pthread_mutex_init (&self->mutex, NULL);
  self->max = max;
  g_queue_init (&self->objects);
  return self;
}

void
ob_read_ahead_free (ObReadAhead *ahead)
{
  if (ahead == NULL)
    return;
  g_queue_clear_full (&ahead->objects, (GDestroyNotify) object_free);
  pthread_mutex_destroy (&ahead->mutex);
  g_free (ahead);
}

gsize
ob_read_ahead_take (ObReadAhead *ahead, const char *name, guint64 offset, void *buffer, gsize size,
                    gboolean *goes_on, gboolean *at_end)
{
  Object *object;
  gsize count = 0;

  *goes_on = FALSE;
  *at_end = FALSE;
  pthread_mutex_lock (&ahead->mutex);
  object = steal (ahead, name);
  if (object != NULL)
    {
      *goes_on = object->position == offset;
      count = copy (object, offset, buffer, size);
      object->position = offset + count;
      *at_end = object->at_end && object->position == get_end (object);
      /* What was read once is read no second time, and might be another thing by then. */
      if (object->position == get_end (object))
        {
          object->begin = object->position;
          g_clear_pointer (&object->bytes, g_bytes_unref);
        }
      g_queue_push_head (&ahead->objects, object);
    }
  pthread_mutex_unlock (&ahead->mutex);
  return count;
}

void
ob_read_ahead_put (ObReadAhead *ahead, const char *name, guint64 offset, GBytes *bytes,
                   gboolean at_end)
{
  Object *object = g_new0 (Object, 1);
  Object *former;
  Object *oldest = NULL;

  object->name = g_strdup (name);
  object->position = offset;
  object->begin = offset;
  object->bytes = bytes;
  object->at_end = at_end;
  pthread_mutex_lock (&ahead->mutex);
  former = steal (ahead, name);
  g_queue_push_head (&ahead->objects, object);
  if (ahead->objects.length > ahead->max)
    oldest = g_queue_pop_tail (&ahead->objects);
  pthread_mutex_unlock (&ahead->mutex);
  g_clear_pointer (&former, object_free);
  g_clear_pointer (&oldest, object_free);
}

void
ob_read_ahead_forget (ObReadAhead *ahead, const char *name)
{
  Object *former;

  pthread_mutex_lock (&ahead->mutex);
  former = steal (ahead, name);
  pthread_mutex_unlock (&ahead->mutex);
  g_clear_pointer (&former, object_free);
}
