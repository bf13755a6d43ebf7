/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The account of a check, and the steps that every store has, on a local one. */
#include <sys/stat.h>
#include <unistd.h>

#include "ob-store-checkup.h"
#include "store-fixture.h"

static const char *
get_text (GVariant *steps, guint i, const char *key)
{
  g_autoptr (GVariant) step = g_variant_get_child_value (steps, i);
  const char *text = NULL;

  g_variant_lookup (step, key, "&s", &text);
  return text;
}

/* "NAME STATUS, …" */
static char *
describe (ObCheckup *checkup)
{
  g_autoptr (GVariant) steps = ob_checkup_dup_steps (checkup);
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < g_variant_n_children (steps); i++)
    g_string_append_printf (text, "%s%s %s", i > 0 ? ", " : "", get_text (steps, i, "name"),
                            get_text (steps, i, "status"));
  return g_string_free (text, FALSE);
}

#define assert_steps(checkup, expected)                                                            \
  G_STMT_START                                                                                     \
  {                                                                                                \
    g_autofree char *described = describe (checkup);                                               \
    g_assert_cmpstr (described, ==, expected);                                                     \
  }                                                                                                \
  G_STMT_END

static void
on_step (const char *name, GVariant *step, gpointer user_data)
{
  g_string_append_printf (user_data, "%s%s ", name, step == NULL ? "?" : "!");
}

static void
test_needs (void)
{
  g_autoptr (GString) told = g_string_new (NULL);
  g_autoptr (ObCheckup) checkup = ob_checkup_new (on_step, told, NULL);
  g_autoptr (GVariant) steps = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) last = NULL;
  guint32 figure = 0;

  g_assert_true (ob_checkup_begin (checkup, "first", "unknown"));
  ob_checkup_end (checkup, OB_CHECKUP_SKIPPED, "of no use here");
  g_assert_true (ob_checkup_begin (checkup, "second", "first"));
  ob_checkup_fail (checkup, g_error_new (OB_ERROR, OB_ERROR_NO_SPACE, "it is %s", "full"));
  g_assert_false (ob_checkup_begin (checkup, "third", "second"));
  g_assert_false (ob_checkup_begin (checkup, "fourth", "third"));
  g_assert_true (ob_checkup_begin (checkup, "fifth", "first"));
  ob_checkup_fail (checkup, g_error_new (G_IO_ERROR, G_IO_ERROR_FAILED, "later"));
  g_assert_true (ob_checkup_begin (checkup, "sixth", NULL));
  ob_checkup_add_figure (checkup, "answer", g_variant_new_uint32 (42));
  ob_checkup_end (checkup, OB_CHECKUP_OK, "a\033[1m\nb \xff");
  assert_steps (checkup, "first skipped, second failed, third skipped, fourth skipped, fifth "
                         "failed, sixth ok");
  g_assert_true (ob_checkup_has_passed (checkup, "first"));
  g_assert_false (ob_checkup_has_passed (checkup, "second"));
  g_assert_false (ob_checkup_has_passed (checkup, "third"));
  g_assert_false (ob_checkup_has_passed (checkup, "unknown"));
  steps = ob_checkup_dup_steps (checkup);
  g_assert_cmpstr (get_text (steps, 1, "error-name"), ==, "NoSpace");
  g_assert_cmpstr (get_text (steps, 4, "error-name"), ==, "Failed");
  g_assert_null (get_text (steps, 5, "error-name"));
  g_assert_cmpstr (get_text (steps, 5, "text"), ==, "a [1m b \xef\xbf\xbd");
  last = g_variant_get_child_value (steps, 5);
  g_assert_true (g_variant_lookup (last, "answer", "u", &figure));
  g_assert_cmpuint (figure, ==, 42);
  g_assert_false (ob_checkup_conclude (checkup, &error));
  g_assert_ob_error (error, OB_ERROR_NO_SPACE);
  g_assert_cmpstr (told->str, ==, "first? first! second? second! third? third! fourth? fourth! "
                                  "fifth? fifth! sixth? sixth! ");
}

