/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-verify-record.h"

#include <sys/stat.h>

#include "jobs-fixture.h"
#include "ob-fd.h"

#define REPOSITORY "00000000000000000000000000000000000000000000000000000000000000aa"

static const ObId one = { .bytes = { 1 } };
static const ObId two = { .bytes = { 2 } };

static ObVerified
get (ObVerifyRecord *record, const ObId *id)
{
  ObVerified verified = { 0 };

  ob_verify_record_get (record, id, &verified);
  return verified;
}

static void
test_round_trip (JobsFixture *fixture, gconstpointer data)
{
  g_autoptr (ObVerifyRecord) record = ob_verify_record_load (fixture->context, REPOSITORY);
  g_autoptr (ObVerifyRecord) again = NULL;
  g_autoptr (ObVerifyRecord) other = NULL;
  g_autoptr (GError) error = NULL;
  ObVerified verified;

  g_assert_false (ob_verify_record_get (record, &one, &verified));
  ob_verify_record_add (record, &one, 100, TRUE, OB_VERIFIED_DATA);
  ob_verify_record_add (record, &two, 100, FALSE, OB_VERIFIED_SAMPLE);
  ob_verify_record_add (record, NULL, 100, FALSE, OB_VERIFIED_SAMPLE);
  ob_verify_record_save (record, fixture->context, &error);
  g_assert_no_error (error);

  again = ob_verify_record_load (fixture->context, REPOSITORY);
  verified = get (again, &one);
  g_assert_cmpint (verified.time, ==, 100);
  g_assert_true (verified.sound);
  g_assert_cmpint (verified.depth, ==, OB_VERIFIED_DATA);
  g_assert_cmpint (verified.read, ==, 100);
  verified = get (again, &two);
  g_assert_false (verified.sound);
  g_assert_cmpint (verified.depth, ==, OB_VERIFIED_SAMPLE);
  g_assert_cmpint (verified.read, ==, 0);
  g_assert_false (get (again, NULL).sound);

  other = ob_verify_record_load (fixture->context, "another");
  g_assert_false (ob_verify_record_get (other, &one, &verified));
}

/* What reads less does not see a damage, and does not make it good. */
static void
test_depth (JobsFixture *fixture, gconstpointer data)
{
  g_autoptr (ObVerifyRecord) record = ob_verify_record_load (fixture->context, REPOSITORY);

  ob_verify_record_add (record, &one, 1, FALSE, OB_VERIFIED_DATA);
  ob_verify_record_add (record, &one, 2, TRUE, OB_VERIFIED_STRUCTURE);
  ob_verify_record_add (record, &one, 3, TRUE, OB_VERIFIED_SAMPLE);
  g_assert_false (get (record, &one).sound);
  g_assert_cmpint (get (record, &one).time, ==, 3);
  ob_verify_record_add (record, &one, 4, TRUE, OB_VERIFIED_DATA);
  g_assert_true (get (record, &one).sound);
  g_assert_cmpint (get (record, &one).read, ==, 4);
  ob_verify_record_add (record, &one, 5, TRUE, OB_VERIFIED_STRUCTURE);
  g_assert_cmpint (get (record, &one).read, ==, 4);
  ob_verify_record_add (record, &one, 6, FALSE, OB_VERIFIED_STRUCTURE);
  g_assert_false (get (record, &one).sound);
  ob_verify_record_add (record, &one, 7, TRUE, OB_VERIFIED_STRUCTURE);
  g_assert_true (get (record, &one).sound);
}

/* A sample that finds nothing may have read other packs; and a damage that one sees without reading
 * is not all that there is. */
