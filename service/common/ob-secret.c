/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-secret.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "ob-error.h"
#include "ob-io.h"

#define GROUPS 8
#define GROUP_LETTERS 4
#define BITS_PER_LETTER 5
#define RANDOM_BYTES (GROUPS * GROUP_LETTERS * BITS_PER_LETTER / 8)

void
ob_secret_wipe (void *data, gsize size)
{
  if (data != NULL)
    explicit_bzero (data, size);
}

void
ob_secret_free (char *secret)
{
  if (secret == NULL)
    return;
  ob_secret_wipe (secret, strlen (secret));
  g_free (secret);
}

void
ob_secret_clear (char **secret)
{
  ob_secret_free (*secret);
  *secret = NULL;
}

/* Two more than @max for the line end, so that what is too long shows, and one for the NUL. */
static gsize
get_room (gsize max)
{
  return max + 3;
}

/* Takes one line end off the @size bytes of @text and ends it with a NUL. FALSE where what is left
 * is not a secret of at most @max bytes. */
static gboolean
finish_secret (char *text, gsize size, gsize max, GError **error)
{
  if (size > 0 && text[size - 1] == '\n')
    {
      size--;
      if (size > 0 && text[size - 1] == '\r')
        size--;
    }
  text[size] = '\0';

  if (size > max)
    {
      g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                   "The secret is longer than %" G_GSIZE_FORMAT " bytes", max);
      return FALSE;
    }
  if (memchr (text, '\0', size) != NULL)
    {
      g_set_error_literal (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                           "The secret holds a zero byte, which no secret can");
      return FALSE;
    }
  return TRUE;
}

/* As ob_read_full(); ETIMEDOUT where the end has not come at the monotonic time @deadline. */
static gssize
read_until (int fd, char *data, gsize size, gint64 deadline)
{
  struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
  gsize done = 0;

  /* poll() would wait for it. */
  if (fd < 0)
    {
      errno = EBADF;
      return -1;
    }
  while (done < size)
    {
      gint64 left = deadline - g_get_monotonic_time ();
      int ready = left > 0 ? poll (&poll_fd, 1, (int) (left / 1000) + 1) : 0;
      gssize n = ready > 0 ? read (fd, data + done, size - done) : -1;

      if (n == 0)
        break;
      if (ready == 0)
        errno = ETIMEDOUT;
      if (n > 0)
        done += (gsize) n;
      else if (errno != EINTR && errno != EAGAIN)
        return -1;
    }
  return (gssize) done;
}

/* The secret that reading has brought into @text (transfer full): @size bytes, -1 where it failed
 * with @errnum. */
static char *
take_secret (char *text, gssize size, int errnum, gsize max, GError **error)
{
  char *secret = NULL;

  if (size < 0 && errnum == ETIMEDOUT)
    g_set_error_literal (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                         "The secret did not come to its end in time; close the writing end of the "
                         "pipe after it");
  else if (size < 0)
    g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT, "The secret cannot be read: %s",
                 g_strerror (errnum));
  else if (finish_secret (text, (gsize) size, max, error))
    /* The copy has the size that ob_secret_free() will wipe. */
    secret = g_strdup (text);

  ob_secret_wipe (text, get_room (max));
  g_free (text);
  return secret;
}

char *
ob_secret_read (int fd, gsize max, GError **error)
{
  char *text = g_malloc0 (get_room (max) + 1);
  gssize size = ob_read_full (fd, text, get_room (max));

  return take_secret (text, size, errno, max, error);
}

char *
ob_secret_read_within (int fd, gsize max, guint seconds, GError **error)
{
  gint64 deadline = g_get_monotonic_time () + (gint64) seconds * G_USEC_PER_SEC;
  char *text = g_malloc0 (get_room (max) + 1);
  gssize size = read_until (fd, text, get_room (max), deadline);

  return take_secret (text, size, errno, max, error);
}

char *
ob_secret_generate (void)
{
  /* Crockford's base 32: no I, L, O, U, so that nothing is mistaken for 1, 0 or V. */
  static const char letters[] = "0123456789abcdefghjkmnpqrstvwxyz";
  guint8 bytes[RANDOM_BYTES];
  char *secret = g_malloc0 (GROUPS * (GROUP_LETTERS + 1));
  char *end = secret;

  if (getentropy (bytes, sizeof bytes) != 0)
    g_error ("The kernel gives no random numbers: %s", g_strerror (errno));

  for (gsize i = 0; i < GROUPS * GROUP_LETTERS; i++)
    {
      gsize bit = i * BITS_PER_LETTER;
      guint pair = (guint) bytes[bit / 8] << 8;

      if (bit / 8 + 1 < sizeof bytes)
        pair |= bytes[bit / 8 + 1];
      if (i > 0 && i % GROUP_LETTERS == 0)
        *end++ = '-';
      *end++ = letters[pair >> (16 - BITS_PER_LETTER - bit % 8) & 31];
    }

  ob_secret_wipe (bytes, sizeof bytes);
  return secret;
}
