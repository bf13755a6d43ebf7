/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-file-reader.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "ob-fd.h"
#include "ob-node-read.h"

#define MAX_READS 3
#define MAX_TICK_MS 12

struct _ObFileReader
{
  ObNames *names;
  ObSplitter *splitter;
  ObProgress *progress;
};

ObFileReader *
ob_file_reader_new (ObWriter *writer, ObNames *names, ObProgress *progress,
                    GCancellable *cancellable)
{
  ObFileReader *reader = g_new0 (ObFileReader, 1);

  reader->names = names;
  reader->progress = progress;
  reader->splitter = ob_splitter_new (writer, OB_CHUNKS_FILE, progress, cancellable);
  return reader;
}

void
ob_file_reader_free (ObFileReader *reader)
{
  ob_splitter_free (reader->splitter);
  g_free (reader);
}

/* Neither waits for the writer of a fifo that came in the file's place, nor follows a link that
 * did. */
static int
open_file (int dirfd, const char *name)
{
  const int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
  int fd = openat (dirfd, name, flags | O_NOATIME);

  return fd < 0 && errno == EPERM ? openat (dirfd, name, flags) : fd;
}

/* What an open that failed says of the file. */
static ObFileOutcome
outcome_of_errno (void)
{
  switch (errno)
    {
    case ENOENT:
    case ENOTDIR:
    case ELOOP: /* a link now */
    case ENXIO: /* a socket now */
      return OB_FILE_VANISHED;
    default:
      return OB_FILE_UNREADABLE;
    }
}

/* Bytes from @from on: up to @end, or to the end of the file where @end is negative. *@got is how
 * many there were. */
static ObFileOutcome
read_data (ObFileReader *reader, int fd, off_t from, off_t end, guint64 *got, GError **error)
{
  *got = 0;
  while (end < 0 || from < end)
    {
      gsize room;
      guint8 *at = ob_splitter_get_room (reader->splitter, &room);
      gssize n;

      if (end >= 0)
        room = (gsize) MIN ((guint64) room, (guint64) (end - from));
      n = pread (fd, at, room, from);
      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        return OB_FILE_UNREADABLE;
      if (n == 0)
        break;
      if (!ob_splitter_take (reader->splitter, (gsize) n, error))
        return OB_FILE_FAILED;
      from += n;
      *got += (guint64) n;
    }
  return OB_FILE_READ;
}

/* A file with holes: data where the file system says that there is some, zeros between. */
static ObFileOutcome
read_sparse (ObFileReader *reader, int fd, off_t size, GError **error)
{
  off_t at = 0;

  while (at < size)
    {
      off_t data = lseek (fd, at, SEEK_DATA);
      off_t hole;
      guint64 got;
      ObFileOutcome outcome;

      if (data < 0 && errno != ENXIO)
        data = at; /* the file system does not tell */
      if (data < 0 || data > size)
        data = size;
      if (data > at
          && !ob_splitter_add_zeros (reader->splitter, (guint64) (data - at), error))
        return OB_FILE_FAILED;
      if (data == size)
        return OB_FILE_READ;

      hole = lseek (fd, data, SEEK_HOLE);
      if (hole <= data || hole > size)
        hole = size;
      outcome = read_data (reader, fd, data, hole, &got, error);
      if (outcome != OB_FILE_READ || got < (guint64) (hole - data))
        return outcome;
      at = hole;
    }
  return OB_FILE_READ;
}

static ObFileOutcome
read_once (ObFileReader *reader, int fd, const struct stat *st, GError **error)
{
  guint64 got;

  if (st->st_size > st->st_blksize && st->st_blocks < st->st_size / 512)
    return read_sparse (reader, fd, st->st_size, error);
  /* Up to the size alone: whether it has grown is asked of fstat afterwards. */
  return read_data (reader, fd, 0, st->st_size, &got, error);
}

static gboolean
is_same_state (const struct stat *a, const struct stat *b)
{
  return a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec
         && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec && a->st_ctim.tv_sec == b->st_ctim.tv_sec
         && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* Waits until the clock that files get their times from (which stands still for some
 * milliseconds on kernels before 6.13) has moved on from @ctim: what is written after our
 * reading has another time then, and the next backup sees that the file has changed. */
static void
wait_for_next_tick (const struct timespec *ctim)
{
  for (guint i = 0; i < MAX_TICK_MS; i++)
    {
      struct timespec now;
      gint64 ahead;

      clock_gettime (CLOCK_REALTIME_COARSE, &now);
      ahead = (ctim->tv_sec - now.tv_sec) * G_GINT64_CONSTANT (1000000000)
              + (ctim->tv_nsec - now.tv_nsec);
      /* A time that is far ahead is of another clock. */
      if (ahead < 0 || ahead > MAX_TICK_MS * G_GINT64_CONSTANT (1000000))
        return;
      g_usleep (1000);
    }
}

/* Reads it until its state before and after is the same. *@st is the last one before. */
static ObFileOutcome
read_until_steady (ObFileReader *reader, int fd, struct stat *st, GError **error)
{
  struct stat after;

  wait_for_next_tick (&st->st_ctim);
  if (fstat (fd, &after) != 0)
    return OB_FILE_UNREADABLE;

  for (guint i = 0; i < MAX_READS; i++)
    {
      ObFileOutcome outcome;

      *st = after;
      ob_splitter_reset (reader->splitter);
      /* The bytes of a second reading are none of the total. */
      ob_splitter_set_progress (reader->splitter, i == 0 ? reader->progress : NULL);
      outcome = read_once (reader, fd, st, error);
      if (outcome != OB_FILE_READ)
        return outcome;
      if (fstat (fd, &after) != 0)
        return OB_FILE_UNREADABLE;
      if (is_same_state (st, &after))
        return OB_FILE_READ;
    }
  return OB_FILE_CHANGING;
}

ObFileOutcome
ob_file_reader_read (ObFileReader *reader, int dirfd, const char *name, ObNode **node,
                     GError **error)
{
  ob_autofd int fd = open_file (dirfd, name);
  g_autoptr (ObNode) result = NULL;
  ObFileOutcome outcome;
  struct stat st;

  if (fd < 0)
    return outcome_of_errno ();
  if (fstat (fd, &st) != 0)
    return OB_FILE_UNREADABLE;
  if (!S_ISREG (st.st_mode))
    return OB_FILE_VANISHED;

  outcome = read_until_steady (reader, fd, &st, error);
  if (outcome != OB_FILE_READ && outcome != OB_FILE_CHANGING)
    {
      int saved = errno;

      ob_splitter_reset (reader->splitter);
      errno = saved;
      return outcome;
    }
  result = ob_node_new_from_stat (name, &st, reader->names);
  if (!ob_node_read_xattrs (result, fd))
    return OB_FILE_UNREADABLE;
  if (!ob_splitter_finish (reader->splitter, &result->content, &result->size, error))
    return OB_FILE_FAILED;
  *node = g_steal_pointer (&result);
  return outcome;
}
