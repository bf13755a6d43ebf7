/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-fd.h"

#include <errno.h>
#include <unistd.h>

void
ob_fd_clear (int *fd)
{
  int saved = errno;

  /* Not tried again on EINTR: Linux has closed it by then. */
  if (*fd >= 0)
    close (*fd);
  *fd = -1;
  errno = saved;
}

int
ob_fd_steal (int *fd)
{
  int given = *fd;

  *fd = -1;
  return given;
}
