/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "http-peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "peer-bucket.h"

#define MAX_HEAD (64 * 1024)
#define DRIP_US (50 * 1000)

typedef struct
{
  PeerFault fault;
  guint status;
  char *text;
} Step;

typedef struct
{
  char *method, *part;
  Step step;
} Rule;

struct _Peer
{
  int fd;
  char *url;
  pthread_t thread;

  pthread_mutex_t mutex;
  PeerBucket bucket;
  GQueue steps;       /* of Step */
  GQueue rules;       /* of Rule, the last first */
  GPtrArray *threads; /* of pthread_t * */
  GHashTable *open;   /* descriptors of connections */
  gboolean ended;
  char *last;
  guint delay;
  guint n_requests, n_connections, n_now, most;
};

typedef struct
{
  Peer *peer;
  int fd;
} Connection;

static void
request_clear (PeerRequest *request)
{
  g_free (request->head);
  g_free (request->method);
  g_free (request->path);
  g_free (request->query);
  g_clear_pointer (&request->body, g_bytes_unref);
}

static void
step_free (Step *step)
{
  g_free (step->text);
  g_free (step);
}

static void
rule_free (Rule *rule)
{
  g_free (rule->method);
  g_free (rule->part);
  g_free (rule->step.text);
  g_free (rule);
}

static gboolean
send_all (int fd, const char *text, gsize size)
{
  while (size > 0)
    {
      gssize n = send (fd, text, size, MSG_NOSIGNAL);

      if (n <= 0)
        return FALSE;
      text += n;
      size -= (gsize) n;
    }
  return TRUE;
}

static gboolean
read_request (int fd, PeerRequest *request)
{
  g_autoptr (GString) text = g_string_new (NULL);
  g_autofree char *length = NULL;
  g_auto (GStrv) words = NULL;
  char *end, *mark;
  gsize size, have;
  guint8 *body;

  while ((end = strstr (text->str, "\r\n\r\n")) == NULL)
    {
      char byte;

      if (text->len > MAX_HEAD || recv (fd, &byte, 1, 0) != 1)
        return FALSE;
      g_string_append_c (text, byte);
    }
  request->head = g_strndup (text->str, (gsize) (end - text->str));
  words = g_strsplit (request->head, " ", 3);
  request->method = g_strdup (words[0]);
  mark = strchr (words[1], '?');
  request->query = g_strdup (mark != NULL ? mark + 1 : "");
  if (mark != NULL)
    *mark = '\0';
  request->path = g_uri_unescape_string (words[1], NULL);
  length = peer_request_get_header (request->head, "Content-Length");
  size = length != NULL ? (gsize) g_ascii_strtoull (length, NULL, 10) : 0;
  body = g_malloc (size + 1);
  for (have = 0; have < size;)
    {
      gssize n = recv (fd, body + have, size - have, 0);

      if (n <= 0)
        {
          g_free (body);
          return FALSE;
        }
      have += (gsize) n;
    }
  request->body = g_bytes_new_take (body, size);
  return TRUE;
}

/* ---- what is done to it */