static void
test_other_damage (JobsFixture *fixture, gconstpointer data)
{
  g_autoptr (ObVerifyRecord) record = ob_verify_record_load (fixture->context, REPOSITORY);

  ob_verify_record_add (record, &one, 1, FALSE, OB_VERIFIED_SAMPLE);
  ob_verify_record_add (record, &one, 2, TRUE, OB_VERIFIED_SAMPLE);
  g_assert_false (get (record, &one).sound);
  g_assert_cmpint (get (record, &one).time, ==, 2);
  ob_verify_record_add (record, &one, 3, TRUE, OB_VERIFIED_DATA);
  g_assert_true (get (record, &one).sound);

  ob_verify_record_add (record, &two, 1, FALSE, OB_VERIFIED_DATA);
  ob_verify_record_add (record, &two, 2, FALSE, OB_VERIFIED_STRUCTURE);
  ob_verify_record_add (record, &two, 3, TRUE, OB_VERIFIED_STRUCTURE);
  g_assert_false (get (record, &two).sound);
  ob_verify_record_add (record, &two, 4, TRUE, OB_VERIFIED_DATA);
  g_assert_true (get (record, &two).sound);
}

static void
test_forget (JobsFixture *fixture, gconstpointer data)
{
  g_autoptr (ObVerifyRecord) record = ob_verify_record_load (fixture->context, REPOSITORY);
  ObVerified verified;

  ob_verify_record_add (record, &one, 1, TRUE, OB_VERIFIED_DATA);
  ob_verify_record_add (record, &two, 2, TRUE, OB_VERIFIED_DATA);
  ob_verify_record_forget_older (record, 2);
  g_assert_false (ob_verify_record_get (record, &one, &verified));
  g_assert_true (ob_verify_record_get (record, &two, &verified));
}

static GArray *
make_packs (guint n)
{
  GArray *packs = g_array_new (FALSE, TRUE, sizeof (ObId));

  g_array_set_size (packs, n);
  for (guint i = 0; i < n; i++)
    {
      g_array_index (packs, ObId, i).bytes[0] = (guint8) i;
      g_array_index (packs, ObId, i).bytes[1] = (guint8) (i >> 8);
      g_array_index (packs, ObId, i).bytes[2] = (guint8) (i >> 16);
    }
  return packs;
}

static ObVerifyRecord *
save_and_load (JobsFixture *fixture, ObVerifyRecord *record)
{
  g_autoptr (GError) error = NULL;

  ob_verify_record_save (record, fixture->context, &error);
  g_assert_no_error (error);
  return ob_verify_record_load (fixture->context, REPOSITORY);
}

/* The damaged packs, beside what is known of backups. Where they are too many, it is known that
 * they are, and still what is known of backups. */
static void
test_damaged (JobsFixture *fixture, gconstpointer data)
{
  static const guint numbers[]
    = { 0, 1, 1000, OB_VERIFY_RECORD_MAX_PACKS, OB_VERIFY_RECORD_MAX_PACKS + 1, 3, 0 };
  g_autoptr (ObVerifyRecord) record = ob_verify_record_load (fixture->context, REPOSITORY);

  g_assert_cmpuint (ob_verify_record_get_damaged (record)->len, ==, 0);
  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
    {
      g_autoptr (GArray) packs = make_packs (numbers[i]);
      g_autoptr (ObVerifyRecord) again = NULL;
      const GArray *actual = NULL;

      ob_verify_record_add (record, &one, i + 1, TRUE, OB_VERIFIED_DATA);
      ob_verify_record_set_damaged (record, packs);
      again = save_and_load (fixture, record);
      g_assert_cmpint (get (again, &one).time, ==, i + 1);
      actual = ob_verify_record_get_damaged (again);
      g_assert_true ((actual == NULL) == (numbers[i] > OB_VERIFY_RECORD_MAX_PACKS));
      if (actual != NULL)
        g_assert_cmpmem (actual->data, actual->len * sizeof (ObId), packs->data,
                         packs->len * sizeof (ObId));
    }
}