/* What was cancelled tells no more, and nothing of what the cancellation broke. */
static void
test_cancelled (void)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (ObCheckup) checkup = ob_checkup_new (NULL, NULL, cancellable);
  g_autoptr (GError) error = NULL;

  g_assert_true (ob_checkup_begin (checkup, "first", NULL));
  ob_checkup_end (checkup, OB_CHECKUP_OK, "good");
  g_assert_true (ob_checkup_begin (checkup, "second", NULL));
  ob_checkup_add_figure (checkup, "answer", g_variant_new_uint32 (42));
  g_cancellable_cancel (cancellable);
  ob_checkup_fail (checkup, g_error_new (OB_ERROR, OB_ERROR_CANCELLED, "cancelled"));
  g_assert_false (ob_checkup_begin (checkup, "third", NULL));
  assert_steps (checkup, "first ok");
  g_assert_false (ob_checkup_conclude (checkup, &error));
  g_assert_ob_error (error, OB_ERROR_CANCELLED);
}

static void
check_all (ObStore *store, ObCheckup *checkup)
{
  guint64 free_bytes, total_bytes;

  ob_store_checkup_list (store, NULL, checkup);
  ob_store_checkup_write (store, NULL, checkup);
  ob_store_checkup_latency (store, NULL, checkup);
  ob_store_checkup_speed (store, "delete", checkup);
  ob_store_checkup_space (store, NULL, &free_bytes, &total_bytes, checkup);
}

static void
test_local (Fixture *fixture, gconstpointer data)
{
  g_autoptr (ObStore) store = open_store (fixture, ".");
  g_autoptr (ObCheckup) checkup = ob_checkup_new (NULL, NULL, NULL);
  g_autoptr (GError) error = NULL;

  put_text (store, "snapshots/a", "a", OB_STORE_PUT_NONE);
  g_assert_cmpint (fchmod (fixture->fd, 0700), ==, 0);
  ob_store_checkup (store, checkup);
  check_all (store, checkup);
  assert_steps (checkup, "permissions ok, file-system ok, list ok, write ok, read ok, delete ok, "
                         "latency ok, upload ok, download ok, space ok");
  g_assert_true (ob_checkup_conclude (checkup, &error));
  g_assert_cmpuint (count_files (fixture, "."), ==, 1);
}

static void
test_permissions (Fixture *fixture, gconstpointer data)
{
  g_autoptr (ObStore) store = open_store (fixture, ".");
  g_autoptr (ObCheckup) checkup = ob_checkup_new (NULL, NULL, NULL);

  g_assert_cmpint (fchmod (fixture->fd, 0755), ==, 0);
  ob_store_checkup (store, checkup);
  assert_steps (checkup, "permissions warning, file-system ok");
}

static void
test_owner (Fixture *fixture, gconstpointer data)
{
  g_autoptr (ObStore) store = open_store (fixture, ".");
  g_autoptr (ObCheckup) checkup = ob_checkup_new (NULL, NULL, NULL);
  g_autoptr (GVariant) steps = NULL;

  if (geteuid () != 0)
    {
      g_test_skip ("needs root");
      return;
    }
  g_assert_cmpint (fchmod (fixture->fd, 0700), ==, 0);
  g_assert_cmpint (fchown (fixture->fd, 3999999999, (gid_t) -1), ==, 0);
  ob_store_checkup (store, checkup);
  steps = ob_checkup_dup_steps (checkup);
  g_assert_cmpstr (get_text (steps, 0, "text"), ==, "of 3999999999, mode 0700");
}

/* Nothing is told of a directory that is not there. */
static void
test_no_directory (Fixture *fixture, gconstpointer data)
{
  g_autoptr (ObStore) store = open_store (fixture, ".");
  g_autoptr (ObCheckup) checkup = ob_checkup_new (NULL, NULL, NULL);

  g_assert_true (ob_checkup_begin (checkup, "directory", NULL));
  ob_checkup_fail (checkup, g_error_new (OB_ERROR, OB_ERROR_NOT_FOUND, "it is not there"));
  ob_store_checkup (store, checkup);
  assert_steps (checkup, "directory failed, permissions skipped, file-system skipped");
}

