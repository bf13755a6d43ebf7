/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-setup-find.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fixture.h"
#include "ob-setup-place.h"
#include "ob-setup-property.h"
#include "ob-setup-unit.h"

#define MILLISECONDS 60000
#define TEXT                                                                                       \
  "bbdd.url=jdbc\\:postgresql\\://localhost\\:5432\nsource.path=/opt/erp\ncontext.name=erp\n"
#define FILE_NAME "Openbravo.properties"

/* internal methods */

static void
make_directory (Fixture *fixture, const char *name)
{
  g_autofree char *path = fixture_path (fixture, name);

  g_assert_cmpint (g_mkdir_with_parents (path, 0755), ==, 0);
}

static void
make_file (Fixture *fixture, const char *directory, const char *text)
{
  g_autofree char *path = g_build_filename (directory, FILE_NAME, NULL);

  make_directory (fixture, directory);
  fixture_write (fixture, path, text);
}

static void
make_link (Fixture *fixture, const char *target, const char *name)
{
  g_autofree char *path = fixture_path (fixture, name);

  g_assert_cmpint (symlink (target, path), ==, 0);
}

/* Asserts that these are found, in this order; names are relative, NULL ends them. */
static void
assert_found (Fixture *fixture, const char *const *names)
{
  g_autofree char *top = realpath (fixture->path, NULL);
  guint before = fixture_count_fds ();
  g_autoptr (GPtrArray) found = ob_setup_find (fixture->path, MILLISECONDS);

  g_assert_cmpuint (fixture_count_fds (), ==, before);
  for (guint i = 0; names[i] != NULL; i++)
    {
      g_autofree char *path = g_build_filename (top, names[i], FILE_NAME, NULL);

      g_assert_cmpuint (found->len, >, i);
      g_assert_cmpstr (((ObSetupFound *) found->pdata[i])->properties, ==, path);
    }
  g_assert_cmpuint (found->len, ==, g_strv_length ((char **) names));
}

#define ASSERT_FOUND(fixture, ...)                                                                 \
  assert_found (fixture, (const char *const[]){ __VA_ARGS__ __VA_OPT__ (, ) NULL })

/* ---- the usual places */

static void
test_places (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GPtrArray) found = NULL;

  ASSERT_FOUND (fixture);
  make_file (fixture, "home/ann/OpenbravoERP/config", TEXT);
  make_file (fixture, "opt/OpenbravoERP/config", TEXT);
  make_file (fixture, "srv/a/b/c/config", TEXT);
  make_file (fixture, "var/lib/openbravo/config", TEXT);
  ASSERT_FOUND (fixture, "opt/OpenbravoERP/config", "srv/a/b/c/config", "var/lib/openbravo/config",
                "home/ann/OpenbravoERP/config");
  found = ob_setup_find (fixture->path, MILLISECONDS);
  g_assert_true (((ObSetupFound *) found->pdata[0])->certain);
  g_assert_false (((ObSetupFound *) found->pdata[3])->certain);
  g_assert_cmpstr (((ObSetupFound *) found->pdata[0])->context, ==, "erp");
}

static void
test_not_there (Fixture *fixture, gconstpointer data)
{
  g_autofree char *pipe = fixture_path (fixture, "opt/pipe/config/" FILE_NAME);
  g_autofree char *big = g_strnfill (OB_SETUP_PROPERTIES_MAX, '#');
  g_autofree char *too_big = g_strconcat (big, "\n" TEXT, NULL);

  /* Too deep, hidden, elsewhere, without what an installation has. */
  make_file (fixture, "opt/a/b/c/d/config", TEXT);
  make_file (fixture, "opt/.hidden/config", TEXT);
  make_file (fixture, "root/erp/config", TEXT);
  make_file (fixture, "opt/erp", TEXT);
  make_file (fixture, "opt/template/config", "bbdd.url=\nsource.path=\n");
  make_file (fixture, "opt/other/config", "source.path=/opt\n");
  make_file (fixture, "opt/big/config", too_big);
  /* A pipe must not be waited for, nor a directory read. */
  make_directory (fixture, "opt/pipe/config");
  g_assert_cmpint (mkfifo (pipe, 0644), ==, 0);
  make_directory (fixture, "opt/folder/config/" FILE_NAME);
  /* What its name does to a terminal nobody is to see. */
  make_file (fixture, "opt/\x1b[31mred/config", TEXT);
  make_file (fixture, "opt/\xff/config", TEXT);
  ASSERT_FOUND (fixture);
}

