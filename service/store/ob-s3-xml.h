/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What S3 answers in XML, for those who need a few texts of it. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Bounds: how deep elements nest, and the bytes of an element's own text. S3's answers nest four
 * deep and hold names of at most 1,024 bytes, which quoting can make six times as long. */
#define OB_S3_XML_MAX_DEPTH 8
#define OB_S3_XML_MAX_TEXT 8192

/* Called at the end of each element: @path from the root, as "ListBucketResult/Contents/Key", and
 * its own text. FALSE ends the parsing: the answer is not what it should be. */
typedef gboolean (*ObS3XmlFunc) (const char *path, const char *text, gpointer user_data);

/* Parses @size bytes. No document type, no entities but the five that XML has of itself: nothing in
 * it makes more of it than is there. Attributes and name spaces are passed over. FALSE where it is
 * no XML, breaks a bound, or @func said so. Any thread. */
gboolean ob_s3_xml_parse (const char *text, gsize size, ObS3XmlFunc func, gpointer user_data);

G_END_DECLS