static void
test_full (Fixture *fixture, gconstpointer data)
{
  g_autoptr (ObStore) store = NULL;
  g_autoptr (ObCheckup) checkup = ob_checkup_new (NULL, NULL, NULL);
  g_autoptr (GError) error = NULL;

  if (!fixture_begin_mounts (fixture))
    return;
  fixture_mount_tmpfs (fixture, "full", "size=32k");
  store = open_store (fixture, "full");
  check_all (store, checkup);
  assert_steps (checkup, "list ok, write failed, read skipped, delete skipped, latency ok, "
                         "upload skipped, download skipped, space ok");
  g_assert_false (ob_checkup_conclude (checkup, &error));
  g_assert_ob_error (error, OB_ERROR_NO_SPACE);
  g_assert_cmpuint (count_files (fixture, "full"), ==, 0);
}

static void
test_no_room (Fixture *fixture, gconstpointer data)
{
  g_autoptr (ObStore) store = NULL;
  g_autoptr (ObCheckup) checkup = ob_checkup_new (NULL, NULL, NULL);
  g_autoptr (GVariant) steps = NULL;

  if (!fixture_begin_mounts (fixture))
    return;
  fixture_mount_tmpfs (fixture, "full", "size=16k");
  store = open_store (fixture, "full");
  ob_store_checkup_speed (store, NULL, checkup);
  assert_steps (checkup, "upload skipped, download skipped");
  steps = ob_checkup_dup_steps (checkup);
  g_assert_nonnull (strstr (get_text (steps, 0, "text"), "too little room"));
  g_assert_cmpuint (count_files (fixture, "full"), ==, 0);
}

/* A limit holds for what is tried, too, and the rate told is not above it. */
static void
test_limit (Fixture *fixture, gconstpointer data)
{
  g_autoptr (ObStore) store = open_store (fixture, ".");
  g_autoptr (ObCheckup) checkup = ob_checkup_new (NULL, NULL, NULL);
  gint64 began = g_get_monotonic_time ();
  g_autoptr (GVariant) steps = NULL;

  ob_store_set_rate (store, 64 * 1024);
  ob_store_checkup_speed (store, NULL, checkup);
  g_assert_cmpint (g_get_monotonic_time () - began, <, 2 * G_USEC_PER_SEC + G_USEC_PER_SEC / 2);
  steps = ob_checkup_dup_steps (checkup);
  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (GVariant) step = g_variant_get_child_value (steps, i);
      double rate;

      g_assert_true (g_variant_lookup (step, "mib-per-second", "d", &rate));
      g_assert_cmpfloat (rate, <=, 1.0 / 16);
      g_assert_cmpfloat (rate, >, 1.0 / 32);
      g_assert_nonnull (strstr (get_text (steps, i, "text"), "set for it"));
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/checkup/needs", test_needs);
  g_test_add_func ("/checkup/cancelled", test_cancelled);
  g_test_add ("/checkup/local", Fixture, NULL, fixture_set_up, test_local, fixture_tear_down);
  g_test_add ("/checkup/permissions", Fixture, NULL, fixture_set_up, test_permissions,
              fixture_tear_down);
  g_test_add ("/checkup/owner", Fixture, NULL, fixture_set_up, test_owner, fixture_tear_down);
  g_test_add ("/checkup/no-directory", Fixture, NULL, fixture_set_up, test_no_directory,
              fixture_tear_down);
  g_test_add ("/checkup/no-room", Fixture, NULL, fixture_set_up, test_no_room,
              fixture_tear_down);
  g_test_add ("/checkup/full", Fixture, NULL, fixture_set_up, test_full, fixture_tear_down);
  g_test_add ("/checkup/limit", Fixture, NULL, fixture_set_up, test_limit, fixture_tear_down);
  return g_test_run ();
}
