/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "broken-call.h"
#include "jobs-fixture.h"
#include "ob-destination-key.h"
#include "ob-lock.h"
#include "ob-secret.h"

static gboolean
is_there (JobsFixture *fixture, const char *name)
{
  return faccessat (fixture->base.fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static ObDestination *
make (JobsFixture *fixture, const char *name, const char *directory, const char *passphrase,
      gboolean no_passphrase)
{
  g_autofree char *path = fixture_path (&fixture->base, directory);
  g_autoptr (GError) error = NULL;
  ObDestination *destination
    = jobs_new_destination (name, path, passphrase, no_passphrase, &error);

  g_assert_no_error (error);
  return destination;
}

/* What set up did: "created", "generated", or both. */
static void
assert_set_up (JobsFixture *fixture, ObDestination *destination, gboolean created,
               gboolean generated)
{
  gboolean was_created = !created;
  gboolean was_generated = !generated;
  g_autoptr (GError) error = NULL;

  ob_destination_set_up (destination, fixture->context, &was_created, &was_generated, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (was_created == created);
  g_assert_true (was_generated == generated);
}

static void
assert_not_set_up (JobsFixture *fixture, ObDestination *destination, ObError code)
{
  g_autofree char *file
    = g_strdup_printf ("etc/destinations/%s.conf", ob_destination_get_name (destination));
  gboolean was_there = is_there (fixture, file);
  gboolean created = FALSE;
  gboolean generated = FALSE;
  g_autoptr (GError) error = NULL;

  g_assert_false (ob_destination_set_up (destination, fixture->context, &created, &generated, NULL,
                                         &error));
  g_assert_error (error, OB_ERROR, (int) code);
  g_assert_true (is_there (fixture, file) == was_there);
}

static void
assert_key (JobsFixture *fixture, const char *name, const char *passphrase)
{
  g_autoptr (GError) error = NULL;
  ob_autosecret char *found
    = ob_destination_key_read (fixture->context->keys_fd, name, &error);

  g_assert_no_error (error);
  g_assert_cmpstr (found, ==, passphrase);
}

static ObDestination *
load (JobsFixture *fixture, const char *name)
{
  g_autoptr (GError) error = NULL;
  ObDestination *destination = ob_destination_load (fixture->context, name, &error);

  g_assert_no_error (error);
  return destination;
}

static void
assert_opens (JobsFixture *fixture, ObDestination *destination)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ObRepository) repository
    = ob_destination_open (destination, fixture->context, NULL, &error);

  g_assert_no_error (error);
  g_assert_cmpstr (ob_repository_get_id (repository), ==,
                   ob_destination_get_repository_id (destination));
}

static void
assert_not_opened (JobsFixture *fixture, ObDestination *destination, ObError code,
                   const char *words)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (ob_destination_open (destination, fixture->context, NULL, &error));
  g_assert_error (error, OB_ERROR, (int) code);
  g_assert_message (error, words);
}

static void
test_arguments (void)
{
  static const struct
  {
    const char *name, *path, *passphrase;
    gboolean none;
    ObError code;
  } cases[] = {
    { "a/b", "/x", NULL, FALSE, OB_ERROR_INVALID_ARGUMENT },
    { "", "/x", NULL, FALSE, OB_ERROR_INVALID_ARGUMENT },
    { "-a", "/x", NULL, FALSE, OB_ERROR_INVALID_ARGUMENT },
    { "a", NULL, NULL, FALSE, OB_ERROR_INVALID_ARGUMENT },
    { "a", "x", NULL, FALSE, OB_ERROR_INVALID_ARGUMENT },
    { "a", "/x/../y", NULL, FALSE, OB_ERROR_INVALID_ARGUMENT },
    { "a", "//", NULL, FALSE, OB_ERROR_INVALID_ARGUMENT },
    { "a", "/x", "", FALSE, OB_ERROR_INVALID_ARGUMENT },
    { "a", "/x", "a\nb", FALSE, OB_ERROR_INVALID_ARGUMENT },
    { "a", "/x", "secret", TRUE, OB_ERROR_INVALID_ARGUMENT },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (jobs_new_destination (cases[i].name, cases[i].path, cases[i].passphrase,
                                           cases[i].none, &error));
      g_assert_error (error, OB_ERROR, (int) cases[i].code);
      g_assert_null (strstr (error->message, "secret"));
    }
}

