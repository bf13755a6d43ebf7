/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where the application server deploys from. Openbravo.properties does not tell, so the places are
 * tried that Tomcat's makers, distributions and administrators use. */
#include "ob-instance-private.h"

#include <fcntl.h>
#include <glob.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ob-error.h"
#include "ob-fd.h"
#include "ob-instance-path.h"
#include "ob-path.h"
#include "ob-systemd.h"

/* Directories of web applications, as glob(7) patterns. */
static const char *const places[] = {
  "/var/lib/tomcat*/webapps",     "/usr/share/tomcat*/webapps", "/usr/local/*tomcat*/webapps",
  "/opt/*tomcat*/webapps",        "/opt/*/*tomcat*/webapps",    "/srv/*tomcat*/webapps",
  "/var/lib/tomcats/*/webapps",   "/home/*/*tomcat*/webapps",   "/usr/local/tomcat*/*/webapps",
};

/* internal methods */
static gboolean
is_directory (const char *path)
{
  ob_autofd int fd = ob_path_open (path, O_PATH | O_DIRECTORY, NULL);

  return fd >= 0;
}

static gboolean
is_webapp (const char *path)
{
  g_autofree char *web_inf = g_build_filename (path, "WEB-INF", NULL);

  return is_directory (web_inf);
}

/* Adds BASE/CONTEXT where that is a web application. */
static void
try_base (ObInstance *instance, const char *base, GPtrArray *candidates)
{
  g_autofree char *path = g_build_filename (base, instance->context_name, NULL);
  g_autofree char *resolved = NULL;

  if (*path != '/')
    return;
  resolved = ob_instance_path_resolve (path, NULL, NULL);
  if (resolved == NULL || !is_webapp (resolved)
      || g_ptr_array_find_with_equal_func (candidates, resolved, g_str_equal, NULL))
    return;
  g_ptr_array_add (candidates, g_steal_pointer (&resolved));
}

static void
try_places (ObInstance *instance, GPtrArray *candidates, GCancellable *cancellable)
{
  for (gsize i = 0; i < G_N_ELEMENTS (places); i++)
    {
      glob_t found = { 0 };

      if (g_cancellable_is_cancelled (cancellable))
        return;
      if (glob (places[i], GLOB_NOSORT, NULL, &found) == 0)
        for (gsize j = 0; j < found.gl_pathc; j++)
          try_base (instance, found.gl_pathv[j], candidates);
      globfree (&found);
    }
}

/* Whether the copy of the properties that was deployed with @webapp names our sources. */
static gboolean
names_our_sources (ObInstance *instance, const char *webapp)
{
  g_autofree char *path = g_build_filename (webapp, "WEB-INF", "Openbravo.properties", NULL);
  g_autoptr (ObProperties) properties = NULL;
  g_autofree char *sources = NULL;
  g_autofree char *resolved = NULL;

  properties = ob_properties_load (path, instance->machine_name, NULL);
  if (properties != NULL)
    sources = ob_properties_expand (properties, "source.path", NULL);
  if (sources != NULL)
    resolved = ob_instance_path_resolve (sources, NULL, NULL);
  return g_strcmp0 (resolved, instance->paths[OB_TREE_SOURCES]) == 0;
}

static char *
join_paths (GPtrArray *paths)
{
  g_autoptr (GString) text = g_string_new (NULL);

  for (guint i = 0; i < paths->len; i++)
    g_string_append_printf (text, "%s%s", i > 0 ? ", " : "", (const char *) paths->pdata[i]);
  return g_strndup (text->str, text->len);
}

/* The one of @candidates that is ours; NULL where none is, or more than one. */
static const char *
choose (ObInstance *instance, GPtrArray *candidates)
{
  const char *chosen = NULL;

  if (candidates->len == 1)
    return candidates->pdata[0];
  for (guint i = 0; i < candidates->len; i++)
    if (names_our_sources (instance, candidates->pdata[i]))
      {
        if (chosen != NULL)
          return NULL;
        chosen = candidates->pdata[i];
      }
  return chosen;
}

static void
note_unknown (ObInstance *instance, GPtrArray *candidates, GPtrArray *notes)
{
  g_autofree char *all = join_paths (candidates);

  if (candidates->len > 0)
    g_ptr_array_add (notes, g_strdup_printf (
                                "The web application is not known: %s could be it, and the "
                                "properties in WEB-INF do not tell. Name its directory, or it is "
                                "not backed up.",
                                all));
  else if (strcmp (instance->deploy_mode, "class") == 0)
    g_ptr_array_add (notes, g_strdup_printf (
                                "The web application is not known: no webapps/%s was found where "
                                "Tomcat usually is. Name its directory, or it is not backed up.",
                                instance->context_name));
}

static void
note_war (ObInstance *instance, GPtrArray *notes)
{
  g_autofree char *name = g_strconcat (instance->context_name, ".war", NULL);
  g_autofree char *path
      = g_build_filename (instance->paths[OB_TREE_SOURCES], "lib", name, NULL);
  ob_autofd int fd = ob_path_open (path, O_PATH, NULL);

  if (fd < 0)
    g_ptr_array_add (notes, g_strdup_printf (
                                "deploy.mode is war, but there is no %s; the application has not "
                                "been built there.",
                                path));
  else if (instance->paths[OB_TREE_WEBAPP] == NULL)
    g_ptr_array_add (notes, g_strdup_printf ("The web application is backed up as %s, with the "
                                             "sources; no deployed directory of it was found.",
                                             path));
}

void
ob_instance_find_webapp (ObInstance *instance, GPtrArray *notes, GCancellable *cancellable)
{
  g_autoptr (GPtrArray) candidates = g_ptr_array_new_with_free_func (g_free);
  g_autofree char *of_unit = NULL;
  const char *base = g_getenv ("CATALINA_BASE");
  const char *chosen;

  if (strcmp (instance->deploy_mode, "none") == 0)
    return;

  if (instance->unit != NULL)
    of_unit = ob_systemd_get_environment (instance->unit, "CATALINA_BASE", cancellable);
  if (of_unit != NULL)
    base = of_unit;
  if (base != NULL)
    {
      g_autofree char *webapps = g_build_filename (base, "webapps", NULL);

      try_base (instance, webapps, candidates);
    }
  /* What the server itself is told beats any other place. */
  if (candidates->len == 0)
    try_places (instance, candidates, cancellable);

  chosen = choose (instance, candidates);
  instance->paths[OB_TREE_WEBAPP] = g_strdup (chosen);
  if (chosen == NULL)
    note_unknown (instance, candidates, notes);
  else if (!names_our_sources (instance, chosen))
    g_ptr_array_add (notes, g_strdup_printf ("The web application was taken to be %s, but the "
                                             "Openbravo.properties in its WEB-INF do not name "
                                             "these sources.",
                                             chosen));
  if (strcmp (instance->deploy_mode, "war") == 0)
    note_war (instance, notes);
}
