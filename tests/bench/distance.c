/* SPDX-License-Identifier: GPL-3.0-or-later */
/* distance PORT MILLISECONDS: stands before a server on 127.0.0.1, and lets an answer come so many
 * milliseconds later, as from far away: every byte is half of that on its way there, and half on
 * its way back, and as many may be on their way as are sent. Writes the port that it listens on,
 * and ends with its standard input. */

#include <glib.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define PIECE (64 * 1024)

/* One direction of a connection. */
typedef struct
{
  int from, to;
  gint64 delay; /* in microseconds */
  GAsyncQueue *on_the_way; /* of Piece */
} Way;

typedef struct
{
  gint64 arrives;
  gsize size; /* 0: the end */
  char data[];
} Piece;

typedef struct
{
  int client;
  guint16 port;
  gint64 delay;
} Connection;

static void *
send_thread (void *data)
{
  Way *way = data;
  gboolean goes_on = TRUE;

  while (goes_on)
    {
      g_autofree Piece *piece = g_async_queue_pop (way->on_the_way);
      gint64 now = g_get_monotonic_time ();

      if (piece->arrives > now)
        g_usleep ((gulong) (piece->arrives - now));
      goes_on = piece->size > 0;
      for (gsize done = 0; done < piece->size;)
        {
          ssize_t n = send (way->to, piece->data + done, piece->size - done, MSG_NOSIGNAL);

          if (n <= 0)
            break;
          done += (gsize) n;
        }
    }
  shutdown (way->to, SHUT_WR);
  return NULL;
}

static void *
receive_thread (void *data)
{
  Way *way = data;
  GThread *sender = g_thread_new ("send", send_thread, way);
  gboolean goes_on = TRUE;

  while (goes_on)
    {
      Piece *piece = g_malloc (sizeof (Piece) + PIECE);
      ssize_t n = recv (way->from, piece->data, PIECE, 0);
      int on = 1;

      /* Who waits for the acknowledgement of a part before he sends the next one is not to wait for
       * us. */
      setsockopt (way->from, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
      goes_on = n > 0;
      piece->size = n > 0 ? (gsize) n : 0;
      piece->arrives = g_get_monotonic_time () + way->delay;
      g_async_queue_push (way->on_the_way, piece);
    }
  g_thread_join (sender);
  return NULL;
}

static int
connect_to (guint16 port)
{
  const struct sockaddr_in address
    = { .sin_family = AF_INET, .sin_port = htons (port), .sin_addr = { htonl (INADDR_LOOPBACK) } };
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int on = 1;

  if (fd < 0 || connect (fd, (const struct sockaddr *) &address, sizeof address) < 0)
    return -1;
  setsockopt (fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

static void *
serve (void *data)
{
  g_autofree Connection *connection = data;
  int server = connect_to (connection->port);
  Way there = { connection->client, server, connection->delay, g_async_queue_new_full (g_free) };
  Way back = { server, connection->client, connection->delay, g_async_queue_new_full (g_free) };

  if (server >= 0)
    {
      GThread *thread = g_thread_new ("there", receive_thread, &there);

      receive_thread (&back);
      g_thread_join (thread);
      close (server);
    }
  close (connection->client);
  g_async_queue_unref (there.on_the_way);
  g_async_queue_unref (back.on_the_way);
  return NULL;
}

static void *
wait_for_end (void *data)
{
  while (getchar () != EOF)
    ;
  exit (0);
}

int
main (int argc, char **argv)
{
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr = { htonl (INADDR_LOOPBACK) } };
  socklen_t size = sizeof address;
  int listener = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int on = 1;

  if (argc != 3)
    {
      fprintf (stderr, "Usage: distance PORT MILLISECONDS\n");
      return 2;
    }
  if (listener < 0 || bind (listener, (struct sockaddr *) &address, size) < 0
      || listen (listener, 64) < 0
      || getsockname (listener, (struct sockaddr *) &address, &size) < 0)
    {
      perror ("distance");
      return 1;
    }
  printf ("%u\n", ntohs (address.sin_port));
  fflush (stdout);
  g_thread_unref (g_thread_new ("end", wait_for_end, NULL));
  while (TRUE)
    {
      Connection *connection = g_new0 (Connection, 1);

      connection->client = accept (listener, NULL, NULL);
      connection->port = (guint16) atoi (argv[1]);
      connection->delay = atoi (argv[2]) * G_TIME_SPAN_MILLISECOND / 2;
      if (connection->client < 0)
        return 1;
      setsockopt (connection->client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      g_thread_unref (g_thread_new ("serve", serve, connection));
    }
}
