/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-sd-notify.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "ob-error.h"
#include "ob-fd.h"
#include "ob-io.h"
#include "ob-text.h"

/* The address that @name stands for, and its size; 0 where it is none. */
static socklen_t
make_address (const char *name, struct sockaddr_un *address)
{
  gsize size = strlen (name);

  if ((*name != '/' && *name != '@') || size < 2 || size >= sizeof address->sun_path)
    return 0;
  *address = (struct sockaddr_un){ .sun_family = AF_UNIX };
  memcpy (address->sun_path, name, size);
  if (*name == '/')
    return (socklen_t) (offsetof (struct sockaddr_un, sun_path) + size + 1);
  /* A name in the abstract space begins with NUL and is as long as the address says. */
  address->sun_path[0] = '\0';
  return (socklen_t) (offsetof (struct sockaddr_un, sun_path) + size);
}

static gboolean
send_to (const struct sockaddr_un *address, socklen_t size, const char *text)
{
  const struct timeval limit = { .tv_usec = OB_SD_NOTIFY_MILLISECONDS * 1000 };
  ob_autofd int fd = socket (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ssize_t sent;

  if (fd < 0 || setsockopt (fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) != 0)
    return FALSE;
  do
    sent = sendto (fd, text, strlen (text), MSG_NOSIGNAL, (const struct sockaddr *) address, size);
  while (sent < 0 && errno == EINTR);
  return sent >= 0;
}

static gboolean
notify (const char *text, GError **error)
{
  const char *name = g_getenv ("NOTIFY_SOCKET");
  struct sockaddr_un address;
  socklen_t size;

  if (name == NULL || *name == '\0')
    return TRUE;
  size = make_address (name, &address);
  if (size == 0)
    {
      g_set_error (error, OB_ERROR, OB_ERROR_NOT_SUPPORTED,
                   "The manager of services cannot be told of our state: NOTIFY_SOCKET is \"%s\", "
                   "neither a path nor an abstract name",
                   name);
      return FALSE;
    }
  return send_to (&address, size, text)
         || ob_set_error_errno (
           error, errno, "The manager of services cannot be told of our state over %s", name);
}

/* @assignment, which may be "", and the status where there is one. */
static gboolean
notify_with_status (const char *assignment, const char *status, GError **error)
{
  g_autofree char *line = NULL;
  g_autofree char *text = NULL;

  if (status == NULL)
    return notify (assignment, error);
  line = ob_text_make_line (status, OB_SD_NOTIFY_MAX_STATUS);
  text = g_strconcat (assignment, "STATUS=", line, "\n", NULL);
  return notify (text, error);
}

gboolean
ob_sd_notify_ready (const char *status, GError **error)
{
  return notify_with_status ("READY=1\n", status, error);
}

gboolean
ob_sd_notify_status (const char *status, GError **error)
{
  return notify_with_status ("", status, error);
}

gboolean
ob_sd_notify_reloading (GError **error)
{
  g_autofree char *text = NULL;
  struct timespec now;

  /* g_get_monotonic_time() is of the same clock, but does not promise it. */
  clock_gettime (CLOCK_MONOTONIC, &now);
  text = g_strdup_printf ("RELOADING=1\nMONOTONIC_USEC=%" G_GINT64_FORMAT "\n",
                          (gint64) now.tv_sec * G_USEC_PER_SEC + now.tv_nsec / 1000);
  return notify (text, error);
}

gboolean
ob_sd_notify_stopping (const char *status, GError **error)
{
  return notify_with_status ("STOPPING=1\n", status, error);
}

gboolean
ob_sd_notify_watchdog (GError **error)
{
  return notify ("WATCHDOG=1\n", error);
}

gboolean
ob_sd_notify_extend_timeout (guint seconds, GError **error)
{
  g_autofree char *text = g_strdup_printf ("EXTEND_TIMEOUT_USEC=%" G_GUINT64_FORMAT "\n",
                                           (guint64) seconds * G_USEC_PER_SEC);

  return notify (text, error);
}

guint64
ob_sd_watchdog_interval (void)
{
  const char *interval = g_getenv ("WATCHDOG_USEC");
  const char *process = g_getenv ("WATCHDOG_PID");
  guint64 number = 0;
  guint64 pid = 0;

  if (interval == NULL || !g_ascii_string_to_unsigned (interval, 10, 1, G_MAXINT64, &number, NULL))
    return 0;
  if (process != NULL
      && (!g_ascii_string_to_unsigned (process, 10, 1, G_MAXINT, &pid, NULL)
          || pid != (guint64) getpid ()))
    return 0;
  return number;
}
