/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-context.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fixture.h"
#include "ob-error.h"

static ObContext *
make_context (Fixture *fixture, GError **error)
{
  g_autofree char *config = fixture_path (fixture, "a/etc");
  g_autofree char *state = fixture_path (fixture, "a/state");
  g_autofree char *cache = fixture_path (fixture, "a/cache");
  g_autofree char *runtime = fixture_path (fixture, "a/run");

  return ob_context_new (config, state, cache, runtime, error);
}

static void
write_config (Fixture *fixture, const char *text)
{
  g_assert_true (mkdirat (fixture->fd, "a", 0755) == 0
                 || faccessat (fixture->fd, "a", F_OK, 0) == 0);
  g_assert_true (mkdirat (fixture->fd, "a/etc", 0755) == 0
                 || faccessat (fixture->fd, "a/etc", F_OK, 0) == 0);
  fixture_write (fixture, "a/etc/obbackup.conf", text);
}

static guint
get_mode (Fixture *fixture, const char *name)
{
  struct stat info;

  g_assert_cmpint (fstatat (fixture->fd, name, &info, AT_SYMLINK_NOFOLLOW), ==, 0);
  g_assert_true (S_ISDIR (info.st_mode));
  return info.st_mode & 07777;
}

static void
test_directories (Fixture *fixture, gconstpointer data)
{
  static const char *const private[]
    = { "a/etc/instances", "a/etc/destinations", "a/etc/keys", "a/state", "a/state/jobs",
        "a/state/restores", "a/cache", "a/run" };
  mode_t mask = umask (022);
  guint before = fixture_count_fds ();
  g_autoptr (GError) error = NULL;
  ObContext *context = make_context (fixture, &error);
  int key = -1;

  umask (mask);
  g_assert_no_error (error);
  g_assert_cmpuint (get_mode (fixture, "a/etc"), ==, 0755);
  for (gsize i = 0; i < G_N_ELEMENTS (private); i++)
    g_assert_cmpuint (get_mode (fixture, private[i]), ==, 0700);
  key = openat (context->keys_fd, "x.key", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  g_assert_cmpint (key, >=, 0);
  g_assert_cmpint (close (key), ==, 0);
  g_assert_cmpint (faccessat (fixture->fd, "a/etc/keys/x.key", F_OK, 0), ==, 0);
  ob_context_free (context);
  ob_context_free (NULL);
  g_assert_cmpuint (fixture_count_fds (), ==, before);
}

/* Somebody let others in: what is secret is closed again. */
static void
test_loosened (Fixture *fixture, gconstpointer data)
{
  static const char *const secret[]
    = { "a/etc/instances", "a/etc/keys", "a/state/jobs", "a/state/restores" };
  g_autoptr (GError) error = NULL;
  g_autoptr (ObContext) first = make_context (fixture, &error);
  g_autoptr (ObContext) second = NULL;

  g_assert_no_error (error);
  for (gsize i = 0; i < G_N_ELEMENTS (secret); i++)
    g_assert_cmpint (fchmodat (fixture->fd, secret[i], 0777, 0), ==, 0);
  second = make_context (fixture, &error);
  g_assert_no_error (error);
  for (gsize i = 0; i < G_N_ELEMENTS (secret); i++)
    g_assert_cmpuint (get_mode (fixture, secret[i]), ==, 0700);
}

/* A link in the place of a directory of ours leads nowhere. */
static void
test_links (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (mkdirat (fixture->fd, "a", 0755), ==, 0);
  g_assert_cmpint (mkdirat (fixture->fd, "a/etc", 0755), ==, 0);
  g_assert_cmpint (mkdirat (fixture->fd, "elsewhere", 0755), ==, 0);
  g_assert_cmpint (symlinkat ("../../elsewhere", fixture->fd, "a/etc/keys"), ==, 0);
  g_assert_null (make_context (fixture, &error));
  g_assert_nonnull (error);
  g_assert_message (error, "a/etc/keys");
  g_assert_cmpuint (get_mode (fixture, "elsewhere"), ==, 0755);
}

static void
test_config (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ObContext) usual = make_context (fixture, &error);
  g_autoptr (ObContext) given = NULL;
  g_autoptr (ObContext) elsewhere = NULL;

  g_assert_no_error (error);
  g_assert_cmpuint (usual->n_threads, >=, 1);
  g_assert_cmpuint (usual->n_threads, <=, 16);
  g_assert_cmpuint (usual->lock_timeout, ==, 60);
  g_assert_cmpuint (usual->command_timeout, ==, 180);
  g_assert_cmpuint (usual->keep_previous, ==, 3 * 86400);

  write_config (fixture, "# ours\n[obbackup]\nthreads=3\nlock-timeout=1\ncommand-timeout=86400\n");
  given = make_context (fixture, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (given->n_threads, ==, 3);
  g_assert_cmpuint (given->lock_timeout, ==, 1);
  g_assert_cmpuint (given->command_timeout, ==, 86400);
  g_assert_true (g_str_has_prefix (given->drill_path, given->state_path));

  write_config (fixture, "[obbackup]\ndrill-directory=/srv//drills/\n");
  elsewhere = make_context (fixture, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (elsewhere->drill_path, ==, "/srv/drills");
}

static void
test_durations (Fixture *fixture, gconstpointer data)
{
  static const struct
  {
    const char *text;
    guint seconds;
  } cases[] = {
    { "0", 0 }, { "600", 600 }, { "600s", 600 }, { "90m", 5400 }, { "12h", 43200 },
    { " 3d ", 259200 }, { "3660d", 3660u * 86400 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *text = g_strdup_printf ("[obbackup]\nkeep-previous=%s\n", cases[i].text);
      g_autoptr (GError) error = NULL;
      g_autoptr (ObContext) context = NULL;

      write_config (fixture, text);
      context = make_context (fixture, &error);
      g_assert_no_error (error);
      g_assert_cmpuint (context->keep_previous, ==, cases[i].seconds);
    }
}

static void
test_cache_size (Fixture *fixture, gconstpointer data)
{
  static const struct
  {
    const char *text;
    guint64 bytes;
  } cases[] = {
    { "", 1000 * 1000 * 1000 },
    { "cache-size=0\n", 0 },
    { "cache-size= 500M \n", 500 * 1000 * 1000 },
    { "cache-size=123456\n", 123456 },
    { "cache-size=20G\n", G_GUINT64_CONSTANT (20000000000) },
  };
  g_autoptr (GError) error = NULL;
  g_autoptr (ObContext) running = make_context (fixture, &error);

  g_assert_no_error (error);
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *text = g_strdup_printf ("[obbackup]\n%s", cases[i].text);
      g_autoptr (ObContext) context = NULL;

      write_config (fixture, text);
      context = make_context (fixture, &error);
      g_assert_no_error (error);
      g_assert_cmpuint (ob_cache_directory_get_limit (context->cache), ==, cases[i].bytes);
      g_assert_true (ob_context_read_config (running, &error));
      g_assert_cmpuint (ob_cache_directory_get_limit (running->cache), ==, cases[i].bytes);
    }
}

static void
test_bad_config (Fixture *fixture, gconstpointer data)
{
  static const struct
  {
    const char *line, *named;
  } cases[] = {
    { "threads=0", "threads" },
    { "threads=17", "threads" },
    { "threads=two", "threads" },
    { "threads=", "threads" },
    { "lock-timeout=-1", "lock-timeout" },
    { "lock-timeout=86401", "lock-timeout" },
    { "command-timeout=18446744073709551616", "command-timeout" },
    { "command-timeout=10 s", "command-timeout" },
    { "change-limit=soon", "change-limit" },
    { "keep-previous=soon", "keep-previous" },
    { "keep-previous=", "keep-previous" },
    { "keep-previous=-1", "keep-previous" },
    { "keep-previous=3 days", "keep-previous" },
    { "keep-previous=3661d", "keep-previous" },
    { "keep-previous=18446744073709551617d", "keep-previous" },
    { "what is this", "obbackup.conf" },
    { "cache-size=", "cache-size" },
    { "cache-size=1", "cache-size" },
    { "cache-size=-1", "cache-size" },
    { "cache-size=1T", "cache-size" },
    { "cache-size=18446744073709551616G", "cache-size" },
    { "drill-directory=drills", "drill-directory" },
    { "drill-directory=/srv/../etc", "drill-directory" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *text = g_strdup_printf ("[obbackup]\n%s\n", cases[i].line);
      g_autoptr (ObContext) context = NULL;
      g_autoptr (GError) error = NULL;

      write_config (fixture, "[obbackup]\nlock-timeout=7\n");
      context = make_context (fixture, &error);
      g_assert_no_error (error);
      g_assert_null (context->config_error);
      write_config (fixture, text);
      g_assert_false (ob_context_read_config (context, &error));
      g_assert_ob_error (error, OB_ERROR_INVALID_ARGUMENT);
      g_assert_message (error, cases[i].named);
      g_assert_cmpuint (context->lock_timeout, ==, 7);
      g_clear_pointer (&context, ob_context_free);
      g_clear_error (&error);

      /* At a start it is as it was when it could be understood. */
      context = make_context (fixture, &error);
      g_assert_no_error (error);
      g_assert_nonnull (strstr (context->config_error, cases[i].named));
      g_assert_cmpuint (context->lock_timeout, ==, 7);
    }
}

/* What is configured no more is the default again, and what was never understood is too. */
static void
test_read_again (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ObContext) context = NULL;

  write_config (fixture, "[obbackup]\nthreads=none\n");
  context = make_context (fixture, &error);
  g_assert_no_error (error);
  g_assert_nonnull (context->config_error);
  g_assert_cmpuint (context->lock_timeout, ==, 60);
  write_config (fixture,
                "[obbackup]\nlock-timeout=7\nmetrics-file=/srv/a.prom\ndrill-directory=/srv/d\n");
  ob_context_read_config (context, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (context->lock_timeout, ==, 7);
  g_assert_cmpstr (context->metrics_path, ==, "/srv/a.prom");
  write_config (fixture, "[obbackup]\n");
  ob_context_read_config (context, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (context->lock_timeout, ==, 60);
  g_assert_null (context->metrics_path);
  g_assert_true (g_str_has_suffix (context->drill_path, "/drills"));
}

/* What a service that was killed had half written goes, wherever it wrote; nothing else does. */
static void
test_clean_up (Fixture *fixture, gconstpointer data)
{
  static const char *const removed[]
    = { "a/etc/keys/.nas.key.0123abcd", "a/etc/instances/.erp.conf.0123abcd",
        "a/state/.obbackup.conf.last-good.0123abcd", "a/state/drills/.drill.conf.0123abcd",
        "a/state/verified/.id.json.0123abcd" };
  static const char *const kept[] = { "a/etc/keys/nas.key", "a/state/verified/id.json" };
  g_autoptr (GError) error = NULL;
  g_autoptr (ObContext) context = make_context (fixture, &error);

  g_assert_no_error (error);
  g_assert_cmpint (mkdirat (fixture->fd, "a/state/verified", 0700), ==, 0);
  for (gsize i = 0; i < G_N_ELEMENTS (removed); i++)
    fixture_write (fixture, removed[i], "");
  for (gsize i = 0; i < G_N_ELEMENTS (kept); i++)
    fixture_write (fixture, kept[i], "");
  ob_context_clean_up (context);
  for (gsize i = 0; i < G_N_ELEMENTS (removed); i++)
    g_assert_cmpint (faccessat (fixture->fd, removed[i], F_OK, 0), !=, 0);
  for (gsize i = 0; i < G_N_ELEMENTS (kept); i++)
    g_assert_cmpint (faccessat (fixture->fd, kept[i], F_OK, 0), ==, 0);
}

#define ADD(path, func) g_test_add (path, Fixture, NULL, fixture_set_up, func, fixture_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("/context/directories", test_directories);
  ADD ("/context/loosened", test_loosened);
  ADD ("/context/links", test_links);
  ADD ("/context/config", test_config);
  ADD ("/context/durations", test_durations);
  ADD ("/context/cache-size", test_cache_size);
  ADD ("/context/bad-config", test_bad_config);
  ADD ("/context/read-again", test_read_again);
  ADD ("/context/clean-up", test_clean_up);
  return g_test_run ();
}