static void
test_links (Fixture *fixture, gconstpointer data)
{
  /* One in a usual place counts, deeper ones do not, and a circle ends. */
  make_file (fixture, "data/erp-24/config", TEXT);
  make_directory (fixture, "opt/deep");
  make_link (fixture, "../../data", "opt/deep/link");
  ASSERT_FOUND (fixture);
  make_link (fixture, "../data/erp-24", "opt/OpenbravoERP");
  make_link (fixture, "../opt", "opt/circle");
  make_link (fixture, ".", "srv");
  ASSERT_FOUND (fixture, "data/erp-24/config");
  /* The same file by two ways is one. */
  make_link (fixture, "../data/erp-24", "opt/another");
  ASSERT_FOUND (fixture, "data/erp-24/config");
}

static void
test_no_time (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GPtrArray) found = NULL;

  make_file (fixture, "opt/OpenbravoERP/config", TEXT);
  found = ob_setup_find (fixture->path, 0);
  g_assert_cmpuint (found->len, ==, 0);
}

/* Whoever can make files there makes many: the search ends all the same. */
static void
test_many (Fixture *fixture, gconstpointer data)
{
  make_file (fixture, "opt/erp/config", TEXT);
  for (guint i = 0; i < 60; i++)
    for (guint j = 0; j < 60; j++)
      {
        g_autofree char *name = g_strdup_printf ("home/a/%u/%u", i, j);

        make_directory (fixture, name);
      }
  ASSERT_FOUND (fixture, "opt/erp/config");
}

/* ---- running servers */

static void
write_process (Fixture *fixture, const char *name, const char *line, gsize size)
{
  g_autofree char *directory = g_build_filename ("proc", name, NULL);
  g_autofree char *path = g_build_filename (fixture->path, directory, "cmdline", NULL);

  make_directory (fixture, directory);
  g_assert_true (g_file_set_contents (path, line, (gssize) size, NULL));
}

#define JAVA "/usr/bin/java\0-Xmx1g\0-Dcatalina.base=/tomcat\0-Dx=y\0"
#define OTHER "/usr/bin/python3\0-Dcatalina.base=/tomcat\0"
#define BARE "java\0-jar\0x.jar\0"

static void
test_processes (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GPtrArray) found = NULL;

  make_file (fixture, "data/erp/config", TEXT);
  make_file (fixture, "tomcat/webapps/erp/WEB-INF", "bbdd.url=x\nsource.path=/data/erp\n");
  make_file (fixture, "tomcat/webapps/evil/WEB-INF", "bbdd.url=x\nsource.path=relative\n");
  write_process (fixture, "12", OTHER, sizeof OTHER - 1);
  write_process (fixture, "self", JAVA, sizeof JAVA - 1);
  ASSERT_FOUND (fixture);
  write_process (fixture, "13", JAVA, sizeof JAVA - 1);
  ASSERT_FOUND (fixture, "data/erp/config");
  found = ob_setup_find (fixture->path, MILLISECONDS);
  g_assert_false (((ObSetupFound *) found->pdata[0])->certain);

  make_file (fixture, "work/config", TEXT);
  write_process (fixture, "14", BARE, sizeof BARE - 1);
  make_link (fixture, "../../work", "proc/14/cwd");
  ASSERT_FOUND (fixture, "data/erp/config", "work/config");
}

