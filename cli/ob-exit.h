/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Exit statuses; the manual promises them. */
typedef enum
{
  OB_EXIT_DONE = 0,
  OB_EXIT_FAILED = 1,
  OB_EXIT_USAGE = 2,
  OB_EXIT_PARTIAL = 3,
  OB_EXIT_NOT_AUTHORIZED = 4,
  OB_EXIT_NOT_FOUND = 5,
  OB_EXIT_BUSY = 6,
  OB_EXIT_DESTINATION_UNAVAILABLE = 7,
  OB_EXIT_CANCELLED = 130,
} ObExit;