static void
test_generated (JobsFixture *fixture, gconstpointer data)
{
  g_autoptr (ObDestination) destination = make (fixture, "disk", "repository", NULL, FALSE);
  g_autoptr (ObDestination) loaded = NULL;
  ob_autosecret char *key = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_cmpstr (ob_destination_get_repository_id (destination), ==, "");
  assert_set_up (fixture, destination, TRUE, TRUE);
  key = ob_destination_read_key (destination, fixture->context, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (strlen (key), ==, 39);
  assert_opens (fixture, destination);

  loaded = load (fixture, "disk");
  g_assert_cmpstr (ob_destination_get_repository_id (loaded), ==,
                   ob_destination_get_repository_id (destination));
  g_assert_cmpstr (ob_destination_get_path (loaded), ==, ob_destination_get_path (destination));
  g_assert_cmpstr (ob_destination_get_kind (loaded), ==, "local");
  g_assert_false (ob_destination_get_no_passphrase (loaded));
  assert_opens (fixture, loaded);
  /* The passphrase is in the key file alone. */
  {
    g_autofree char *path = fixture_path (&fixture->base, "etc/destinations/disk.conf");
    g_autofree char *text = NULL;

    g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
    g_assert_null (strstr (text, key));
  }
  /* The name is taken now. */
  assert_not_set_up (fixture, destination, OB_ERROR_EXISTS);
}

static void
test_no_passphrase (JobsFixture *fixture, gconstpointer data)
{
  g_autoptr (ObDestination) destination = make (fixture, "disk", "repository", NULL, TRUE);
  g_autoptr (ObDestination) loaded = NULL;

  assert_set_up (fixture, destination, TRUE, FALSE);
  g_assert_false (is_there (fixture, "etc/keys/disk.key"));
  loaded = load (fixture, "disk");
  g_assert_true (ob_destination_get_no_passphrase (loaded));
  assert_opens (fixture, loaded);
}

/* Removing keeps key and repository, so adding it again takes it over without a question. */
static void
test_remove (JobsFixture *fixture, gconstpointer data)
{
  g_autoptr (ObDestination) first = make (fixture, "disk", "repository", NULL, FALSE);
  g_autoptr (ObDestination) again = make (fixture, "disk", "repository", NULL, FALSE);
  ob_autosecret char *key = NULL;
  g_autoptr (GError) error = NULL;

  assert_set_up (fixture, first, TRUE, TRUE);
  key = ob_destination_read_key (first, fixture->context, NULL);
  ob_destination_remove (first, fixture->context, &error);
  g_assert_no_error (error);
  g_assert_false (is_there (fixture, "etc/destinations/disk.conf"));
  g_assert_true (is_there (fixture, "repository/config"));
  assert_key (fixture, "disk", key);

  assert_set_up (fixture, again, FALSE, FALSE);
  g_assert_cmpstr (ob_destination_get_repository_id (again), ==,
                   ob_destination_get_repository_id (first));
  assert_key (fixture, "disk", key);
}

/* One that a power loss may bring back is not removed. */
static void
test_remove_not_durable (JobsFixture *fixture, gconstpointer data)
{
  g_autoptr (ObDestination) destination = NULL;
  g_autoptr (GError) error = NULL;

  if (!broken_call_begin_process ())
    return;
  destination = jobs_fixture_make_destination (fixture, "disk");
  broken_call (SYS_fsync, EIO);
  g_assert_false (ob_destination_remove (destination, fixture->context, &error));
  g_assert_message (error, "durable");
}

static void
test_take_over (JobsFixture *fixture, gconstpointer data)
{
  g_autoptr (ObDestination) first = jobs_fixture_make_destination (fixture, "repository");
  g_autoptr (ObDestination) nothing = make (fixture, "other", "repository", NULL, FALSE);
  g_autoptr (ObDestination) wrong = make (fixture, "other", "repository", "wrong", FALSE);
  g_autoptr (ObDestination) none = make (fixture, "other", "repository", NULL, TRUE);
  g_autoptr (ObDestination) right = make (fixture, "other", "repository", JOBS_PASSPHRASE, FALSE);
  guint files = jobs_fixture_count_files (fixture, "repository");

  assert_not_set_up (fixture, nothing, OB_ERROR_WRONG_PASSPHRASE);
  assert_not_set_up (fixture, wrong, OB_ERROR_WRONG_PASSPHRASE);
  assert_not_set_up (fixture, none, OB_ERROR_WRONG_PASSPHRASE);
  g_assert_false (is_there (fixture, "etc/keys/other.key"));
  assert_set_up (fixture, right, FALSE, FALSE);
  assert_key (fixture, "other", JOBS_PASSPHRASE);
  assert_opens (fixture, right);
  g_assert_cmpstr (ob_destination_get_repository_id (right), ==,
                   ob_destination_get_repository_id (first));
  g_assert_cmpuint (jobs_fixture_count_files (fixture, "repository"), ==, files);
}

/* What is meant for the repository of a lost machine never ends with a new one. */
static void
test_existing (JobsFixture *fixture, gconstpointer data)
{
  g_autoptr (ObDestination) first = make (fixture, "first", "repo", "of first", FALSE);
  g_autoptr (ObDestination) nowhere = make (fixture, "nowhere", "none", "of first", FALSE);
  g_autoptr (ObDestination) empty = make (fixture, "empty", "empty", "of first", FALSE);
  g_autoptr (ObDestination) second = make (fixture, "second", "repo", "of first", FALSE);

  assert_set_up (fixture, first, TRUE, FALSE);
  g_assert_false (ob_destination_get_key_saved (first));
  ob_destination_require_existing (nowhere);
  assert_not_set_up (fixture, nowhere, OB_ERROR_DESTINATION_UNAVAILABLE);
  g_assert_false (is_there (fixture, "none"));
  g_assert_cmpint (mkdirat (fixture->base.fd, "empty", 0700), ==, 0);
  ob_destination_require_existing (empty);
  assert_not_set_up (fixture, empty, OB_ERROR_NOT_FOUND);
  g_assert_cmpuint (jobs_fixture_count_files (fixture, "empty"), ==, 0);
  g_assert_false (is_there (fixture, "etc/keys/empty.key"));

  ob_destination_require_existing (second);
  assert_set_up (fixture, second, FALSE, FALSE);
  /* Who gave the passphrase has it elsewhere, and need not be asked to save it. */
  g_assert_true (ob_destination_get_key_saved (second));
}

/* A backup never makes a repository: its disk is not mounted, and then nothing is written. */
static void
test_missing (JobsFixture *fixture, gconstpointer data)
{
  g_autoptr (ObDestination) open = jobs_fixture_make_destination (fixture, "repository");
  g_autoptr (ObDestination) closed = load (fixture, "repository");

  /* An empty mount point. */
  jobs_fixture_rename (fixture, "repository", "elsewhere");
  g_assert_cmpint (mkdirat (fixture->base.fd, "repository", 0700), ==, 0);
  assert_not_opened (fixture, open, OB_ERROR_DESTINATION_UNAVAILABLE, "repository");
  assert_not_opened (fixture, closed, OB_ERROR_DESTINATION_UNAVAILABLE, "may not be mounted");
  g_assert_cmpuint (jobs_fixture_count_files (fixture, "repository"), ==, 0);

  /* None at all. */
  g_assert_cmpint (unlinkat (fixture->base.fd, "repository", AT_REMOVEDIR), ==, 0);
  assert_not_opened (fixture, open, OB_ERROR_DESTINATION_UNAVAILABLE, "repository");
  assert_not_opened (fixture, closed, OB_ERROR_DESTINATION_UNAVAILABLE, "repository");
  g_assert_false (is_there (fixture, "repository"));

  /* And back. */
  jobs_fixture_rename (fixture, "elsewhere", "repository");
  assert_opens (fixture, open);
  assert_opens (fixture, closed);
}

static ObLock *
lock_exclusively (JobsFixture *fixture, ObDestination *destination)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ObRepository) repository
    = ob_destination_open (destination, fixture->context, NULL, &error);
  ObLock *lock = NULL;

  g_assert_no_error (error);
  lock = ob_lock_acquire (repository, TRUE, NULL, &error);
  g_assert_no_error (error);
  return lock;
}

