/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The format is that of libpq's password file (PostgreSQL documentation, "The Password File"):
 * host:port:database:user:password, where a backslash goes before each ":" and "\" in a field. */
#include "ob-postgres.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ob-error.h"
#include "ob-fd.h"
#include "ob-io.h"
#include "ob-secret.h"

/* Below are a child's standard input, output and errors. */
#define FIRST_FD 3

/* A file in memory: nothing is left on any disk, however we end. Children of ours inherit it and
 * open it anew through their own entry in /proc: ours is closed to them, since we are not dumpable
 * and have no CAP_SYS_PTRACE. */
struct _ObPassFile
{
  int fd;
  char *path;
};

/* The escaped length of @field, and in @out (which may be NULL) the field. */
static gsize
escape (const char *field, char *out)
{
  gsize n = 0;

  for (; *field != '\0'; field++)
    {
      if (*field == ':' || *field == '\\')
        {
          if (out != NULL)
            out[n] = '\\';
          n++;
        }
      if (out != NULL)
        out[n] = *field;
      n++;
    }
  return n;
}

/* One line, in one buffer that is wiped afterwards: a GString would leave copies as it grows. */
static gboolean
write_line (int fd, const char *user, const char *password, GError **error)
{
  static const char any[] = "*:*:*:";
  gsize size;
  gsize at = strlen (any);
  char *line;
  gboolean written;

  if (user == NULL || password == NULL)
    return TRUE;
  if (strpbrk (password, "\r\n") != NULL || strpbrk (user, "\r\n") != NULL)
    {
      g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
                   "The name or the password of the role \"%s\" has a line break in it, which "
                   "pg_dump and pg_restore cannot be given",
                   user);
      return FALSE;
    }

  size = at + escape (user, NULL) + 1 + escape (password, NULL) + 1;
  line = g_malloc (size);
  memcpy (line, any, at);
  at += escape (user, line + at);
  line[at++] = ':';
  at += escape (password, line + at);
  line[at++] = '\n';
  written = ob_write_full (fd, line, at);
  if (!written)
    ob_set_error_errno (error, errno, "The pass file cannot be written");
  ob_secret_wipe (line, size);
  g_free (line);
  return written;
}

/* -1 with errno set. */
static int
make_file (void)
{
  ob_autofd int low = memfd_create ("obbackup-pgpass", MFD_CLOEXEC);

  /* libpq ignores a pass file that others could read. */
  if (low < 0 || fchmod (low, 0600) < 0)
    return -1;
  return fcntl (low, F_DUPFD_CLOEXEC, FIRST_FD);
}

ObPassFile *
ob_pass_file_new (const ObDatabaseConfig *config, GError **error)
{
  g_autoptr (ObPassFile) self = g_new0 (ObPassFile, 1);

  self->fd = make_file ();
  if (self->fd < 0)
    {
      ob_set_error_errno (error, errno, "A pass file for pg_dump cannot be made");
      return NULL;
    }
  if (!write_line (self->fd, config->user, config->password, error))
    return NULL;
  if (g_strcmp0 (config->user, config->system_user) != 0
      && !write_line (self->fd, config->system_user, config->system_password, error))
    return NULL;

  self->path = g_strdup_printf ("/proc/self/fd/%d", self->fd);
  return g_steal_pointer (&self);
}

int
ob_pass_file_get_fd (ObPassFile *self)
{
  return self->fd;
}

const char *
ob_pass_file_get_path (ObPassFile *self)
{
  return self->path;
}

void
ob_pass_file_free (ObPassFile *self)
{
  if (self == NULL)
    return;

  ob_fd_clear (&self->fd);
  g_free (self->path);
  g_free (self);
}
