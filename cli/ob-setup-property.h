/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A look at Openbravo.properties, to recognise one and to propose a name for what it describes.
 * What counts is what the service reads from it later, by all the rules of java.util.Properties.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The largest file that is looked at, in bytes: no more than the service reads. */
#define OB_SETUP_PROPERTIES_MAX (1024 * 1024)

/* The last value of @key in the @size bytes at @text: ISO-8859-1 made UTF-8, without backslashes
 * and without blanks around it. A value that goes on in a further line is cut at the end of its
 * first. NULL where there is none, where it is empty or longer than 4096 bytes, and where it has
 * control characters. Transfer full. Any thread. Format: java.util.Properties.load(). */
char *ob_setup_property (const char *text, gsize size, const char *key);

/* The content of the regular file @path, of at most OB_SETUP_PROPERTIES_MAX bytes, and its length
 * in *@size. Never waits for a pipe. NULL with errno on error (EFBIG, EINVAL for what is no file).
 * Transfer full. Any thread. Blocks. */
char *ob_setup_read_file (const char *path, gsize *size);

G_END_DECLS
