/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-instance-private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ob-error.h"
#include "ob-fd.h"
#include "ob-path.h"
#include "ob-systemd.h"

/* internal methods */
static void tell (GPtrArray *told, const char *format, ...) G_GNUC_PRINTF (2, 3);

static void
tell (GPtrArray *told, const char *format, ...)
{
  va_list arguments;

  va_start (arguments, format);
  g_ptr_array_add (told, g_strdup_vprintf (format, arguments));
  va_end (arguments);
}

/* A directory is an Openbravo source tree where most of what every release has is in it. */
static void
check_sources (int fd, const char *path, GPtrArray *told)
{
  static const char *const marks[] = { "build.xml", "config", "modules", "src", "src-db" };
  guint found = 0;

  for (gsize i = 0; i < G_N_ELEMENTS (marks); i++)
    if (faccessat (fd, marks[i], F_OK, AT_SYMLINK_NOFOLLOW) == 0)
      found++;
  if (found < 2)
    tell (told, "The sources in %s do not look like an Openbravo source tree (build.xml, config, "
                "modules, src, src-db).",
          path);
}

static void
check_webapp (int fd, const char *path, GPtrArray *told)
{
  if (faccessat (fd, "WEB-INF", F_OK, AT_SYMLINK_NOFOLLOW) != 0)
    tell (told, "The web application in %s does not look like one: it has no WEB-INF.", path);
}

static void
check_tree (ObInstance *instance, guint tree, GPtrArray *told)
{
  const char *path = instance->paths[tree];
  g_autoptr (GError) error = NULL;
  ob_autofd int fd = -1;

  fd = ob_path_open (path, O_RDONLY | O_DIRECTORY, &error);
  if (fd >= 0 && tree == OB_TREE_SOURCES)
    check_sources (fd, path, told);
  else if (fd >= 0 && tree == OB_TREE_WEBAPP)
    check_webapp (fd, path, told);
  else if (fd < 0 && g_error_matches (error, OB_ERROR, OB_ERROR_NOT_FOUND))
    tell (told, "%s: there is no directory %s.", ob_instance_tree_title (tree), path);
  else if (fd < 0)
    tell (told, "%s: %s.", ob_instance_tree_title (tree), error->message);
}

static void
check_properties (ObInstance *instance, GPtrArray *told)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ObProperties) properties = NULL;

  properties = ob_properties_load (instance->properties, instance->machine_name, &error);
  if (properties == NULL)
    ob_instance_note_error (told, error);
}

static void
check_database (ObInstance *instance, GPtrArray *told, GCancellable *cancellable)
{
  g_autoptr (GPtrArray) problems = NULL;
  g_autoptr (GError) error = NULL;

  if (!ob_database_check (instance->database, &problems, NULL, NULL, cancellable, &error))
    ob_instance_note_error (told, error);
  if (problems != NULL)
    g_ptr_array_extend_and_steal (told, g_steal_pointer (&problems));
}

static void
check_command (const char *what, GStrv command, GPtrArray *told)
{
  if (access (command[0], X_OK) != 0)
    tell (told, "The program %s of the %s command cannot be run: %s.", command[0], what,
          g_strerror (errno));
}

static void
check_control (ObInstance *instance, GPtrArray *told, GCancellable *cancellable)
{
  g_autoptr (GError) error = NULL;

  if (instance->unit != NULL && !ob_systemd_check_unit (instance->unit, cancellable, &error))
    ob_instance_note_error (told, error);
  if (instance->stop_command != NULL)
    check_command ("stop", instance->stop_command, told);
  if (instance->start_command != NULL)
    check_command ("start", instance->start_command, told);
}

static void
compare_text (GPtrArray *told, const char *key, const char *frozen, const char *now)
{
  if (g_strcmp0 (frozen, now) != 0)
    tell (told, "%s is now %s; the backup goes on with %s.", key, now != NULL ? now : "not set",
          frozen != NULL ? frozen : "none");
}

static void
compare_secret (GPtrArray *told, const char *key, const char *frozen, const char *now)
{
  if (g_strcmp0 (frozen, now) != 0)
    tell (told, "%s has changed; the backup goes on with the former one.", key);
}

static void
compare_database (const ObDatabaseConfig *frozen, const ObDatabaseConfig *now, GPtrArray *told)
{
  if (g_strcmp0 (frozen->host, now->host) != 0 || frozen->port != now->port)
    tell (told, "bbdd.url now leads to %s, port %u; the backup goes on with %s, port %u.",
          now->host, now->port, frozen->host, frozen->port);
  compare_text (told, "bbdd.sid", frozen->name, now->name);
  compare_text (told, "bbdd.user", frozen->user, now->user);
  compare_text (told, "bbdd.systemUser", frozen->system_user, now->system_user);
  compare_text (told, "sslmode in bbdd.props", frozen->ssl_mode, now->ssl_mode);
  compare_text (told, "sslrootcert in bbdd.props", frozen->ssl_root_cert, now->ssl_root_cert);
  compare_secret (told, "bbdd.password", frozen->password, now->password);
  compare_secret (told, "bbdd.systemPassword", frozen->system_password, now->system_password);
}

static void
compare_instances (ObInstance *frozen, ObInstance *now, GPtrArray *told)
{
  compare_database (frozen->database, now->database, told);
  compare_text (told, "source.path", frozen->paths[OB_TREE_SOURCES], now->paths[OB_TREE_SOURCES]);
  compare_text (told, "attach.path", frozen->paths[OB_TREE_ATTACHMENTS],
                now->paths[OB_TREE_ATTACHMENTS]);
  compare_text (told, "reprintable.path", frozen->paths[OB_TREE_REPRINTABLES],
                now->paths[OB_TREE_REPRINTABLES]);
  compare_text (told, "context.name", frozen->context_name, now->context_name);
  compare_text (told, "deploy.mode", frozen->deploy_mode, now->deploy_mode);
}

/* public methods */
GPtrArray *
ob_instance_check (ObInstance *instance, GCancellable *cancellable)
{
  GPtrArray *told = g_ptr_array_new_with_free_func (g_free);

  check_properties (instance, told);
  for (guint i = 0; i < OB_N_TREES; i++)
    if (instance->paths[i] != NULL)
      check_tree (instance, i, told);
  check_database (instance, told, cancellable);
  check_control (instance, told, cancellable);
  return told;
}

GPtrArray *
ob_instance_compare_properties (ObInstance *instance, GCancellable *cancellable)
{
  GPtrArray *told = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (ObInstance) now = ob_instance_new (instance->name);
  g_autoptr (ObProperties) properties = NULL;
  g_autoptr (GError) error = NULL;

  properties = ob_properties_load (instance->properties, instance->machine_name, &error);
  if (properties == NULL || !ob_instance_read_properties (now, properties, &error))
    {
      tell (told, "%s cannot be compared with what is configured: %s.", instance->properties,
            error->message);
      return told;
    }
  compare_instances (instance, now, told);
  return told;
}
