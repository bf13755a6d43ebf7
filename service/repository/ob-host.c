/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-host.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ob-fd.h"
#include "ob-io.h"

#define MAX_PASSWD_SIZE (64 * 1024)

char *
ob_host_get_name (void)
{
  char name[256] = "";

  if (gethostname (name, sizeof name - 1) != 0)
    return g_strdup ("");
  return g_utf8_make_valid (name, -1);
}

char *
ob_host_get_user_name (void)
{
  g_autofree char *buffer = g_malloc (MAX_PASSWD_SIZE);
  struct passwd entry;
  struct passwd *found = NULL;

  if (getpwuid_r (geteuid (), &entry, buffer, MAX_PASSWD_SIZE, &found) != 0 || found == NULL)
    return g_strdup_printf ("%u", (guint) geteuid ());
  return g_utf8_make_valid (found->pw_name, -1);
}

/* The beginning of a small file, "" where it cannot be read. */
static char *
read_start (const char *path)
{
  ob_autofd int fd = open (path, O_RDONLY | O_CLOEXEC);
  char text[1024];
  gssize size = fd < 0 ? -1 : ob_read_full (fd, text, sizeof text - 1);

  return g_strndup (text, size < 0 ? 0 : (gsize) size);
}

char *
ob_host_get_boot_id (void)
{
  return g_strchomp (read_start ("/proc/sys/kernel/random/boot_id"));
}

char *
ob_host_get_machine (void)
{
  g_autofree char *id = g_strstrip (read_start ("/etc/machine-id"));
  g_autofree char *text = g_strconcat ("obbackup machine ", id, NULL);

  /* Before the first boot of an image it is "uninitialized". */
  if (strlen (id) < 32)
    return g_strdup ("");
  return g_compute_checksum_for_string (G_CHECKSUM_SHA256, text, -1);
}

gint64
ob_host_get_boot_time (void)
{
  struct timespec now;
  struct timespec since;

  clock_gettime (CLOCK_REALTIME, &now);
  clock_gettime (CLOCK_BOOTTIME, &since);
  return (gint64) now.tv_sec - since.tv_sec;
}

char *
ob_host_get_pid_namespace (void)
{
  char target[64];
  ssize_t size = readlink ("/proc/self/ns/pid", target, sizeof target);

  return g_strndup (target, size < 0 ? 0 : (gsize) size);
}

/* The field @number of /proc/PID/stat, counted from 3 on (proc(5)), and what follows it; NULL where
 * there is none. The name before it, in parentheses, may hold anything. */
static const char *
find_stat_field (const char *stat, int number)
{
  const char *at = strrchr (stat, ')');

  for (int field = 2; at != NULL && field < number; field++)
    {
      at = strchr (at, ' ');
      if (at != NULL)
        at++;
    }
  return at;
}

static char *
read_stat (pid_t pid)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/stat", (int) pid);

  return read_start (path);
}

guint64
ob_host_get_process_start (pid_t pid)
{
  g_autofree char *stat = read_stat (pid);
  const char *field = find_stat_field (stat, 22);

  return field == NULL ? 0 : g_ascii_strtoull (field, NULL, 10);
}

gboolean
ob_host_process_has_ended (pid_t pid, guint64 start)
{
  g_autofree char *stat = NULL;
  const char *state;
  guint64 actual_start;

  if (pid <= 0)
    return FALSE;
  if (kill (pid, 0) != 0 && errno == ESRCH)
    return TRUE;

  stat = read_stat (pid);
  state = find_stat_field (stat, 3);
  if (state != NULL && (*state == 'Z' || *state == 'X'))
    return TRUE;

  actual_start = ob_host_get_process_start (pid);
  return start != 0 && actual_start != 0 && actual_start != start;
}
