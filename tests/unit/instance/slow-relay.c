/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "slow-relay.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ReadyForQuery: 'Z', a length of 5, the state of the transaction (PostgreSQL, "Message
 * Formats"). */
#define READY_SIZE 6
#define DELAY 2000 /* microseconds */

struct _SlowRelay
{
  int fd;
  guint port;
  guint server_port;
  GThread *thread;
  GPtrArray *threads; /* of the connections; the relay's thread's own */
  gint n_delays;      /* atomic */
  gint lies;          /* atomic */
};

typedef struct
{
  SlowRelay *relay;
  int from, to;
  gboolean delays;
} Way;

static void
send_all (int fd, const char *data, gsize size)
{
  while (size > 0)
    {
      gssize n = send (fd, data, size, MSG_NOSIGNAL);

      if (n <= 0)
        return;
      data += n;
      size -= (gsize) n;
    }
}

static void
replace_loopback (char *data, gsize size)
{
  static const char loopback[] = "127.0.0.1";
  static const char other[] = "10.20.3.4";
  gsize length = strlen (other);

  for (gsize i = 0; i + length <= size; i++)
    if (memcmp (data + i, loopback, length) == 0)
      memcpy (data + i, other, length);
}

static gpointer
relay_way (gpointer data)
{
  static const char ready[] = { 'Z', 0, 0, 0, 5 };
  Way *way = data;
  char buffer[65536];
  gssize n;

  while ((n = recv (way->from, buffer, sizeof buffer, 0)) > 0)
    {
      gsize size = (gsize) n;
      gsize late = way->delays && size > READY_SIZE
                       && memcmp (buffer + size - READY_SIZE, ready, sizeof ready) == 0
                     ? READY_SIZE
                     : 0;

      if (way->delays && g_atomic_int_get (&way->relay->lies) != 0)
        replace_loopback (buffer, size);
      send_all (way->to, buffer, size - late);
      if (late == 0)
        continue;
      g_atomic_int_inc (&way->relay->n_delays);
      g_usleep (DELAY);
      send_all (way->to, buffer + size - late, late);
    }
  shutdown (way->to, SHUT_WR);
  g_free (way);
  return NULL;
}

static struct sockaddr_in
make_address (guint port)
{
  return (struct sockaddr_in){ .sin_family = AF_INET,
                               .sin_port = htons ((guint16) port),
                               .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
}

static void
add_way (SlowRelay *self, int from, int to, gboolean delays)
{
  Way *way = g_new (Way, 1);
  int on = 1;

  *way = (Way){ self, from, to, delays };
  setsockopt (to, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  g_ptr_array_add (self->threads, g_thread_new ("relay", relay_way, way));
}

static gpointer
accept_all (gpointer data)
{
  SlowRelay *self = data;
  g_autoptr (GArray) fds = g_array_new (FALSE, FALSE, sizeof (int));
  struct sockaddr_in server = make_address (self->server_port);
  int client;

  while ((client = accept4 (self->fd, NULL, NULL, SOCK_CLOEXEC)) >= 0)
    {
      int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

      g_assert_cmpint (connect (fd, (struct sockaddr *) &server, sizeof server), ==, 0);
      add_way (self, client, fd, FALSE);
      add_way (self, fd, client, TRUE);
      g_array_append_val (fds, client);
      g_array_append_val (fds, fd);
    }
  for (guint i = 0; i < self->threads->len; i++)
    g_thread_join (g_ptr_array_index (self->threads, i));
  for (guint i = 0; i < fds->len; i++)
    close (g_array_index (fds, int, i));
  return NULL;
}

SlowRelay *
slow_relay_new (guint port)
{
  SlowRelay *self = g_new0 (SlowRelay, 1);
  struct sockaddr_in address = make_address (0);
  socklen_t size = sizeof address;

  self->server_port = port;
  self->threads = g_ptr_array_new ();
  self->fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  g_assert_cmpint (bind (self->fd, (struct sockaddr *) &address, sizeof address), ==, 0);
  g_assert_cmpint (listen (self->fd, 64), ==, 0);
  g_assert_cmpint (getsockname (self->fd, (struct sockaddr *) &address, &size), ==, 0);
  self->port = ntohs (address.sin_port);
  self->thread = g_thread_new ("accept", accept_all, self);
  return self;
}

guint
slow_relay_get_port (SlowRelay *self)
{
  return self->port;
}

guint
slow_relay_get_n_delays (SlowRelay *self)
{
  return (guint) g_atomic_int_get (&self->n_delays);
}

void
slow_relay_lie (SlowRelay *self)
{
  g_atomic_int_set (&self->lies, 1);
}

void
slow_relay_free (SlowRelay *self)
{
  shutdown (self->fd, SHUT_RDWR);
  g_thread_join (self->thread);
  close (self->fd);
  g_ptr_array_unref (self->threads);
  g_free (self);
}
