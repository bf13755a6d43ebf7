/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Other tags for a snapshot: nothing else of its file changes, and a crash at any moment leaves the
 * former file or the new one. */
#include "ob-retag.h"

#include <string.h>

#include "core-fixture.h"
#include "crash-store.h"
#include "ob-delete.h"
#include "ob-error.h"

#define TREE "52354c32f4c023e02c10ba57a6765018b701cba99397cfc7fc73d6161cd3fe56"
#define ORIGINAL "251c2e5841355f743f9d4ffd3260bee765acee40a6229857e32b60446991b837"
#define MEMBERS "\"time\":\"2023-04-05T06:07:08.25+02:00\",\"tree\":\"" TREE "\""
#define HEAD "{" MEMBERS

static const char *const tags[] = { "one", "label=a \"b\", pinned", NULL };
static const char *const no_tags[] = { NULL };

#define TAGS "\"tags\":[\"one\",\"label=a \\\"b\\\", pinned\"]"
#define TAIL ",\"original\":\"" ORIGINAL "\"}"

static void
check (const char *text, const char *const *new_tags, const char *expected)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *changed = NULL;
  g_autofree char *again = NULL;
  g_autoptr (ObSnapshot) snapshot = NULL;
  ObId original;

  g_assert_true (ob_id_from_hex (ORIGINAL, &original));
  changed = ob_retag_text (text, strlen (text), &original, new_tags, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (changed, ==, expected);
  snapshot = ob_snapshot_from_json (changed, strlen (changed), &error);
  g_assert_no_error (error);
  g_assert_cmpuint (g_strv_length ((GStrv) new_tags), ==,
                    snapshot->tags != NULL ? g_strv_length (snapshot->tags) : 0);
  g_assert_true (ob_id_equal (ob_snapshot_get_public_id (snapshot), &original));
  again = ob_retag_text (changed, strlen (changed), &original, new_tags, &error);
  g_assert_cmpstr (again, ==, changed);
}

static void
test_text (void)
{
  check (HEAD "}", tags, HEAD "," TAGS TAIL);
  check (HEAD "}", no_tags, HEAD TAIL);
  check (HEAD ",\"tags\":null}", tags, HEAD "," TAGS TAIL);
  check (HEAD ",\"tags\":[\"x\"],\"original\":\"" TREE "\",\"uid\":7}", tags,
         HEAD ",\"uid\":7," TAGS TAIL);
  check ("{\"tags\":[]," MEMBERS "}", tags, HEAD "," TAGS TAIL);
}

/* Byte for byte, whatever it is: numbers that no double holds, escapes, the blanks within. */
static void
test_others_stay (void)
{
#define OTHERS                                                                                     \
  ",\"summary\":{\"bytes\":18446744073709551615,\"ratio\":0.10000000000000000555,\"x\":[null, 1]}" \
  ",\"obbackup\":{\"result\":\"partial\",\"size\":1.0,\"warnings\":[\"a\\u001f\\udc00/\\/\"]}"     \
  ",\"\\u0074ags\":[\"posing\"],\"excludes\":[\"*.tmp\"]"
  check (HEAD OTHERS "}", tags, HEAD OTHERS "," TAGS TAIL);
  check (HEAD OTHERS ",\"tags\":[\"one\"]}", no_tags, HEAD OTHERS TAIL);
}

static void
test_damage (void)
{
  static const char *const texts[] = { "",
                                       "{}",
                                       "null",
                                       "[]",
                                       HEAD,
                                       HEAD "}}",
                                       HEAD ",\"tags\":\"one\"}",
                                       HEAD ",\"x\":}",
                                       HEAD ",\"original\":\"12\"}" };
  ObId original;

  g_assert_true (ob_id_from_hex (ORIGINAL, &original));
  for (gsize i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (ob_retag_text (texts[i], strlen (texts[i]), &original, tags, &error));
      g_assert_error (error, OB_ERROR, OB_ERROR_CORRUPT);
    }
}

/* What would be larger than anybody reads is not written. */
static void
test_too_large (void)
{
  g_autofree char *fill = g_strnfill (16 * 1024 * 1024 - 250, 'x');
  g_autofree char *text = g_strconcat (HEAD ",\"x\":\"", fill, "\"}", NULL);
  g_autofree char *long_tag = g_strnfill (250, 'y');
  const char *const long_tags[] = { long_tag, NULL };
  g_autoptr (GError) error = NULL;
  g_autofree char *changed = NULL;
  ObId original;

  g_assert_true (ob_id_from_hex (ORIGINAL, &original));
  changed = ob_retag_text (text, strlen (text), &original, no_tags, &error);
  g_assert_no_error (error);
  g_assert_null (ob_retag_text (text, strlen (text), &original, long_tags, &error));
  g_assert_error (error, OB_ERROR, OB_ERROR_CORRUPT);
}

/* --- in a repository --- */

static ObSnapshot *
save (ObRepository *repository)
{
  g_autoptr (ObSnapshot) snapshot = ob_snapshot_new ();
  g_autoptr (GError) error = NULL;

  g_assert_true (ob_id_from_hex (TREE, &snapshot->tree));
  snapshot->tags = g_strsplit ("obbackup|instance=erp", "|", -1);
  snapshot->obbackup = json_object_new ();
  json_object_set_string_member (snapshot->obbackup, "result", "complete");
  ob_repository_save_snapshot (repository, snapshot, NULL, &error);
  g_assert_no_error (error);
  return g_steal_pointer (&snapshot);
}

