/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-child-capture.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ob-fd.h"

#define FIRST_FD 3
#define MAX_ALL (64 * 1024 * 1024)
#define MAX_TAIL (8 * 1024)
#define READ_SIZE (32 * 1024)
/* After the child's end a pipe holds at most what its buffer holds; more comes from a process that
 * the child left behind, and may never end. */
#define MAX_READS_AT_END 64
#define LAST_LINES 8
#define MAX_LAST_LINES 1500

struct _ObChildCapture
{
  ObChildCaptureKind kind;
  gboolean file;
  int fd;
  off_t position; /* in a file; the descriptor's own one is moved by the child */
  GString *text;
  gboolean flooded;
};

/* FALSE with errno set. */
static gboolean
make_ends (gboolean file, int *ours, int *childs)
{
  int fds[2];

  if (!file)
    {
      if (pipe2 (fds, O_CLOEXEC) != 0)
        return FALSE;
      *ours = fds[0];
      *childs = fds[1];
      return fcntl (*ours, F_SETFL, O_NONBLOCK) == 0;
    }

  *ours = memfd_create ("obbackup-child-output", MFD_CLOEXEC);
  if (*ours < 0)
    return FALSE;
  *childs = fcntl (*ours, F_DUPFD_CLOEXEC, FIRST_FD);
  /* Appending, whoever opens it again through /dev/stderr. */
  return *childs >= 0 && fcntl (*ours, F_SETFL, O_APPEND) == 0;
}

ObChildCapture *
ob_child_capture_new (ObChildCaptureKind kind, gboolean file, int *child_fd)
{
  ob_autofd int ours = -1;
  ob_autofd int childs = -1;
  ObChildCapture *self;

  *child_fd = -1;
  if (!make_ends (file, &ours, &childs))
    return NULL;
  *child_fd = fcntl (childs, F_DUPFD_CLOEXEC, FIRST_FD);
  if (*child_fd < 0)
    return NULL;

  self = g_new0 (ObChildCapture, 1);
  self->kind = kind;
  self->file = file;
  self->fd = ob_fd_steal (&ours);
  self->text = g_string_new (NULL);
  return self;
}

int
ob_child_capture_get_fd (ObChildCapture *capture)
{
  return capture == NULL || capture->file ? -1 : capture->fd;
}

static void
add (ObChildCapture *self, const char *data, gsize size)
{
  if (self->kind == OB_CHILD_CAPTURE_ALL)
    {
      gsize room = MAX_ALL - self->text->len;

      self->flooded = self->flooded || size > room;
      g_string_append_len (self->text, data, (gssize) MIN (size, room));
      return;
    }
  g_string_append_len (self->text, data, (gssize) size);
  if (self->text->len > MAX_TAIL)
    g_string_erase (self->text, 0, (gssize) (self->text->len - MAX_TAIL));
}

/* FALSE where nothing is there now. */
static gboolean
read_some (ObChildCapture *self)
{
  char buffer[READ_SIZE];
  ssize_t size;

  if (self->fd < 0)
    return FALSE;
  do
    size = self->file ? pread (self->fd, buffer, sizeof buffer, self->position)
                      : read (self->fd, buffer, sizeof buffer);
  while (size < 0 && errno == EINTR);

  if (size > 0)
    {
      self->position += size;
      add (self, buffer, (gsize) size);
    }
  else if (size == 0 || errno != EAGAIN)
    ob_fd_clear (&self->fd);
  return size > 0;
}

void
ob_child_capture_read (ObChildCapture *capture)
{
  if (capture != NULL)
    read_some (capture);
}

gboolean
ob_child_capture_is_flooded (ObChildCapture *capture)
{
  return capture != NULL && capture->flooded;
}

void
ob_child_capture_finish (ObChildCapture *capture)
{
  struct stat info;

  if (capture == NULL || capture->fd < 0)
    return;
  if (capture->file && capture->kind == OB_CHILD_CAPTURE_TAIL && fstat (capture->fd, &info) == 0)
    capture->position = MAX (0, info.st_size - MAX_TAIL);
  for (guint i = 0; i < MAX_READS_AT_END && read_some (capture); i++)
    ;
  ob_fd_clear (&capture->fd);
}

const char *
ob_child_capture_get_text (ObChildCapture *capture)
{
  return capture == NULL ? "" : capture->text->str;
}

char *
ob_child_capture_get_last_lines (ObChildCapture *capture)
{
  g_autofree char *text = NULL;
  char *from;
  char *end;
  guint lines = 0;

  if (capture == NULL)
    return g_strdup ("");
  text = g_utf8_make_valid (capture->text->str, (gssize) capture->text->len);
  g_strchomp (text);

  end = text + strlen (text);
  for (from = end; from > text && end - from < MAX_LAST_LINES; from--)
    if (from[-1] == '\n' && ++lines == LAST_LINES)
      break;
  /* Cut at the beginning of a character. */
  while ((*from & 0xc0) == 0x80)
    from++;

  /* A program that an ordinary user has a hand in must not speak to the administrator's
   * terminal. */
  for (char *c = from; *c != '\0'; c = g_utf8_next_char (c))
    if (g_unichar_iscntrl (g_utf8_get_char (c)))
      memset (c, ' ', (gsize) (g_utf8_next_char (c) - c));
  return g_strdup (g_strstrip (from));
}

void
ob_child_capture_free (ObChildCapture *capture)
{
  if (capture == NULL)
    return;
  ob_fd_clear (&capture->fd);
  g_string_free (capture->text, TRUE);
  g_free (capture);
}