static void
reset (int fd)
{
  struct linger linger = { 1, 0 };

  setsockopt (fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
}

static void
wait_for_end (int fd)
{
  char byte;

  while (recv (fd, &byte, 1, 0) == 1)
    ;
}

static void
send_endless (int fd)
{
  g_autofree char *filling = g_strnfill (0x10000, 'x');
  g_autofree char *piece = g_strdup_printf ("10000\r\n%s\r\n", filling);
  const char *head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

  if (send_all (fd, head, strlen (head)))
    while (send_all (fd, piece, strlen (piece)))
      ;
}

static gboolean
send_damaged (int fd, const GString *good)
{
  g_autofree char *copy = g_memdup2 (good->str, good->len);

  copy[good->len - 1] ^= 1;
  return send_all (fd, copy, good->len);
}

/* FALSE where the connection ends. */
static gboolean
respond (int fd, const Step *step, const GString *good)
{
  const char *text = step->text != NULL ? step->text : "";
  const char *body = strstr (good->str, "\r\n\r\n");
  gsize head = (gsize) (body - good->str) + 4;

  switch (step->fault)
    {
    case FAULT_NONE:
    case FAULT_STATUS:
      return send_all (fd, good->str, good->len);
    case FAULT_RESET:
    case FAULT_LATE:
      reset (fd);
      break;
    case FAULT_CLOSE:
      break;
    case FAULT_SILENCE:
      wait_for_end (fd);
      break;
    case FAULT_CUT_HEADERS:
      send_all (fd, good->str, head / 2);
      break;
    case FAULT_CUT_BODY:
      /* Where there is none, one is promised. */
      if (good->len > head)
        send_all (fd, good->str, head + (good->len - head) / 2);
      else
        send_all (fd, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", 41);
      break;
    case FAULT_GARBAGE:
      send_all (fd, "\x15\x03\x01\x00\x02\x02\x50 no HTTP at all\r\n\r\n", 26);
      break;
    case FAULT_APART:
      return send_all (fd, good->str, head) && send_all (fd, good->str + head, good->len - head);
    case FAULT_DRIP:
      for (gsize i = 0; i < good->len && send_all (fd, good->str + i, 1); i++)
        g_usleep (DRIP_US);
      break;
    case FAULT_ENDLESS:
      send_endless (fd);
      break;
    case FAULT_HUGE:
      send_all (fd, "HTTP/1.1 200 OK\r\nContent-Length: 1000000000000000\r\n\r\nx", 54);
      wait_for_end (fd);
      break;
    case FAULT_DAMAGE:
      return send_damaged (fd, good);
    case FAULT_RAW:
      return send_all (fd, text, strlen (text));
    }
  return FALSE;
}

/* What is done to a request that has no step. With the lock held. Transfer full. */
static Step *
find_rule (Peer *peer, const PeerRequest *request)
{
  Step *step = g_new0 (Step, 1);

  for (GList *i = peer->rules.head; i != NULL; i = i->next)
    {
      const Rule *rule = i->data;

      if (strcmp (request->method, rule->method) != 0
          || (strstr (request->path, rule->part) == NULL
              && strstr (request->query, rule->part) == NULL))
        continue;
      *step = (Step){ rule->step.fault, rule->step.status, g_strdup (rule->step.text) };
      break;
    }
  return step;
}

static gboolean
handle (Peer *peer, int fd, const PeerRequest *request)
{
  Step *step;
  GString *good;
  gboolean more;
  guint delay;

  pthread_mutex_lock (&peer->mutex);
  peer->n_requests++;
  peer->n_now++;
  peer->most = MAX (peer->most, peer->n_now);
  g_free (peer->last);
  peer->last = g_strdup (request->head);
  step = g_queue_pop_head (&peer->steps);
  if (step == NULL)
    step = find_rule (peer, request);
  /* What goes wrong before an answer has not happened. */
  if (step->fault == FAULT_STATUS)
    good = peer_bucket_answer_error (&peer->bucket, step->status, step->text);
  else if (step->fault == FAULT_NONE || step->fault == FAULT_LATE
           || strcmp (request->method, "GET") == 0)
    good = peer_bucket_serve (&peer->bucket, request);
  else
    good = peer_bucket_answer (&peer->bucket, 200, "", "", 0);
  delay = peer->delay;
  pthread_mutex_unlock (&peer->mutex);

  g_usleep (delay * 1000);
  pthread_mutex_lock (&peer->mutex);
  peer->n_now--;
  pthread_mutex_unlock (&peer->mutex);
  more = respond (fd, step, good);
  g_string_free (good, TRUE);
  step_free (step);
  return more;
}

static void *
run_connection (void *data)
{
  Connection *connection = data;
  Peer *peer = connection->peer;
  int fd = connection->fd;
  gboolean more = TRUE;

  g_free (connection);
  while (more)
    {
      PeerRequest request = { 0 };

      more = read_request (fd, &request) && handle (peer, fd, &request);
      request_clear (&request);
    }
  pthread_mutex_lock (&peer->mutex);
  g_hash_table_remove (peer->open, GINT_TO_POINTER (fd));
  pthread_mutex_unlock (&peer->mutex);
  close (fd);
  return NULL;
}

static void *
run_peer (void *data)
{
  Peer *peer = data;
  int fd;

  while ((fd = accept (peer->fd, NULL, NULL)) >= 0)
    {
      Connection *connection = g_new (Connection, 1);
      pthread_t *thread = g_new (pthread_t, 1);

      *connection = (Connection){ peer, fd };
      pthread_mutex_lock (&peer->mutex);
      peer->n_connections++;
      g_hash_table_add (peer->open, GINT_TO_POINTER (fd));
      g_ptr_array_add (peer->threads, thread);
      pthread_mutex_unlock (&peer->mutex);
      g_assert_cmpint (pthread_create (thread, NULL, run_connection, connection), ==, 0);
    }
  return NULL;
}

/* ---- public */

Peer *
peer_new (void)
{
  Peer *peer = g_new0 (Peer, 1);
  struct sockaddr_in address = { .sin_family = AF_INET };
  socklen_t size = sizeof address;

  address.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
  pthread_mutex_init (&peer->mutex, NULL);
  peer_bucket_init (&peer->bucket);
  peer->open = g_hash_table_new (NULL, NULL);
  peer->threads = g_ptr_array_new_with_free_func (g_free);
  g_queue_init (&peer->steps);
  g_queue_init (&peer->rules);
  peer->fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  g_assert_cmpint (peer->fd, >=, 0);
  g_assert_cmpint (bind (peer->fd, (struct sockaddr *) &address, sizeof address), ==, 0);
  g_assert_cmpint (listen (peer->fd, 64), ==, 0);
  g_assert_cmpint (getsockname (peer->fd, (struct sockaddr *) &address, &size), ==, 0);
  peer->url = g_strdup_printf ("http://127.0.0.1:%u", ntohs (address.sin_port));
  g_assert_cmpint (pthread_create (&peer->thread, NULL, run_peer, peer), ==, 0);
  return peer;
}

void
peer_free (Peer *peer)
{
  GHashTableIter iter;
  gpointer fd;

  shutdown (peer->fd, SHUT_RDWR);
  pthread_join (peer->thread, NULL);
  close (peer->fd);
  pthread_mutex_lock (&peer->mutex);
  g_hash_table_iter_init (&iter, peer->open);
  while (g_hash_table_iter_next (&iter, &fd, NULL))
    shutdown (GPOINTER_TO_INT (fd), SHUT_RDWR);
  pthread_mutex_unlock (&peer->mutex);
  for (guint i = 0; i < peer->threads->len; i++)
    pthread_join (*(pthread_t *) g_ptr_array_index (peer->threads, i), NULL);
  g_ptr_array_unref (peer->threads);
  g_hash_table_unref (peer->open);
  peer_bucket_clear (&peer->bucket);
  g_queue_clear_full (&peer->steps, (GDestroyNotify) step_free);
  g_queue_clear_full (&peer->rules, (GDestroyNotify) rule_free);
  pthread_mutex_destroy (&peer->mutex);
  g_free (peer->last);
  g_free (peer->url);
  g_free (peer);
}

const char *
peer_get_url (Peer *peer)
{
  return peer->url;
}

static void
add_steps (Peer *peer, PeerFault fault, guint status, const char *text, guint n)
{
  pthread_mutex_lock (&peer->mutex);
  for (guint i = 0; i < n; i++)
    {
      Step *step = g_new0 (Step, 1);

      *step = (Step){ fault, status, g_strdup (text) };
      g_queue_push_tail (&peer->steps, step);
    }
  pthread_mutex_unlock (&peer->mutex);
}

void
peer_add (Peer *peer, PeerFault fault, guint n)
{
  add_steps (peer, fault, 0, NULL, n);
}

void
peer_add_status (Peer *peer, guint status, const char *code, guint n)
{
  add_steps (peer, FAULT_STATUS, status, code, n);
}

void
peer_add_raw (Peer *peer, const char *text)
{
  add_steps (peer, FAULT_RAW, 0, text, 1);
}

void
peer_add_rule (Peer *peer, const char *method, const char *part, PeerFault fault, guint status,
               const char *text)
{
  Rule *rule = g_new0 (Rule, 1);

  *rule = (Rule){ g_strdup (method), g_strdup (part), { fault, status, g_strdup (text) } };
  pthread_mutex_lock (&peer->mutex);
  g_queue_push_head (&peer->rules, rule);
  pthread_mutex_unlock (&peer->mutex);
}

guint
peer_clear_steps (Peer *peer)
{
  guint n;

  pthread_mutex_lock (&peer->mutex);
  n = peer->steps.length;
  g_queue_clear_full (&peer->steps, (GDestroyNotify) step_free);
  pthread_mutex_unlock (&peer->mutex);
  return n;
}

void
peer_set_headers (Peer *peer, const char *headers)
{
  pthread_mutex_lock (&peer->mutex);
  g_free (peer->bucket.headers);
  peer->bucket.headers = g_strdup (headers);
  pthread_mutex_unlock (&peer->mutex);
}

void
peer_set_page (Peer *peer, guint n)
{
  pthread_mutex_lock (&peer->mutex);
  peer->bucket.page = n;
  pthread_mutex_unlock (&peer->mutex);
}

void
peer_set_delay (Peer *peer, guint milliseconds)
{
  pthread_mutex_lock (&peer->mutex);
  peer->delay = milliseconds;
  pthread_mutex_unlock (&peer->mutex);
}

void
peer_set_lockable (Peer *peer)
{
  pthread_mutex_lock (&peer->mutex);
  peer->bucket.lockable = TRUE;
  pthread_mutex_unlock (&peer->mutex);
}

char *
peer_get_lock (Peer *peer, const char *key)
{
  char *lock;

  pthread_mutex_lock (&peer->mutex);
  lock = g_strdup (g_hash_table_lookup (peer->bucket.locks, key));
  pthread_mutex_unlock (&peer->mutex);
  return lock;
}

void
peer_set_lock (Peer *peer, const char *key, const char *mode, const char *until)
{
  pthread_mutex_lock (&peer->mutex);
  peer_bucket_set_lock (&peer->bucket, key, mode, until);
  pthread_mutex_unlock (&peer->mutex);
}

void
peer_put (Peer *peer, const char *key, const char *text)
{
  pthread_mutex_lock (&peer->mutex);
  g_hash_table_replace (peer->bucket.objects, g_strdup (key), g_bytes_new (text, strlen (text)));
  pthread_mutex_unlock (&peer->mutex);
}

GBytes *
peer_get (Peer *peer, const char *key)
{
  GBytes *bytes;

  pthread_mutex_lock (&peer->mutex);
  bytes = g_hash_table_lookup (peer->bucket.objects, key);
  if (bytes != NULL)
    g_bytes_ref (bytes);
  pthread_mutex_unlock (&peer->mutex);
  return bytes;
}

guint
peer_count_keys (Peer *peer, const char *part)
{
  GHashTableIter iter;
  gpointer key;
  guint n = 0;

  pthread_mutex_lock (&peer->mutex);
  g_hash_table_iter_init (&iter, peer->bucket.objects);
  while (g_hash_table_iter_next (&iter, &key, NULL))
    n += strstr (key, part) != NULL ? 1 : 0;
  pthread_mutex_unlock (&peer->mutex);
  return n;
}

static guint
get_number (Peer *peer, const guint *number)
{
  guint value;

  pthread_mutex_lock (&peer->mutex);
  value = *number;
  pthread_mutex_unlock (&peer->mutex);
  return value;
}

guint
peer_count_requests (Peer *peer)
{
  return get_number (peer, &peer->n_requests);
}

guint
peer_count_connections (Peer *peer)
{
  return get_number (peer, &peer->n_connections);
}

guint
peer_get_most (Peer *peer)
{
  return get_number (peer, &peer->most);
}

char *
peer_get_last (Peer *peer)
{
  char *last;

  pthread_mutex_lock (&peer->mutex);
  last = g_strdup (peer->last);
  pthread_mutex_unlock (&peer->mutex);
  return last;
}