static void
test_catalina_base (void)
{
  static const struct
  {
    const char *line;
    gsize size;
    const char *base;
  } cases[] = {
    { JAVA, sizeof JAVA - 1, "/tomcat" },
    { BARE, sizeof BARE - 1, NULL },
    { "", 0, NULL },
    { "-Dcatalina.base=", 16, NULL },
    { "-Dcatalina.base=/a", 18, "/a" },
    { "-Dcatalina.base=a\0-Dcatalina.base=/b", 36, "/b" },
    { "-Dcatalina.base=/\x1b", 18, NULL },
    { "x-Dcatalina.base=/a", 19, NULL },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *line = g_memdup2 (cases[i].line, MAX (cases[i].size, 1));
      g_autofree char *base = ob_setup_catalina_base (line, cases[i].size);

      g_assert_cmpstr (base, ==, cases[i].base);
    }
}

/* ---- properties, names */

static void
test_property (void)
{
  static const struct
  {
    const char *text, *value;
  } cases[] = {
    { "k=v", "v" },
    { "  k  =  v  \r\n", "v" },
    { "k:v\nother=x", "v" },
    { "k v w", "v w" },
    { "k", NULL },
    { "k=\n", NULL },
    { "#k=v\n!k=v\n", NULL },
    { "k=1\nk=2\n", "2" },
    { "kk=v\nak=v\nk.k=v\n", NULL },
    { "\\k=v", "v" },
    { "k=a\\:b\\=c\\\\d", "a:b=c\\d" },
    { "k=a\\", "a" },
    { "k=caf\xe9", "café" },
    { "k=\x1b[31m", NULL },
    { "k=\x9b"
      "31m",
      NULL },
    { "k=a\tb", NULL },
    { "", NULL },
    { "\\", NULL },
    { "=v", NULL },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *value = ob_setup_property (cases[i].text, strlen (cases[i].text), "k");

      g_assert_cmpstr (value, ==, cases[i].value);
    }
}

static void
test_property_bounds (void)
{
  g_autofree char *longest = g_strnfill (4096, 'x');
  g_autofree char *fits = g_strconcat ("k=", longest, NULL);
  g_autofree char *does_not = g_strconcat ("k=x", longest, NULL);
  g_autofree char *value = ob_setup_property (fits, strlen (fits), "k");
  g_autofree char *none = ob_setup_property (does_not, strlen (does_not), "k");
  /* Without a 0 behind them. */
  g_autofree char *bytes = g_memdup2 ("k=\\", 3);
  g_autofree char *cut = ob_setup_property (bytes, 3, "k");
  /* A 0 is no end of a key. */
  g_autofree char *zero = ob_setup_property ("k\0x=v", 5, "k");

  g_assert_cmpstr (value, ==, longest);
  g_assert_null (none);
  g_assert_null (cut);
  g_assert_null (zero);
}

static void
test_names (void)
{
  static const struct
  {
    const char *properties, *context, *name;
  } cases[] = {
    { "/opt/OpenbravoERP/config/" FILE_NAME, "openbravo", "openbravo" },
    { "/opt/OpenbravoERP/config/" FILE_NAME, NULL, "OpenbravoERP" },
    { "/opt/OpenbravoERP/config/" FILE_NAME, "/..", "OpenbravoERP" },
    { "/opt/x/config/" FILE_NAME, "-_my erp!", "myerp" },
    { "/" FILE_NAME, NULL, "openbravo" },
  };
  g_autofree char *longest = g_strnfill (63, 'x');
  g_autofree char *too_long = g_strnfill (64, 'x');
  g_autofree char *cut = ob_setup_found_propose_name ("/a/b/c", too_long);

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *name = ob_setup_found_propose_name (cases[i].properties, cases[i].context);

      g_assert_cmpstr (name, ==, cases[i].name);
      g_assert_true (ob_setup_name_is_valid (name));
    }
  g_assert_cmpstr (cut, ==, longest);
  g_assert_true (ob_setup_name_is_valid (longest));
  g_assert_false (ob_setup_name_is_valid (too_long));
  for (const char *const *name = (const char *const[]){ "", "-a", "_a", "a b", "a/b", "é", NULL };
       *name != NULL; name++)
    g_assert_false (ob_setup_name_is_valid (*name));
}

