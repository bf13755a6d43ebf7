/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-dictionary.h"

const char *
ob_dict_text (GVariant *dictionary, const char *key)
{
  const char *text = "";

  g_variant_lookup (dictionary, key, "&s", &text);
  return text;
}

guint64
ob_dict_number (GVariant *dictionary, const char *key)
{
  guint64 number = 0;

  g_variant_lookup (dictionary, key, "t", &number);
  return number;
}