/* The destination is out of reach when a lock is to be removed, and when somebody asks for it next;
 * then it is back. */
static void
leave_lock (JobsFixture *fixture, ObDestination *destination)
{
  g_autofree char *in_the_way = fixture_path (&fixture->base, "repository/locks");
  ObLock *lock = lock_exclusively (fixture, destination);

  jobs_fixture_rename (fixture, "repository/locks", "locks");
  g_assert_true (g_file_set_contents (in_the_way, "no directory", -1, NULL));
  jobs_expect_warnings (1);
  ob_lock_release (lock);
  g_assert_cmpuint (jobs_fixture_count_files (fixture, "locks"), ==, 1);
  jobs_fixture_rename (fixture, "repository", "elsewhere");
  for (guint i = 0; i < 2; i++)
    assert_not_opened (fixture, destination, OB_ERROR_DESTINATION_UNAVAILABLE, "repository");
  jobs_fixture_rename (fixture, "elsewhere", "repository");
  g_assert_cmpint (unlinkat (fixture->base.fd, "repository/locks", 0), ==, 0);
  jobs_fixture_rename (fixture, "locks", "repository/locks");
}

/* It keeps nobody out, also where somebody tells the destination anew. */
static void
test_left_lock (JobsFixture *fixture, gconstpointer data)
{
  g_autoptr (ObDestination) destination = jobs_fixture_make_destination (fixture, "repository");
  g_autoptr (ObDestination) updated = NULL;
  g_autoptr (GError) error = NULL;

  leave_lock (fixture, destination);
  ob_lock_release (lock_exclusively (fixture, destination));
  g_assert_cmpuint (jobs_fixture_count_files (fixture, "repository/locks"), ==, 0);

  leave_lock (fixture, destination);
  updated
    = ob_destination_update (destination, fixture->context,
                             ob_destination_get_place (destination), NULL, NULL, &error);
  g_assert_no_error (error);
  ob_lock_release (lock_exclusively (fixture, updated));
  g_assert_cmpuint (jobs_fixture_count_files (fixture, "repository/locks"), ==, 0);
}