static void
test_unit_names (void)
{
  for (const char *const *name
       = (const char *const[]){ "tomcat9.service", "tomcat", "a@b.service", "a\\x2d", NULL };
       *name != NULL; name++)
    g_assert_true (ob_setup_unit_is_valid (*name));
  for (const char *const *name = (const char *const[]){ "", "a b", "a/b", ".a", "a\x1b", NULL };
       *name != NULL; name++)
    g_assert_false (ob_setup_unit_is_valid (*name));
}

/* ---- places for backups */

static void
assert_place (Fixture *fixture, const char *name, gboolean same)
{
  g_autofree char *properties = fixture_path (fixture, "opt/erp/config/" FILE_NAME);
  g_autofree char *path = name != NULL ? fixture_path (fixture, name) : NULL;
  g_autoptr (ObSetupPlace) place = ob_setup_place_find (fixture->path, properties);

  g_assert_cmpstr (place != NULL ? place->path : NULL, ==, path);
  if (place != NULL)
    {
      g_assert_cmpint (place->same, ==, same);
      g_assert_cmpuint (place->free_bytes, >, 0);
    }
}

static void
test_place (Fixture *fixture, gconstpointer data)
{
  if (!fixture_begin_mounts (fixture))
    return;
  make_file (fixture, "opt/erp/config", TEXT);
  assert_place (fixture, NULL, FALSE);
  make_directory (fixture, "var/backups");
  make_directory (fixture, "mnt/not-mounted");
  assert_place (fixture, "var/backups/obbackup", TRUE);
  fixture_mount_tmpfs (fixture, "mnt/small", "size=4M,mode=755");
  assert_place (fixture, "mnt/small/obbackup", FALSE);
  make_directory (fixture, "media/ann");
  fixture_mount_tmpfs (fixture, "media/ann/large", "size=16M,mode=755");
  assert_place (fixture, "media/ann/large/obbackup", FALSE);
  /* Neither where others can write, nor where nobody can. */
  fixture_mount_tmpfs (fixture, "mnt/open", "size=64M,mode=777");
  fixture_mount_tmpfs (fixture, "mnt/theirs", "size=64M,mode=755,uid=61001");
  fixture_mount_tmpfs (fixture, "mnt/fixed", "size=64M,mode=755,ro");
  assert_place (fixture, "media/ann/large/obbackup", FALSE);
  fixture_mount_tmpfs (fixture, "mnt/\x1b[31m", "size=64M,mode=755");
  assert_place (fixture, "media/ann/large/obbackup", FALSE);
}

/* Backups that are meant for a disk must not fill the directory that it is not mounted on. */
static void
test_not_mounted (Fixture *fixture, gconstpointer data)
{
  if (!fixture_begin_mounts (fixture))
    return;
  fixture_mount_tmpfs (fixture, "opt", "size=4M,mode=755");
  make_file (fixture, "opt/erp/config", TEXT);
  make_directory (fixture, "mnt/not-mounted");
  make_directory (fixture, "media/ann/not-mounted");
  assert_place (fixture, NULL, FALSE);
  make_directory (fixture, "var/backups");
  assert_place (fixture, "var/backups/obbackup", FALSE);
  make_directory (fixture, "srv/backup");
  assert_place (fixture, "srv/backup/obbackup", FALSE);
}

#define ADD(path, func) g_test_add (path, Fixture, NULL, fixture_set_up, func, fixture_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("/setup/find/places", test_places);
  ADD ("/setup/find/not-there", test_not_there);
  ADD ("/setup/find/links", test_links);
  ADD ("/setup/find/no-time", test_no_time);
  ADD ("/setup/find/many", test_many);
  ADD ("/setup/find/processes", test_processes);
  g_test_add_func ("/setup/catalina-base", test_catalina_base);
  g_test_add_func ("/setup/property", test_property);
  g_test_add_func ("/setup/property/bounds", test_property_bounds);
  g_test_add_func ("/setup/names", test_names);
  g_test_add_func ("/setup/unit-names", test_unit_names);
  ADD ("/setup/place/best", test_place);
  ADD ("/setup/place/not-mounted", test_not_mounted);
  return g_test_run ();
}
