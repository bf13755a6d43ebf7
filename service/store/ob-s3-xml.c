/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-s3-xml.h"

#include <string.h>

#define MAX_PATH 512

typedef struct
{
  ObS3XmlFunc func;
  gpointer user_data;
  GString *path;
  guint depth;
  GString *texts[OB_S3_XML_MAX_DEPTH];
} Parser;

/* internal methods */

static void
refuse (GError **error)
{
  g_set_error_literal (error, G_MARKUP_ERROR, G_MARKUP_ERROR_INVALID_CONTENT, "refused");
}

static void
on_start (GMarkupParseContext *context, const char *name, const char **attribute_names,
          const char **attribute_values, gpointer user_data, GError **error)
{
  Parser *parser = user_data;
  const char *colon = strrchr (name, ':');

  if (colon != NULL)
    name = colon + 1;
  if (parser->depth == OB_S3_XML_MAX_DEPTH || parser->path->len + strlen (name) + 1 > MAX_PATH)
    {
      refuse (error);
      return;
    }
  if (parser->depth > 0)
    g_string_append_c (parser->path, '/');
  g_string_append (parser->path, name);
  if (parser->texts[parser->depth] == NULL)
    parser->texts[parser->depth] = g_string_new (NULL);
  g_string_truncate (parser->texts[parser->depth], 0);
  parser->depth++;
}

static void
on_end (GMarkupParseContext *context, const char *name, gpointer user_data, GError **error)
{
  Parser *parser = user_data;
  const char *slash;

  parser->depth--;
  if (!parser->func (parser->path->str, parser->texts[parser->depth]->str, parser->user_data))
    refuse (error);
  slash = strrchr (parser->path->str, '/');
  g_string_truncate (parser->path, slash != NULL ? (gsize) (slash - parser->path->str) : 0);
}

static void
on_text (GMarkupParseContext *context, const char *text, gsize size, gpointer user_data,
         GError **error)
{
  Parser *parser = user_data;
  GString *own = parser->depth > 0 ? parser->texts[parser->depth - 1] : NULL;

  if (own == NULL)
    return;
  if (own->len + size > OB_S3_XML_MAX_TEXT || memchr (text, '\0', size) != NULL)
    refuse (error);
  else
    g_string_append_len (own, text, (gssize) size);
}

/* Comments and "<?xml …?>" are of no interest; "<!DOCTYPE" has no place in an answer. */
static void
on_passthrough (GMarkupParseContext *context, const char *text, gsize size, gpointer user_data,
                GError **error)
{
  if (size >= 2 && text[1] == '!' && !(size >= 4 && strncmp (text, "<!--", 4) == 0))
    refuse (error);
}

/* public methods */

gboolean
ob_s3_xml_parse (const char *text, gsize size, ObS3XmlFunc func, gpointer user_data)
{
  const GMarkupParser functions = { on_start, on_end, on_text, on_passthrough, NULL };
  Parser parser = { func, user_data, g_string_new (NULL), 0, { NULL } };
  GMarkupParseContext *context
    = g_markup_parse_context_new (&functions, G_MARKUP_TREAT_CDATA_AS_TEXT, &parser, NULL);
  gboolean good = size <= G_MAXSSIZE
                  && g_markup_parse_context_parse (context, text, (gssize) size, NULL)
                  && g_markup_parse_context_end_parse (context, NULL);

  g_markup_parse_context_free (context);
  g_string_free (parser.path, TRUE);
  for (guint i = 0; i < OB_S3_XML_MAX_DEPTH; i++)
    if (parser.texts[i] != NULL)
      g_string_free (parser.texts[i], TRUE);
  return good;
}
