/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a child writes, kept for the one who waits for it; only ob-child.c uses it. Not thread-safe.
 * Every function but the first accepts NULL: nothing is captured. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct _ObChildCapture ObChildCapture;

typedef enum
{
  OB_CHILD_CAPTURE_ALL,  /* up to 64 MiB */
  OB_CHILD_CAPTURE_TAIL, /* the last 8 KiB */
} ObChildCaptureKind;

/* Makes it, and in *@child_fd (3 or more, transfer full) what the child writes to; -1 with errno
 * set, and NULL, on error. A pipe; or a file in memory with @file, for a child that goes on writing
 * when we are gone, which a pipe would then end. */
ObChildCapture *ob_child_capture_new (ObChildCaptureKind kind, gboolean file, int *child_fd);

/* The descriptor to poll for input, -1 where there is none (any more). */
int ob_child_capture_get_fd (ObChildCapture *capture);

/* Takes what is there, without blocking. */
void ob_child_capture_read (ObChildCapture *capture);

/* Whether more than the kind allows was written. */
gboolean ob_child_capture_is_flooded (ObChildCapture *capture);

/* Takes the rest after the child's end, as far as it is there, and closes. */
void ob_child_capture_finish (ObChildCapture *capture);

/* After ob_child_capture_finish(): the text, "" for NULL. Transfer none. */
const char *ob_child_capture_get_text (ObChildCapture *capture);

/* The last few lines as one line of valid UTF-8 without control characters. Transfer full. */
char *ob_child_capture_get_last_lines (ObChildCapture *capture);

void ob_child_capture_free (ObChildCapture *capture);

G_END_DECLS
