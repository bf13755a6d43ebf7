/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-s3-listing.h"

#include <string.h>

#include "ob-s3-xml.h"

#define ROOT "ListBucketResult"

typedef struct
{
  ObS3Listing *listing;
  char *key;
  guint64 size;
  gboolean has_size;
  gboolean truncated;
  gboolean complete; /* its root has ended */
} Page;

/* internal methods */

static void
clear_object (gpointer data)
{
  g_free (((ObS3ListedObject *) data)->key);
}

static gboolean
take_key (Page *page, const char *text)
{
  if (page->key != NULL || *text == '\0' || strlen (text) > OB_S3_LISTING_MAX_KEY)
    return FALSE;
  page->key = g_strdup (text);
  return TRUE;
}

static gboolean
take_size (Page *page, const char *text)
{
  if (page->has_size || !g_ascii_string_to_unsigned (text, 10, 0, G_MAXINT64, &page->size, NULL))
    return FALSE;
  page->has_size = TRUE;
  return TRUE;
}

static gboolean
take_object (Page *page)
{
  ObS3ListedObject object = { page->key, page->size };

  if (page->key == NULL || !page->has_size
      || page->listing->objects->len == OB_S3_LISTING_MAX_OBJECTS)
    return FALSE;
  g_array_append_val (page->listing->objects, object);
  page->key = NULL;
  page->has_size = FALSE;
  return TRUE;
}

static gboolean
take_token (Page *page, const char *text)
{
  if (page->listing->next != NULL || strlen (text) > OB_S3_LISTING_MAX_TOKEN)
    return FALSE;
  if (*text != '\0')
    page->listing->next = g_strdup (text);
  return TRUE;
}

static gboolean
on_element (const char *path, const char *text, gpointer user_data)
{
  Page *page = user_data;

  if (page->complete || !g_str_has_prefix (path, ROOT))
    return FALSE;
  path += strlen (ROOT);
  if (strcmp (path, "/Contents/Key") == 0)
    return take_key (page, text);
  if (strcmp (path, "/Contents/Size") == 0)
    return take_size (page, text);
  if (strcmp (path, "/Contents") == 0)
    return take_object (page);
  if (strcmp (path, "/NextContinuationToken") == 0)
    return take_token (page, text);
  if (strcmp (path, "/IsTruncated") == 0)
    page->truncated = strcmp (text, "true") == 0;
  else if (*path == '\0')
    page->complete = TRUE;
  return TRUE;
}

/* public methods */

ObS3Listing *
ob_s3_listing_parse (const char *text, gsize size)
{
  g_autoptr (ObS3Listing) listing = g_new0 (ObS3Listing, 1);
  Page page = { listing, NULL, 0, FALSE, FALSE, FALSE };
  gboolean good;

  listing->objects = g_array_new (FALSE, FALSE, sizeof (ObS3ListedObject));
  g_array_set_clear_func (listing->objects, clear_object);
  good = ob_s3_xml_parse (text, size, on_element, &page) && page.complete;
  g_free (page.key);
  /* Without the token there is no way to the rest, and a list that lacks something is worse than
   * none. */
  if (!good || (page.truncated && listing->next == NULL))
    return NULL;
  if (!page.truncated)
    g_clear_pointer (&listing->next, g_free);
  return g_steal_pointer (&listing);
}

void
ob_s3_listing_free (ObS3Listing *listing)
{
  if (listing == NULL)
    return;
  g_array_unref (listing->objects);
  g_free (listing->next);
  g_free (listing);
}
