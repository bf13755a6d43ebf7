/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-nearest.h"

#include <string.h>

/* How many bytes have to be put in, left out or changed; both have at most
 * OB_NEAREST_MAX_LENGTH. */
static gsize
measure (const char *a, const char *b)
{
  gsize b_length = strlen (b);
  gsize row[OB_NEAREST_MAX_LENGTH + 1];

  /* row[j]: between what was read of @a and the first j bytes of @b. */
  for (gsize j = 0; j <= b_length; j++)
    row[j] = j;
  for (gsize i = 0; a[i] != '\0'; i++)
    {
      gsize before = row[0];

      row[0] = i + 1;
      for (gsize j = 0; j < b_length; j++)
        {
          gsize changed = before + (a[i] == b[j] ? 0 : 1);

          before = row[j + 1];
          row[j + 1] = MIN (changed, MIN (row[j], row[j + 1]) + 1);
        }
    }
  return row[b_length];
}

static gsize
count_common (const char *a, const char *b)
{
  gsize n = 0;

  while (a[n] != '\0' && a[n] == b[n])
    n++;
  return n;
}

const char *
ob_nearest_word (const char *word, const char *const *known)
{
  gsize length = strlen (word);
  gsize least = length / 3;
  const char *nearest = NULL;

  if (length > OB_NEAREST_MAX_LENGTH)
    return NULL;
  for (; *known != NULL; known++)
    {
      gsize distance = strlen (*known) > OB_NEAREST_MAX_LENGTH ? G_MAXSIZE : measure (word, *known);

      if (distance < least
          || (distance == least
              && (nearest == NULL || count_common (word, *known) > count_common (word, nearest))))
        {
          least = distance;
          nearest = *known;
        }
    }
  return nearest;
}