/* As a job does it. */
static void
retag (ObRepository *repository, const ObSnapshot *snapshot, ObId *id)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ObLock) lock = ob_lock_acquire (repository, TRUE, NULL, &error);
  g_autoptr (GArray) former = g_array_new (FALSE, FALSE, sizeof (ObId));
  guint n_removed = 0;

  g_assert_no_error (error);
  ob_retag_snapshot (repository, lock, snapshot, tags, id, NULL, &error);
  g_assert_no_error (error);
  g_array_append_val (former, snapshot->id);
  ob_delete_snapshots (repository, lock, former, &n_removed, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (n_removed, ==, 1);
}

/* Opened anew, of what was left of the store. Transfer full: of ObSnapshot. */
static GPtrArray *
list_left (ObStore *left)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ObRepository) repository = ob_repository_open (left, CORE_PASSPHRASE, NULL, &error);
  g_autoptr (GPtrArray) problems = NULL;
  GPtrArray *snapshots = NULL;

  g_assert_no_error (error);
  snapshots = ob_repository_list_snapshots (repository, &problems, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (problems->len, ==, 0);
  return snapshots;
}

static void
check_left (ObStore *left, const ObSnapshot *first, guint moment, gboolean is_done)
{
  g_autoptr (GPtrArray) snapshots = list_left (left);

  if (snapshots->len < 1 || snapshots->len > (is_done ? 1 : 2))
    g_error ("After %u changes there are %u files of the backup", moment, snapshots->len);
  for (guint i = 0; i < snapshots->len; i++)
    {
      const ObSnapshot *snapshot = g_ptr_array_index (snapshots, i);
      gboolean is_new = ob_snapshot_has_tag (snapshot, tags[1]);

      g_assert_true (ob_id_equal (ob_snapshot_get_public_id (snapshot), &first->id));
      g_assert_true (is_new || ob_id_equal (&snapshot->id, &first->id));
      g_assert_true (is_new || !is_done);
      g_assert_nonnull (snapshot->obbackup);
    }
}

static void
test_crash (void)
{
  CoreFixture core = { .store = crash_store_new () };
  CrashStore *store = CRASH_STORE (core.store);
  GRand *rand = g_rand_new_with_seed ((guint32) g_test_rand_int ());
  g_autoptr (ObRepository) repository = NULL;
  g_autoptr (ObSnapshot) first = NULL;
  g_autoptr (GError) error = NULL;
  ObConfig config;
  ObId id;
  guint from, to;

  ob_config_generate (&config);
  core_fixture_put_repository (&core, &config);
  repository = ob_repository_open (core.store, CORE_PASSPHRASE, NULL, &error);
  g_assert_no_error (error);
  first = save (repository);
  from = crash_store_get_n_changes (store);
  retag (repository, first, &id);
  to = crash_store_get_n_changes (store);
  g_assert_false (ob_id_equal (&id, &first->id));
  /* The lock, the new file, the former one, the lock. */
  g_assert_cmpuint (to, ==, from + 4);
  for (guint n = from; n <= to; n++)
    for (guint attempt = 0; attempt < 8; attempt++)
      {
        g_autoptr (ObStore) left = crash_store_cut (store, n, rand);

        check_left (left, first, n, n == to);
      }
  g_rand_free (rand);
  g_object_unref (core.store);
}

/* A second change keeps the id of the first version. */
static void
test_twice (CoreFixture *fixture, gconstpointer data)
{
  g_autoptr (ObSnapshot) first = save (fixture->repository);
  g_autoptr (GPtrArray) once = NULL;
  g_autoptr (GPtrArray) twice = NULL;
  g_autoptr (GError) error = NULL;
  ObId id, second;

  retag (fixture->repository, first, &id);
  once = ob_repository_list_snapshots (fixture->repository, NULL, NULL, &error);
  g_assert_cmpuint (once->len, ==, 1);
  retag (fixture->repository, g_ptr_array_index (once, 0), &second);
  twice = ob_repository_list_snapshots (fixture->repository, NULL, NULL, &error);
  g_assert_cmpuint (twice->len, ==, 1);
  g_assert_true (
    ob_id_equal (ob_snapshot_get_public_id (g_ptr_array_index (twice, 0)), &first->id));
}

static void
test_gone (CoreFixture *fixture, gconstpointer data)
{
  g_autoptr (ObSnapshot) first = save (fixture->repository);
  g_autoptr (GError) error = NULL;
  g_autoptr (ObLock) lock = ob_lock_acquire (fixture->repository, TRUE, NULL, &error);
  g_autoptr (GPtrArray) left = NULL;
  char name[11 + OB_ID_HEX_SIZE] = "snapshots/";
  ObId id;

  g_assert_no_error (error);
  ob_id_to_hex (&first->id, name + strlen (name));
  core_fixture_remove (fixture, name);
  g_assert_false (ob_retag_snapshot (fixture->repository, lock, first, tags, &id, NULL, &error));
  g_assert_error (error, OB_ERROR, OB_ERROR_NOT_FOUND);
  left = core_fixture_list (fixture, "snapshots");
  g_assert_cmpuint (left->len, ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/retag/text", test_text);
  g_test_add_func ("/retag/others-stay", test_others_stay);
  g_test_add_func ("/retag/damage", test_damage);
  g_test_add_func ("/retag/too-large", test_too_large);
  g_test_add_func ("/retag/crash", test_crash);
  g_test_add ("/retag/twice", CoreFixture, NULL, core_fixture_set_up, test_twice,
              core_fixture_tear_down);
  g_test_add ("/retag/gone", CoreFixture, NULL, core_fixture_set_up, test_gone,
              core_fixture_tear_down);
  return g_test_run ();
}