static void
test_another (JobsFixture *fixture, gconstpointer data)
{
  g_autoptr (ObDestination) open = jobs_fixture_make_destination (fixture, "one");
  g_autoptr (ObDestination) closed = load (fixture, "one");
  g_autoptr (ObDestination) other = jobs_fixture_make_destination (fixture, "two");
  guint files = jobs_fixture_count_files (fixture, "two");

  jobs_fixture_rename (fixture, "one", "elsewhere");
  jobs_fixture_rename (fixture, "two", "one");
  assert_not_opened (fixture, open, OB_ERROR_DESTINATION_UNAVAILABLE, "another repository");
  assert_not_opened (fixture, closed, OB_ERROR_DESTINATION_UNAVAILABLE, "another repository");
  g_assert_cmpuint (jobs_fixture_count_files (fixture, "one"), ==, files);
}

static void
test_lost_key (JobsFixture *fixture, gconstpointer data)
{
  g_autoptr (ObDestination) made = jobs_fixture_make_destination (fixture, "repository");
  g_autoptr (ObDestination) destination = load (fixture, "repository");

  jobs_fixture_rename (fixture, "etc/keys/repository.key", "etc/keys/away");
  assert_not_opened (fixture, destination, OB_ERROR_NOT_FOUND, "repository.key");
  fixture_write (&fixture->base, "etc/keys/repository.key", "wrong\n");
  assert_not_opened (fixture, destination, OB_ERROR_WRONG_PASSPHRASE, "");
}

