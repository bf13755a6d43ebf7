/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-config.h"

#include <string.h>

#include "ob-error.h"
#include "ob-json-reader.h"
#include "ob-polynomial.h"
#include "ob-unpacked-file.h"

void
ob_config_generate (ObConfig *config)
{
  ObId id;

  ob_crypto_random (&id, sizeof id);
  ob_id_to_hex (&id, config->id);
  config->version = 2;
  config->chunker_polynomial = ob_polynomial_random ();
}

char *
ob_config_to_json (const ObConfig *config)
{
  return g_strdup_printf (
    "{\"version\":%u,\"id\":\"%s\",\"chunker_polynomial\":\"%" G_GINT64_MODIFIER "x\"}",
    config->version, config->id, config->chunker_polynomial);
}

static gboolean
read_polynomial (ObJsonReader *reader, guint64 *value)
{
  ObJsonSlice text;

  if (!ob_json_reader_read_string (reader, &text) || text.size < 1 || text.size > 16)
    return ob_json_reader_fail (reader);

  *value = 0;
  for (gsize i = 0; i < text.size; i++)
    {
      int digit = g_ascii_xdigit_value (text.data[i]);

      if (digit < 0)
        return ob_json_reader_fail (reader);
      *value = *value << 4 | (guint64) digit;
    }
  return TRUE;
}

static gboolean
read_members (ObJsonReader *reader, ObConfig *config, guint64 *version)
{
  ObJsonSlice name;
  ObId id;
  gboolean has_id = FALSE;

  ob_json_reader_begin_object (reader);
  while (ob_json_reader_next_member (reader, &name))
    {
      if (ob_json_slice_is (&name, "version"))
        ob_json_reader_read_uint (reader, G_MAXUINT32, version);
      else if (ob_json_slice_is (&name, "id"))
        has_id = ob_json_reader_read_id (reader, &id);
      else if (ob_json_slice_is (&name, "chunker_polynomial"))
        read_polynomial (reader, &config->chunker_polynomial);
      else
        ob_json_reader_skip (reader);
    }
  if (has_id)
    ob_id_to_hex (&id, config->id);

  return ob_json_reader_finish (reader) && has_id;
}

gboolean
ob_config_from_json (const void *text, gsize size, ObConfig *config, GError **error)
{
  ObJsonReader reader;
  guint64 version = 0;

  memset (config, 0, sizeof *config);
  ob_json_reader_init (&reader, text, size);
  if (!read_members (&reader, config, &version) || version == 0)
    {
      g_set_error_literal (error, OB_ERROR, OB_ERROR_CORRUPT,
                           "The config file of the repository does not make sense");
      return FALSE;
    }
  if (version > 2)
    {
      g_set_error (error, OB_ERROR, OB_ERROR_NOT_SUPPORTED,
                   "The repository has format version %" G_GUINT64_FORMAT
                   "; this program knows versions 1 and 2",
                   version);
      return FALSE;
    }

  config->version = (guint) version;
  return TRUE;
}

gboolean
ob_config_unseal (GBytes *sealed, const ObCryptoKey *key, ObConfig *config, GError **error)
{
  g_autoptr (GBytes) text = ob_unpacked_file_unseal (key, sealed);

  if (text == NULL)
    {
      g_set_error_literal (error, OB_ERROR, OB_ERROR_CORRUPT,
                           "The config file of the repository is damaged or does not belong to its "
                           "keys");
      return FALSE;
    }
  return ob_config_from_json (g_bytes_get_data (text, NULL), g_bytes_get_size (text), config,
                              error);
}
