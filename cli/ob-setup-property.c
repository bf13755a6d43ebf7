/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-setup-property.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define VALUE_MAX 4096

/* internal methods */

static gboolean
is_blank (char c)
{
  return c == ' ' || c == '\t' || c == '\f';
}

/* Where the key that begins at @at ends. */
static const char *
end_of_key (const char *at, const char *end)
{
  while (at < end && *at != '=' && *at != ':' && !is_blank (*at))
    at += *at == '\\' && at + 1 < end ? 2 : 1;
  return at;
}

static gboolean
is_key (const char *at, const char *end, const char *key)
{
  for (; at < end; at++, key++)
    {
      if (*at == '\\' && at + 1 < end)
        at++;
      if (*key == '\0' || *at != *key)
        return FALSE;
    }
  return *key == '\0';
}

static const char *
skip_blanks (const char *at, const char *end)
{
  while (at < end && is_blank (*at))
    at++;
  return at;
}

/* The value between @at and @end; NULL where it is none that can be shown. */
static char *
read_value (const char *at, const char *end)
{
  g_autoptr (GString) value = g_string_new (NULL);

  for (; at < end && value->len <= VALUE_MAX; at++)
    {
      if (*at == '\\')
        at++;
      if (at == end)
        break;
      if (g_ascii_iscntrl (*at) || ((guchar) *at >= 0x80 && (guchar) *at < 0xa0))
        return NULL;
      g_string_append_unichar (value, (guchar) *at);
    }
  g_strchomp (value->str);
  if (*value->str == '\0' || value->len > VALUE_MAX)
    return NULL;
  return g_strdup (value->str);
}

/* Reads up to @max bytes into @buffer; -1 on error. */
static gssize
read_all (int fd, char *buffer, gsize max)
{
  gsize done = 0;

  while (done < max)
    {
      gssize n = read (fd, buffer + done, max - done);

      if (n == 0)
        break;
      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        return -1;
      done += (gsize) n;
    }
  return (gssize) done;
}

/* public methods */

char *
ob_setup_property (const char *text, gsize size, const char *key)
{
  const char *const whole_end = text + size;
  char *found = NULL;

  for (const char *line = text; line < whole_end;)
    {
      const char *newline = memchr (line, '\n', (gsize) (whole_end - line));
      const char *end = newline != NULL ? newline : whole_end;
      const char *next = newline != NULL ? newline + 1 : whole_end;
      const char *at = NULL, *key_end = NULL;

      if (end > line && end[-1] == '\r')
        end--;
      at = skip_blanks (line, end);
      key_end = end_of_key (at, end);
      if (at < end && *at != '#' && *at != '!' && is_key (at, key_end, key))
        {
          at = skip_blanks (key_end, end);
          if (at < end && (*at == '=' || *at == ':'))
            at = skip_blanks (at + 1, end);
          g_free (found);
          found = read_value (at, end);
        }
      line = next;
    }
  return found;
}

char *
ob_setup_read_file (const char *path, gsize *size)
{
  int fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  struct stat info = { 0 };
  g_autofree char *text = NULL;
  gssize n = -1;

  if (fd < 0)
    return NULL;
  if (fstat (fd, &info) == 0 && !S_ISREG (info.st_mode))
    errno = EINVAL;
  else if (info.st_size > OB_SETUP_PROPERTIES_MAX)
    errno = EFBIG;
  else
    {
      text = g_malloc ((gsize) info.st_size + 1);
      n = read_all (fd, text, (gsize) info.st_size);
    }
  close (fd);
  if (n < 0)
    return NULL;
  text[n] = '\0';
  *size = (gsize) n;
  return g_steal_pointer (&text);
}