static void
test_update_path (JobsFixture *fixture, gconstpointer data)
{
  g_autoptr (ObDestination) destination = jobs_fixture_make_destination (fixture, "one");
  g_autoptr (ObDestination) other = jobs_fixture_make_destination (fixture, "two");
  g_autofree char *moved = fixture_path (&fixture->base, "moved");
  g_autofree char *two = fixture_path (&fixture->base, "two");
  g_autoptr (ObDestination) updated = NULL;
  g_autoptr (ObDestination) loaded = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) missing = NULL;
  g_autoptr (GError) wrong = NULL;

  ob_destination_set_key_saved (destination, fixture->context, &error);
  g_assert_no_error (error);
  g_assert_null (
    jobs_move_destination (destination, fixture->context, moved, &missing));
  g_assert_ob_error (missing, OB_ERROR_DESTINATION_UNAVAILABLE);
  g_assert_null (jobs_move_destination (destination, fixture->context, two, &wrong));
  g_assert_ob_error (wrong, OB_ERROR_DESTINATION_UNAVAILABLE);
  g_assert_message (wrong, "another repository");
  g_assert_false (is_there (fixture, "moved"));

  jobs_fixture_rename (fixture, "one", "moved");
  updated = jobs_move_destination (destination, fixture->context, moved, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (ob_destination_get_path (updated), ==, moved);
  g_assert_true (ob_destination_get_key_saved (updated));
  assert_opens (fixture, updated);
  loaded = load (fixture, "one");
  g_assert_cmpstr (ob_destination_get_path (loaded), ==, moved);
  g_assert_true (ob_destination_get_key_saved (loaded));
}

/* An empty directory is no place to move to: the repository has to be there. */
static void
test_update_to_nothing (JobsFixture *fixture, gconstpointer data)
{
  g_autoptr (ObDestination) destination = jobs_fixture_make_destination (fixture, "one");
  g_autofree char *empty = fixture_path (&fixture->base, "empty");
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (mkdirat (fixture->base.fd, "empty", 0700), ==, 0);
  g_assert_null (jobs_move_destination (destination, fixture->context, empty, &error));
  g_assert_ob_error (error, OB_ERROR_DESTINATION_UNAVAILABLE);
  g_assert_message (error, empty);
  g_assert_cmpuint (jobs_fixture_count_files (fixture, "empty"), ==, 0);
}

static void
test_update_passphrase (JobsFixture *fixture, gconstpointer data)
{
  g_autoptr (ObDestination) destination = jobs_fixture_make_destination (fixture, "one");
  g_autoptr (ObRepository) repository = NULL;
  g_autoptr (ObDestination) updated = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) wrong = NULL;

  ob_destination_set_key_saved (destination, fixture->context, &error);
  g_assert_null (
    ob_destination_update (destination, fixture->context, NULL, "wrong", NULL, &wrong));
  g_assert_ob_error (wrong, OB_ERROR_WRONG_PASSPHRASE);
  assert_key (fixture, "one", JOBS_PASSPHRASE);

  repository = ob_destination_open (destination, fixture->context, NULL, &error);
  g_assert_no_error (error);
  ob_repository_add_key (repository, "another one", NULL, &error);
  g_assert_no_error (error);
  updated
    = ob_destination_update (destination, fixture->context, NULL, "another one", NULL, &error);
  g_assert_no_error (error);
  assert_key (fixture, "one", "another one");
  g_assert_true (is_there (fixture, "etc/keys/one.key.1"));
  /* Nobody has a copy of this one. */
  g_assert_false (ob_destination_get_key_saved (updated));
  assert_opens (fixture, updated);
}

