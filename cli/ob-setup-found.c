/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-setup-found.h"

#include <stdlib.h>
#include <string.h>

#include "ob-output.h"
#include "ob-setup-property.h"

#define NAME_MAX_LENGTH 63
#define FILE_NAME "Openbravo.properties"

/* internal methods */

/* @text with what no name can have left out; NULL where nothing remains. Transfer full. */
static char *
make_name (const char *text)
{
  g_autoptr (GString) name = g_string_new (NULL);

  for (; text != NULL && *text != '\0' && name->len < NAME_MAX_LENGTH; text++)
    if (g_ascii_isalnum (*text) || (name->len > 0 && (*text == '-' || *text == '_')))
      g_string_append_c (name, *text);
  return name->len > 0 ? g_strdup (name->str) : NULL;
}

/* public methods */

void
ob_setup_found_free (ObSetupFound *found)
{
  g_free (found->properties);
  g_free (found->context);
  g_free (found);
}

ObSetupFound *
ob_setup_found_new (const char *path, gboolean certain)
{
  g_autoptr (ObSetupFound) found = NULL;
  g_autofree char *resolved = realpath (path, NULL);
  g_autofree char *text = NULL;
  g_autofree char *url = NULL;
  g_autofree char *sources = NULL;
  struct stat info = { 0 };
  gsize size = 0;

  if (resolved == NULL || !ob_setup_path_is_plain (resolved) || stat (resolved, &info) != 0)
    return NULL;
  text = ob_setup_read_file (resolved, &size);
  if (text == NULL)
    return NULL;
  url = ob_setup_property (text, size, "bbdd.url");
  sources = ob_setup_property (text, size, "source.path");
  if (url == NULL || sources == NULL)
    return NULL;

  found = g_new0 (ObSetupFound, 1);
  found->properties = g_strdup (resolved);
  found->context = ob_setup_property (text, size, "context.name");
  found->certain = certain;
  found->device = info.st_dev;
  found->inode = info.st_ino;
  return g_steal_pointer (&found);
}

char *
ob_setup_found_locate (const char *path)
{
  g_autofree char *absolute = g_canonicalize_filename (path, NULL);
  g_autofree char *in_config = g_build_filename (absolute, "config", FILE_NAME, NULL);

  if (!g_file_test (absolute, G_FILE_TEST_IS_DIR))
    return g_steal_pointer (&absolute);
  if (g_file_test (in_config, G_FILE_TEST_EXISTS))
    return g_steal_pointer (&in_config);
  return g_build_filename (absolute, FILE_NAME, NULL);
}

char *
ob_setup_found_propose_name (const char *properties, const char *context)
{
  g_autofree char *config = g_path_get_dirname (properties);
  g_autofree char *sources = g_path_get_dirname (config);
  g_autofree char *directory = g_path_get_basename (sources);
  char *name = make_name (context);

  if (name == NULL)
    name = make_name (directory);
  return name != NULL ? name : g_strdup ("openbravo");
}

gboolean
ob_setup_name_is_valid (const char *name)
{
  gsize length = strlen (name);

  if (length == 0 || length > NAME_MAX_LENGTH || !g_ascii_isalnum (*name))
    return FALSE;
  for (; *name != '\0'; name++)
    if (!g_ascii_isalnum (*name) && *name != '-' && *name != '_')
      return FALSE;
  return TRUE;
}

gboolean
ob_setup_path_is_plain (const char *path)
{
  g_autofree char *shown = ob_output_escape (path);

  return strcmp (shown, path) == 0;
}
