/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Closes *@fd where it is not negative and sets it to -1. Keeps errno. Any thread. */
void ob_fd_clear (int *fd);

/* A descriptor that closes itself: `ob_autofd int fd = open (…);`. */
#define ob_autofd __attribute__ ((cleanup (ob_fd_clear)))

/* Gives the descriptor away: returns *@fd and sets it to -1. Any thread. */
int ob_fd_steal (int *fd);

G_END_DECLS