static void
fill (JobsFixture *fixture, const char *name)
{
  g_autofree char *path = fixture_path (&fixture->base, name);
  g_autofree char *zeros = g_malloc0 (4096);
  int fd = open (path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

  g_assert_cmpint (fd, >=, 0);
  while (write (fd, zeros, 4096) > 0)
    ;
  g_assert_cmpint (close (fd), ==, 0);
}

/* A directory with other things in it is not meant to be a repository. */
static void
test_other_things (JobsFixture *fixture, gconstpointer data)
{
  g_autofree char *path = fixture_path (&fixture->base, "home");
  g_autoptr (ObDestination) destination = make (fixture, "disk", "home", NULL, FALSE);

  g_assert_cmpint (mkdir (path, 0700), ==, 0);
  fixture_write (&fixture->base, "home/thesis.tex", "");
  assert_not_set_up (fixture, destination, OB_ERROR_EXISTS);
  g_assert_false (is_there (fixture, "etc/keys/disk.key"));
  g_assert_false (is_there (fixture, "home/config"));
}

/* A repository that could not be made takes no key with it that was there before. */
static void
test_full (JobsFixture *fixture, gconstpointer data)
{
  g_autoptr (ObDestination) given = NULL;
  g_autoptr (ObDestination) other = NULL;
  g_autoptr (ObDestination) generated = NULL;
  g_autofree char *place = fixture_path (&fixture->base, "full/lost+found");

  if (!fixture_begin_mounts (&fixture->base))
    return;
  fixture_mount_tmpfs (&fixture->base, "full", "size=64k");
  g_assert_cmpint (mkdir (place, 0700), ==, 0);
  fill (fixture, "full/lost+found/much");
  given = make (fixture, "disk", "full", "known", FALSE);
  other = make (fixture, "disk", "full", "other", FALSE);
  generated = make (fixture, "disk", "full", NULL, FALSE);

  assert_not_set_up (fixture, generated, OB_ERROR_NO_SPACE);
  g_assert_false (is_there (fixture, "etc/keys/disk.key"));

  fixture_write (&fixture->base, "etc/keys/disk.key", "known\n");
  assert_not_set_up (fixture, given, OB_ERROR_NO_SPACE);
  assert_key (fixture, "disk", "known");
  assert_not_set_up (fixture, other, OB_ERROR_NO_SPACE);
  assert_key (fixture, "disk", "known");
  assert_not_set_up (fixture, generated, OB_ERROR_NO_SPACE);
  assert_key (fixture, "disk", "known");
}

static void
test_bad_files (JobsFixture *fixture, gconstpointer data)
{
  static const char *const texts[] = {
    "",
    "[destination]\nkind=local\npath=/x\n",
    "[destination]\nkind=tape\npath=/x\nrepository=y\n",
    "[destination]\nkind=local\npath=x\nrepository=y\n",
    "[destination]\nkind=local\npath=/\nrepository=y\n",
    "what is this",
  };
  g_autoptr (GError) missing = NULL;

  for (gsize i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autoptr (GError) error = NULL;

      fixture_write (&fixture->base, "etc/destinations/bad.conf", texts[i]);
      g_assert_null (ob_destination_load (fixture->context, "bad", &error));
      g_assert_nonnull (error);
      g_assert_true (error->domain == OB_ERROR);
      g_assert_message (error, "bad.conf");
    }
  g_assert_null (ob_destination_load (fixture->context, "none", &missing));
  g_assert_ob_error (missing, OB_ERROR_NOT_FOUND);
}

#define ADD(path, func)                                                                            \
  g_test_add (path, JobsFixture, NULL, jobs_fixture_set_up, func, jobs_fixture_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  jobs_fixture_quiet_log ();
  g_test_add_func ("/destination/arguments", test_arguments);
  ADD ("/destination/generated", test_generated);
  ADD ("/destination/no-passphrase", test_no_passphrase);
  ADD ("/destination/remove", test_remove);
  ADD ("/destination/remove-not-durable", test_remove_not_durable);
  ADD ("/destination/take-over", test_take_over);
  ADD ("/destination/existing", test_existing);
  ADD ("/destination/missing", test_missing);
  ADD ("/destination/left-lock", test_left_lock);
  ADD ("/destination/another", test_another);
  ADD ("/destination/lost-key", test_lost_key);
  ADD ("/destination/update-path", test_update_path);
  ADD ("/destination/update-to-nothing", test_update_to_nothing);
  ADD ("/destination/update-passphrase", test_update_passphrase);
  ADD ("/destination/full", test_full);
  ADD ("/destination/other-things", test_other_things);
  ADD ("/destination/bad-files", test_bad_files);
  return g_test_run ();
}
