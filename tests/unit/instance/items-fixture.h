/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The items that a parser of rows gives, as text. */
#pragma once

#include "ob-copy-script.h"

G_BEGIN_DECLS

/* A parser: @open makes it read from a descriptor. */
typedef struct
{
  gpointer (*open) (int fd);
  gboolean (*next) (gpointer source, ObScriptItem *item, GError **error);
  void (*free) (gpointer source);
} ItemParser;

/* Hands the parser @data in pieces of @step bytes, so that items are met in any place, and joins
 * what it gives: "S<statement>", "C<copy>", rows as they are, "E<>" for their end. NULL on error.
 * Transfer full. */
GString *describe_items (const ItemParser *parser, const void *data, gsize size, gsize step,
                         GError **error);

G_END_DECLS
