/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is written down of a change, and what a start of the service makes of it. */
#include "ob-change.h"

#include <string.h>

#include "jobs-fixture.h"
#include "ob-io.h"

#define ID "0123456789abcdef0123456789abcdef"

/* helpers */

static ObChange *
make_open (JobsFixture *fixture, const char *instance)
{
  ObChange *change = ob_change_new (instance, "before a module", 1000);
  g_autoptr (GError) error = NULL;

  change->state = OB_CHANGE_OPEN;
  change->backup = g_strdup ("0123abcd");
  change->destination = g_strdup ("disk");
  g_assert_true (ob_change_save (change, fixture->context, &error));
  g_assert_no_error (error);
  return change;
}

static void
assert_not_found (JobsFixture *fixture, const char *id, const char *told)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (ob_change_find (fixture->context, id, &error));
  g_assert_error (error, OB_ERROR, OB_ERROR_NOT_FOUND);
  g_assert_nonnull (strstr (error->message, told));
}

static guint
count_deeds (JobsFixture *fixture)
{
  g_autoptr (GPtrArray) deeds = ob_change_recover (fixture->context);

  return deeds->len;
}

/* tests */

/* Its rollback was cut off before anything was exchanged. */
static void
test_ending_is_opened_again (JobsFixture *fixture, gconstpointer data)
{
  g_autoptr (ObChange) change = make_open (fixture, "erp");
  g_autoptr (ObChange) found = NULL;
  g_autoptr (GError) error = NULL;

  change->state = OB_CHANGE_ENDING;
  g_assert_true (ob_change_save (change, fixture->context, &error));
  g_assert_cmpuint (count_deeds (fixture), ==, 0);
  found = ob_change_load (fixture->context, "erp", &error);
  g_assert_no_error (error);
  g_assert_cmpint (found->state, ==, OB_CHANGE_OPEN);
  g_assert_cmpstr (found->backup, ==, "0123abcd");
}

static void
test_open_and_ended (JobsFixture *fixture, gconstpointer data)
{
  g_autoptr (ObChange) change = make_open (fixture, "erp");
  g_autoptr (ObChange) other = make_open (fixture, "other");
  g_autoptr (ObChange) found = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *instance = NULL;

  g_assert_cmpstr (change->id, !=, other->id);
  found = ob_change_find (fixture->context, change->id, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (found->instance, ==, "erp");
  g_assert_cmpstr (found->label, ==, "before a module");
  g_assert_cmpuint (found->uid, ==, 1000);
  g_assert_false (ob_change_needs (fixture->context, "0123", &instance));
  g_assert_true (ob_change_needs (fixture->context, "0123abcd", &instance));
  g_assert_nonnull (instance);

  g_assert_true (ob_change_end (change, fixture->context, "succeeded", &error));
  assert_not_found (fixture, change->id, "is over: it succeeded at ");
  assert_not_found (fixture, "nonsense", "There is no change nonsense");
  g_assert_null (ob_change_load (fixture->context, "erp", NULL));
  g_clear_pointer (&found, ob_change_free);
  found = ob_change_find (fixture->context, other->id, &error);
  g_assert_no_error (error);
}

static void
test_recover (JobsFixture *fixture, gconstpointer data)
{
  g_autoptr (ObChange) open = make_open (fixture, "open");
  g_autoptr (ObChange) beginning = ob_change_new ("beginning", NULL, 0);
  g_autoptr (ObChange) rolled_back = make_open (fixture, "back");
  g_autoptr (ObChange) found = NULL;
  g_autofree char *record = g_strdup_printf (
    "{\"phase\":\"done\",\"instance\":\"back\",\"time\":\"20261125051511\",\"units\":[],"
    "\"change\":\"%s\"}",
    rolled_back->id);

  g_assert_true (ob_change_save (beginning, fixture->context, NULL));
  g_assert_true (ob_replace_file_at (fixture->context->restores_fd, "back.20261125051511.json",
                                     record, strlen (record), 0600, NULL));
  g_assert_cmpuint (count_deeds (fixture), ==, 2);
  assert_not_found (fixture, beginning->id, "it never began");
  assert_not_found (fixture, rolled_back->id, "it was rolled back");
  found = ob_change_find (fixture->context, open->id, NULL);
  g_assert_nonnull (found);
  g_assert_cmpuint (count_deeds (fixture), ==, 0);
}

static void
test_damaged (JobsFixture *fixture, gconstpointer data)
{
  static const char *const texts[] = {
    "", "{", "[]",
    "{\"id\":\"../../etc/passwd\",\"instance\":\"erp\",\"state\":\"beginning\"}",
    "{\"id\":\"" ID "\",\"instance\":\"../x\",\"state\":\"beginning\"}",
    "{\"id\":\"" ID "\",\"instance\":\"erp\",\"state\":\"open\"}",
    "{\"id\":\"" ID "\",\"instance\":\"erp\",\"state\":\"new\"}",
  };

  for (gsize i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_true (ob_replace_file_at (fixture->context->changes_fd, "erp.json", texts[i],
                                         strlen (texts[i]), 0600, NULL));
      g_assert_null (ob_change_load (fixture->context, "erp", &error));
      g_assert_error (error, OB_ERROR, OB_ERROR_CORRUPT);
      g_assert_cmpuint (count_deeds (fixture), ==, 1);
    }
}

#define ADD(path, func)                                                                            \
  g_test_add (path, JobsFixture, NULL, jobs_fixture_set_up, func, jobs_fixture_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("/change/open-and-ended", test_open_and_ended);
  ADD ("/change/ending-is-opened-again", test_ending_is_opened_again);
  ADD ("/change/recover", test_recover);
  ADD ("/change/damaged", test_damaged);
  return g_test_run ();
}
