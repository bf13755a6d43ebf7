/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-state-file.h"

#include <sys/stat.h>
#include <unistd.h>

#include "jobs-fixture.h"

static void
test_round_trip (JobsFixture *fixture, gconstpointer data)
{
  g_autoptr (GKeyFile) none = ob_state_file_load (fixture->context, "instances", "ob");
  g_autoptr (GKeyFile) again = NULL;
  g_autoptr (GKeyFile) other = NULL;
  g_autoptr (GKeyFile) removed = NULL;
  struct stat info;

  g_assert_false (g_key_file_has_group (none, OB_STATE_GROUP));
  g_key_file_set_uint64 (none, OB_STATE_GROUP, "last-success", 77);
  ob_state_file_save (fixture->context, "instances", "ob", none);
  g_assert_cmpint (fstatat (fixture->base.fd, "state/instances/ob.conf", &info, 0), ==, 0);
  g_assert_cmpuint (info.st_mode & 07777, ==, 0600);
  g_assert_cmpint (fstatat (fixture->base.fd, "state/instances", &info, 0), ==, 0);
  g_assert_cmpuint (info.st_mode & 07777, ==, 0700);

  again = ob_state_file_load (fixture->context, "instances", "ob");
  g_assert_cmpuint (g_key_file_get_uint64 (again, OB_STATE_GROUP, "last-success", NULL), ==, 77);
  other = ob_state_file_load (fixture->context, "destinations", "ob");
  g_assert_false (g_key_file_has_group (other, OB_STATE_GROUP));

  ob_state_file_remove (fixture->context, "instances", "ob");
  ob_state_file_remove (fixture->context, "instances", "ob");
  removed = ob_state_file_load (fixture->context, "instances", "ob");
  g_assert_false (g_key_file_has_group (removed, OB_STATE_GROUP));
}

/* It may be lost without harm, so no damage of it stops anything. */
static void
test_damaged (JobsFixture *fixture, gconstpointer data)
{
  g_autoptr (GKeyFile) file = NULL;

  g_assert_cmpint (mkdirat (fixture->base.fd, "state/instances", 0700), ==, 0);
  fixture_write (&fixture->base, "state/instances/ob.conf", "what is this");
  jobs_expect_warnings (1);
  file = ob_state_file_load (fixture->context, "instances", "ob");
  g_assert_nonnull (file);
  jobs_expect_warnings (0);

  /* Nor does a file where its directory should be. */
  fixture_write (&fixture->base, "state/destinations", "");
  jobs_expect_warnings (1);
  ob_state_file_save (fixture->context, "destinations", "ob", file);
  g_key_file_unref (g_steal_pointer (&file));
  file = ob_state_file_load (fixture->context, "destinations", "ob");
  g_assert_nonnull (file);
  jobs_expect_warnings (0);
}

#define ADD(path, func)                                                                            \
  g_test_add (path, JobsFixture, NULL, jobs_fixture_set_up, func, jobs_fixture_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  jobs_fixture_quiet_log ();
  ADD ("/state-file/round-trip", test_round_trip);
  ADD ("/state-file/damaged", test_damaged);
  return g_test_run ();
}