/* It may be lost without harm: whatever is in the file is no error. */
static void
test_rubbish (JobsFixture *fixture, gconstpointer data)
{
  static const char *const texts[]
    = { "", "[]", "null", "{", "{\"repository\":3}", "{\"repository\":{\"depth\":7,\"time\":1}}",
        "{\"zz\":{\"time\":1}}", "{\"damaged-packs\":[3,null,\"ab\",{},[]]}",
        "{\"damaged-packs\":{}}", "{\"repository\":{\"time\":-5,\"sound\":\"x\"}}" };
  g_autofree char *directory = g_build_filename (fixture->context->state_path, "verified", NULL);
  g_autofree char *file = g_build_filename (directory, REPOSITORY ".json", NULL);

  g_assert_cmpint (mkdir (directory, 0700), ==, 0);
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autoptr (ObVerifyRecord) record = NULL;
      g_autoptr (GError) error = NULL;

      g_file_set_contents (file, texts[i], -1, &error);
      g_assert_no_error (error);
      record = ob_verify_record_load (fixture->context, REPOSITORY);
      g_assert_cmpint (get (record, NULL).time, ==, 0);
      g_assert_cmpuint (ob_verify_record_get_damaged (record)->len, ==, 0);
    }
}

/* What a drill found stays beside what verifications find, and goes with the backup. */
static void
test_proof (JobsFixture *fixture, gconstpointer data)
{
  g_autoptr (ObVerifyRecord) record = ob_verify_record_load (fixture->context, REPOSITORY);
  g_autoptr (ObVerifyRecord) again = NULL;
  g_autoptr (GError) error = NULL;

  ob_verify_record_prove (record, &one, 50, TRUE);
  ob_verify_record_prove (record, &two, 60, TRUE);
  ob_verify_record_prove (record, &two, 70, FALSE);
  g_assert_cmpint (get (record, &one).time, ==, 0);
  ob_verify_record_add (record, &one, 100, FALSE, OB_VERIFIED_SAMPLE);
  ob_verify_record_save (record, fixture->context, &error);
  g_assert_no_error (error);

  again = ob_verify_record_load (fixture->context, REPOSITORY);
  g_assert_cmpint (get (again, &one).proven, ==, 50);
  g_assert_true (get (again, &one).proof);
  g_assert_false (get (again, &one).sound);
  g_assert_cmpint (get (again, &two).proven, ==, 70);
  g_assert_false (get (again, &two).proof);
  g_assert_cmpint (get (again, &two).time, ==, 0);
  ob_verify_record_forget_older (again, 100);
  g_assert_cmpint (get (again, &one).proven, ==, 50);
  g_assert_cmpint (get (again, &two).proven, ==, 0);

  /* Made and tried while a verification was under way that does not know of it. */
  ob_verify_record_prove (again, &two, 150, FALSE);
  ob_verify_record_forget_older (again, 120);
  g_assert_cmpint (get (again, &two).proven, ==, 150);
  g_assert_false (get (again, &two).proof);
}

typedef struct
{
  JobsFixture *fixture;
  const ObId *id;
} Writer;

static gpointer
write_many (gpointer data)
{
  Writer *writer = data;
  ObContext *context = writer->fixture->context;

  for (guint i = 1; i <= 50; i++)
    {
      ob_autofd int lock = ob_verify_record_lock (context);
      g_autoptr (ObVerifyRecord) record = ob_verify_record_load (context, REPOSITORY);

      g_assert_cmpint (lock, >=, 0);
      g_assert_cmpint (get (record, writer->id).proven, ==, i - 1);
      ob_verify_record_prove (record, writer->id, i, TRUE);
      g_assert_true (ob_verify_record_save (record, context, NULL));
    }
  return NULL;
}

/* Two jobs that end at the same time lose nothing of each other's. */
static void
test_lock (JobsFixture *fixture, gconstpointer data)
{
  Writer writers[] = { { fixture, &one }, { fixture, &two } };
  GThread *thread = g_thread_new ("writer", write_many, &writers[0]);

  write_many (&writers[1]);
  g_thread_join (thread);
}

#define ADD(name, function)                                                                        \
  g_test_add ("/verify-record/" name, JobsFixture, NULL, jobs_fixture_set_up, function,            \
              jobs_fixture_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("round-trip", test_round_trip);
  ADD ("depth", test_depth);
  ADD ("other-damage", test_other_damage);
  ADD ("forget", test_forget);
  ADD ("proof", test_proof);
  ADD ("lock", test_lock);
  ADD ("damaged", test_damaged);
  ADD ("rubbish", test_rubbish);
  return g_test_run ();
}
