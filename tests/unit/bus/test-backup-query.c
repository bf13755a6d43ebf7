/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-backup-query.h"

#include <stdio.h>

#include "jobs-fixture.h"

typedef struct
{
  JobsFixture base;
  ObManager *manager;
  char *first, *second;
} Query;

/* Two backups in the destination "one", and none in "two". The manager takes the context. */
static void
query_set_up (Query *query, gconstpointer data)
{
  g_autoptr (ObDestination) one = NULL;
  g_autoptr (ObDestination) two = NULL;
  g_autoptr (GError) error = NULL;

  jobs_fixture_set_up (&query->base, data);
  one = jobs_fixture_make_destination (&query->base, "one");
  two = jobs_fixture_make_destination (&query->base, "two");
  query->first = jobs_fixture_store (
    &query->base, one,
    &(JobsBackup){ .seconds = 100, .result = "complete", .manifest = "{\"format\":1}" });
  query->second
    = jobs_fixture_store (&query->base, one, &(JobsBackup){ .seconds = 200, .result = "partial" });
  query->manager = ob_manager_new (g_steal_pointer (&query->base.context), &error);
  g_assert_no_error (error);
}

static void
query_tear_down (Query *query, gconstpointer data)
{
  g_assert_true (ob_manager_shut_down (query->manager, 1));
  g_clear_object (&query->manager);
  g_free (query->first);
  g_free (query->second);
  jobs_fixture_tear_down (&query->base, data);
}

static void
on_answer (GObject *source, GAsyncResult *result, gpointer data)
{
  *(GAsyncResult **) data = g_object_ref (result);
}

static GAsyncResult *
ask (Query *query, const ObBackupQuestion *question)
{
  GAsyncResult *result = NULL;

  ob_backup_query_begin (query->manager, question, on_answer, &result);
  while (result == NULL)
    g_main_context_iteration (NULL, TRUE);
  return result;
}

static GVariant *
ask_list (Query *query, const ObBackupQuestion *question, GStrv *problems)
{
  g_autoptr (GAsyncResult) result = ask (query, question);
  g_autoptr (GError) error = NULL;
  GVariant *answer = ob_backup_query_finish_list (result, problems, &error);

  g_assert_no_error (error);
  g_assert_true (g_variant_is_of_type (answer, G_VARIANT_TYPE ("aa{sv}")));
  g_assert_false (g_variant_is_floating (answer));
  return answer;
}

static void
assert_one (Query *query, const ObBackupQuestion *question, const char *expected, ObError code)
{
  g_autoptr (GAsyncResult) result = ask (query, question);
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) answer = ob_backup_query_finish_one (result, &error);
  g_autofree char *id = NULL;

  if (expected == NULL)
    {
      g_assert_null (answer);
      g_assert_error (error, OB_ERROR, (int) code);
      return;
    }
  g_assert_no_error (error);
  g_assert_true (g_variant_lookup (answer, "id", "s", &id));
  g_assert_cmpstr (id, ==, expected);
}

static void
test_list (Query *query, gconstpointer data)
{
  g_auto (GStrv) problems = NULL;
  g_auto (GStrv) no_problems = NULL;
  g_auto (GStrv) other_problems = NULL;
  g_autoptr (GVariant) all = ask_list (query, &(ObBackupQuestion){ 0 }, &problems);
  g_autoptr (GVariant) one = ask_list (query, &(ObBackupQuestion){ .limit = 1 }, &no_problems);
  g_autoptr (GVariant) none
    = ask_list (query, &(ObBackupQuestion){ .destination = "two" }, &other_problems);
  g_autoptr (GVariant) newest = g_variant_get_child_value (all, 0);
  g_autofree char *id = NULL;

  g_assert_cmpuint (g_variant_n_children (all), ==, 2);
  g_assert_true (g_variant_lookup (newest, "id", "s", &id));
  g_assert_cmpstr (id, ==, query->second);
  g_assert_cmpuint (g_strv_length (problems), ==, 0);
  g_assert_cmpuint (g_variant_n_children (one), ==, 1);
  g_assert_cmpuint (g_variant_n_children (none), ==, 0);
}

static void
test_problems (Query *query, gconstpointer data)
{
  int fd = query->base.base.fd;
  g_auto (GStrv) problems = NULL;
  g_autoptr (GVariant) all = NULL;

  g_assert_cmpint (renameat (fd, "two", fd, "away"), ==, 0);
  all = ask_list (query, &(ObBackupQuestion){ .instance = "ob" }, &problems);
  g_assert_cmpuint (g_variant_n_children (all), ==, 2);
  g_assert_cmpuint (g_strv_length (problems), ==, 1);
  g_assert_nonnull (strstr (problems[0], "two"));
}

static void
test_one (Query *query, gconstpointer data)
{
  g_autofree char *beginning = g_strndup (query->first, 10);

  assert_one (query, &(ObBackupQuestion){ .id = beginning }, query->first, 0);
  assert_one (query, &(ObBackupQuestion){ .id = "latest" }, query->first, 0);
  assert_one (query, &(ObBackupQuestion){ .id = "latest", .since = 150 }, query->second, 0);
  assert_one (query, &(ObBackupQuestion){ .id = "0000" }, NULL, OB_ERROR_NOT_FOUND);
  assert_one (query, &(ObBackupQuestion){ .id = "x" }, NULL, OB_ERROR_INVALID_ARGUMENT);
  assert_one (query, &(ObBackupQuestion){ .id = beginning, .destination = "two" }, NULL,
              OB_ERROR_NOT_FOUND);
  assert_one (query, &(ObBackupQuestion){ .id = beginning, .destination = "three" }, NULL,
              OB_ERROR_NOT_FOUND);
}

static void
test_manifest (Query *query, gconstpointer data)
{
  g_autoptr (GAsyncResult) with
    = ask (query, &(ObBackupQuestion){ .id = query->first, .with_manifest = TRUE });
  g_autoptr (GAsyncResult) without
    = ask (query, &(ObBackupQuestion){ .id = query->second, .with_manifest = TRUE });
  g_autoptr (GAsyncResult) unasked = ask (query, &(ObBackupQuestion){ .id = query->first });
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) first = ob_backup_query_finish_one (with, &error);
  g_autoptr (GVariant) second = ob_backup_query_finish_one (without, &error);
  g_autoptr (GVariant) third = ob_backup_query_finish_one (unasked, &error);
  g_autofree char *text = NULL;
  g_autofree char *id = NULL;

  g_assert_no_error (error);
  g_assert_true (g_variant_lookup (first, "manifest", "s", &text));
  g_assert_cmpstr (text, ==, "{\"format\":1}");
  g_assert_true (g_variant_lookup (first, "id", "s", &id));
  g_assert_cmpstr (id, ==, query->first);
  g_assert_false (g_variant_lookup (second, "manifest", "s", NULL));
  g_assert_false (g_variant_lookup (third, "manifest", "s", NULL));
}

#define ADD(path, func) g_test_add (path, Query, NULL, query_set_up, func, query_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  jobs_fixture_quiet_log ();
  ADD ("/backup-query/list", test_list);
  ADD ("/backup-query/problems", test_problems);
  ADD ("/backup-query/one", test_one);
  ADD ("/backup-query/manifest", test_manifest);
  return g_test_run ();
}
