/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The exchange and its way back, from every state that a crash between two renames can leave. */
#include "ob-restore-swap.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broken-call.h"
#include "fixture.h"
#include "ob-error.h"

#define STAGING ".staging"

typedef struct
{
  Fixture base;
  ObRestoreJournal *journal;
  ObRestoreUnit *unit;
} Swap;

static gboolean
is_there (Swap *swap, const char *name)
{
  return faccessat (swap->base.fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static guint64
get_inode (Swap *swap, const char *name)
{
  struct stat info;

  g_assert_cmpint (fstatat (swap->base.fd, name, &info, AT_SYMLINK_NOFOLLOW), ==, 0);
  return info.st_ino;
}

static void
make_directory (Swap *swap, const char *name, mode_t mode)
{
  g_assert_cmpint (mkdirat (swap->base.fd, name, mode), ==, 0);
}

static void
move (Swap *swap, const char *from, const char *to)
{
  g_assert_false (is_there (swap, to));
  g_assert_cmpint (renameat (swap->base.fd, from, swap->base.fd, to), ==, 0);
}

static void
exchange (Swap *swap, const char *from, const char *to)
{
  g_assert_cmpint (renameat2 (swap->base.fd, from, swap->base.fd, to, RENAME_EXCHANGE), ==, 0);
}

/* The living directory app/sources with attachments in data/attachments, and the restored one. */
static void
swap_set_up (Swap *swap, gconstpointer data)
{
  ObRestoreCarry *carry = g_new0 (ObRestoreCarry, 1);
  ObRestoreUnit *unit = NULL;
  g_autofree char *path = NULL;

  fixture_set_up (&swap->base, data);
  make_directory (swap, "app", 0755);
  make_directory (swap, "app/sources", 0755);
  make_directory (swap, "app/sources/data", 0755);
  make_directory (swap, "app/sources/data/attachments", 0755);
  fixture_write (&swap->base, "app/sources/old", "");
  fixture_write (&swap->base, "app/sources/data/attachments/file", "");
  make_directory (swap, STAGING, 0700);
  make_directory (swap, STAGING "/new", 0755);
  make_directory (swap, STAGING "/new/data", 0755);
  fixture_write (&swap->base, STAGING "/new/restored", "");

  swap->journal = g_new0 (ObRestoreJournal, 1);
  swap->journal->units = g_ptr_array_new ();
  path = fixture_path (&swap->base, "app/sources");
  unit = ob_restore_journal_add_unit (swap->journal, OB_PART_SOURCES, path);
  unit->staging_parent = g_strdup (swap->base.path);
  unit->staging_name = g_strdup (STAGING);
  unit->staging_inode = get_inode (swap, STAGING);
  unit->parent_inode = get_inode (swap, "app");
  unit->new_inode = get_inode (swap, STAGING "/new");
  carry->path = g_strdup ("data/attachments");
  carry->inode = get_inode (swap, "app/sources/data/attachments");
  g_ptr_array_add (unit->carries, carry);
  swap->unit = unit;
}

static void
swap_tear_down (Swap *swap, gconstpointer data)
{
  ObRestoreUnit *unit = swap->unit;

  g_ptr_array_unref (unit->carries);
  g_free (unit->path);
  g_free (unit->staging_parent);
  g_free (unit->staging_name);
  g_free (unit);
  g_ptr_array_unref (swap->journal->units);
  g_free (swap->journal);
  fixture_tear_down (&swap->base, data);
}

static void
assert_before (Swap *swap)
{
  g_assert_true (is_there (swap, "app/sources/old"));
  g_assert_true (is_there (swap, "app/sources/data/attachments/file"));
  g_assert_cmpuint (get_inode (swap, STAGING "/new"), ==, swap->unit->new_inode);
  g_assert_true (is_there (swap, STAGING "/new/restored"));
  g_assert_false (is_there (swap, STAGING "/new/data/attachments"));
  g_assert_false (is_there (swap, STAGING "/previous"));
  g_assert_false (is_there (swap, STAGING "/taken-out"));
}

static void
assert_after (Swap *swap)
{
  g_assert_cmpuint (get_inode (swap, "app/sources"), ==, swap->unit->new_inode);
  g_assert_true (is_there (swap, "app/sources/restored"));
  g_assert_true (is_there (swap, "app/sources/data/attachments/file"));
  g_assert_true (is_there (swap, STAGING "/previous/old"));
  g_assert_false (is_there (swap, STAGING "/previous/data/attachments"));
  g_assert_false (is_there (swap, STAGING "/new"));
  g_assert_false (is_there (swap, STAGING "/taken-out"));
}

static void
do_swap (Swap *swap)
{
  g_autoptr (GError) error = NULL;

  ob_restore_unit_swap (swap->unit, &error);
  g_assert_no_error (error);
  assert_after (swap);
}

static void
do_swap_back (Swap *swap)
{
  g_autoptr (GError) error = NULL;

  ob_restore_unit_swap_back (swap->unit, &error);
  g_assert_no_error (error);
  assert_before (swap);
}

/* The states on the way forwards: each is reached from the one before. On the way without
 * RENAME_EXCHANGE the living directory goes aside first. */
typedef enum
{
  UNTOUCHED,
  CARRIED,
  EXCHANGED,
  ASIDE,
  SWAPPED,
  N_FORWARDS,
  /* and back from SWAPPED */
  EXCHANGED_BACK = N_FORWARDS,
  RESTORED_ASIDE,
  BOTH_RENAMED,
  NAMED_BACK,
  N_STATES
} State;

static void
bring_to (Swap *swap, State state)
{
  if (state >= CARRIED)
    move (swap, "app/sources/data/attachments", STAGING "/new/data/attachments");
  if (state == EXCHANGED)
    exchange (swap, "app/sources", STAGING "/new");
  if (state >= ASIDE)
    move (swap, "app/sources", STAGING "/previous");
  if (state >= SWAPPED)
    move (swap, STAGING "/new", "app/sources");
  if (state == EXCHANGED_BACK)
    exchange (swap, "app/sources", STAGING "/previous");
  if (state == RESTORED_ASIDE || state == BOTH_RENAMED)
    move (swap, "app/sources", STAGING "/taken-out");
  if (state == BOTH_RENAMED)
    move (swap, STAGING "/previous", "app/sources");
  if (state == NAMED_BACK)
    {
      exchange (swap, "app/sources", STAGING "/previous");
      move (swap, STAGING "/previous", STAGING "/new");
    }
}

static void
test_forwards (Swap *swap, gconstpointer data)
{
  bring_to (swap, GPOINTER_TO_INT (data));
  do_swap (swap);
  do_swap (swap);
  do_swap_back (swap);
  do_swap (swap);
}

static void
test_back (Swap *swap, gconstpointer data)
{
  bring_to (swap, GPOINTER_TO_INT (data));
  do_swap_back (swap);
  do_swap_back (swap);
  do_swap (swap);
  do_swap_back (swap);
}

/* Where nothing was there before, the restored one just comes and goes. */
static void
test_nothing_before (Swap *swap, gconstpointer data)
{
  ObRestoreCarry *carry = g_ptr_array_index (swap->unit->carries, 0);
  g_autoptr (GError) error = NULL;

  carry->inode = 0;
  move (swap, "app/sources", "gone");
  for (guint i = 0; i < 2; i++)
    {
      ob_restore_unit_swap (swap->unit, &error);
      g_assert_no_error (error);
      g_assert_true (is_there (swap, "app/sources/restored"));
      g_assert_false (is_there (swap, STAGING "/previous"));
    }
  for (guint i = 0; i < 2; i++)
    {
      ob_restore_unit_swap_back (swap->unit, &error);
      g_assert_no_error (error);
      g_assert_false (is_there (swap, "app/sources"));
      g_assert_true (is_there (swap, STAGING "/new/restored"));
    }
}

static void
assert_refused (Swap *swap, const char *words)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) back_error = NULL;

  g_assert_false (ob_restore_unit_swap (swap->unit, &error));
  g_assert_true (error->domain == OB_ERROR);
  g_assert_message (error, words);
  g_assert_false (ob_restore_unit_swap_back (swap->unit, &back_error));
  g_assert_message (back_error, words);
}

/* Before anything was exchanged there is nothing to take back either. */
static void
assert_not_begun (Swap *swap, const char *words)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) back_error = NULL;

  g_assert_false (ob_restore_unit_swap (swap->unit, &error));
  g_assert_message (error, words);
  ob_restore_unit_swap_back (swap->unit, &back_error);
  g_assert_no_error (back_error);
}

/* The application's user may own the parent: whatever he puts there leads nowhere. */
static void
test_another_parent (Swap *swap, gconstpointer data)
{
  move (swap, "app", "moved");
  make_directory (swap, "app", 0755);
  make_directory (swap, "app/sources", 0755);
  assert_not_begun (swap, "another one than when the restore began");
  g_assert_true (is_there (swap, STAGING "/new/restored"));
  g_assert_true (is_there (swap, "moved/sources/old"));
}

static void
test_another_parent_after (Swap *swap, gconstpointer data)
{
  do_swap (swap);
  move (swap, "app", "moved");
  make_directory (swap, "app", 0755);
  make_directory (swap, "app/sources", 0755);
  assert_refused (swap, "another one than when the restore began");
  g_assert_true (is_there (swap, STAGING "/previous/old"));
  g_assert_true (is_there (swap, "moved/sources/restored"));
}

/* The nested part is in the restored directory already: that must not be discarded. */
static void
test_another_parent_carried (Swap *swap, gconstpointer data)
{
  bring_to (swap, CARRIED);
  move (swap, "app", "moved");
  make_directory (swap, "app", 0755);
  assert_refused (swap, "another one than when the restore began");
  g_assert_true (is_there (swap, STAGING "/new/data/attachments/file"));
}

/* Somebody removed the staging directory: only what lives tells whether it was exchanged. */
static void
test_no_staging (Swap *swap, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  move (swap, STAGING, "moved");
  ob_restore_unit_swap_back (swap->unit, &error);
  g_assert_no_error (error);
  move (swap, "moved", STAGING);
  do_swap (swap);
  move (swap, STAGING, "moved");
  g_assert_false (ob_restore_unit_swap_back (swap->unit, &error));
  g_assert_true (is_there (swap, "app/sources/restored"));
}

static void
test_parent_is_link (Swap *swap, gconstpointer data)
{
  move (swap, "app", "moved");
  g_assert_cmpint (symlinkat ("moved", swap->base.fd, "app"), ==, 0);
  assert_not_begun (swap, "symbolic link");
  g_assert_true (is_there (swap, "moved/sources/old"));
}

static void
test_another_staging (Swap *swap, gconstpointer data)
{
  move (swap, STAGING, "moved");
  make_directory (swap, STAGING, 0700);
  make_directory (swap, STAGING "/new", 0755);
  assert_not_begun (swap, "not the directory that the restore made");
  g_assert_cmpint (unlinkat (swap->base.fd, STAGING "/new", AT_REMOVEDIR), ==, 0);
  g_assert_cmpint (unlinkat (swap->base.fd, STAGING, AT_REMOVEDIR), ==, 0);
  g_assert_cmpint (symlinkat ("moved", swap->base.fd, STAGING), ==, 0);
  assert_not_begun (swap, STAGING);
  g_assert_true (is_there (swap, "app/sources/old"));
}

static void
test_open_staging (Swap *swap, gconstpointer data)
{
  g_assert_cmpint (fchmodat (swap->base.fd, STAGING, 0755, 0), ==, 0);
  assert_not_begun (swap, "not the directory that the restore made");
}

/* What lives is the restored one, and the former one cannot be had. */
static void
test_another_staging_after (Swap *swap, gconstpointer data)
{
  do_swap (swap);
  move (swap, STAGING, "moved");
  make_directory (swap, STAGING, 0700);
  assert_refused (swap, "not the directory that the restore made");
  g_assert_true (is_there (swap, "app/sources/restored"));
}

/* Something else is in the place of the restored directory. */
static void
test_another_new (Swap *swap, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  move (swap, STAGING "/new", "away");
  make_directory (swap, STAGING "/new", 0755);
  g_assert_false (ob_restore_unit_swap (swap->unit, &error));
  g_assert_message (error, "is not in");
  g_assert_true (is_there (swap, "app/sources/old"));
}

/* Somebody exchanged the nested part since the restore began. It would not be known again on the
 * way back, and be removed with the restored directory. */
static void
test_another_carry (Swap *swap, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  move (swap, "app/sources/data/attachments", "app/sources/data/former");
  make_directory (swap, "app/sources/data/attachments", 0755);
  fixture_write (&swap->base, "app/sources/data/attachments/fresh", "");
  g_assert_false (ob_restore_unit_swap (swap->unit, &error));
  g_assert_message (error, "data/attachments");
  g_assert_true (is_there (swap, "app/sources/data/attachments/fresh"));

  ob_restore_unit_swap_back (swap->unit, NULL);
  g_assert_true (is_there (swap, "app/sources/data/attachments/fresh"));
  g_assert_true (is_there (swap, "app/sources/data/former/file"));
}

static void
test_carry_through_link (Swap *swap, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  move (swap, "app/sources/data", "elsewhere");
  g_assert_cmpint (symlinkat ("../../elsewhere", swap->base.fd, "app/sources/data"), ==, 0);
  g_assert_false (ob_restore_unit_swap (swap->unit, &error));
  g_assert_message (error, "symbolic link");
  g_assert_true (is_there (swap, "elsewhere/attachments/file"));
  g_assert_true (is_there (swap, "app/sources/old"));
}

/* What was carried comes and goes without a trace in the times of what holds it. */
static void
test_times (Swap *swap, gconstpointer data)
{
  const struct timespec times[] = { { .tv_sec = 1000 }, { .tv_sec = 2000 } };
  struct stat info;

  g_assert_cmpint (utimensat (swap->base.fd, STAGING "/new/data", times, 0), ==, 0);
  do_swap (swap);
  g_assert_cmpint (fstatat (swap->base.fd, "app/sources/data", &info, 0), ==, 0);
  g_assert_cmpint (info.st_mtim.tv_sec, ==, 2000);
}

static void
test_discard (Swap *swap, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < 2; i++)
    {
      ob_restore_unit_discard (swap->unit, &error);
      g_assert_no_error (error);
      g_assert_false (is_there (swap, STAGING));
    }
  g_assert_true (is_there (swap, "app/sources/data/attachments/file"));
}

/* A former state is never discarded. */
static void
test_discard_keeps (Swap *swap, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  do_swap (swap);
  g_assert_false (ob_restore_unit_discard (swap->unit, &error));
  assert_after (swap);
  ob_restore_unit_tidy (swap->unit);
  assert_after (swap);
}

static void
test_discard_another (Swap *swap, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  move (swap, STAGING, "moved");
  make_directory (swap, STAGING, 0700);
  make_directory (swap, STAGING "/new", 0755);
  g_assert_false (ob_restore_unit_discard (swap->unit, &error));
  g_assert_true (is_there (swap, STAGING "/new"));
}

/* What is left of a former directory when its removal ends half-way is none that one could go back
 * to, and the next removal finds it. */
static void
test_release_half_way (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *mounted = NULL;
  g_autofree char *moved = NULL;
  Swap swap = { 0 };

  if (geteuid () != 0)
    {
      g_test_skip ("only root can mount");
      return;
    }
  if (!broken_call_begin_process ())
    return;
  g_assert_cmpint (unshare (CLONE_NEWNS), ==, 0);
  g_assert_cmpint (mount (NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), ==, 0);
  swap_set_up (&swap, NULL);
  do_swap (&swap);
  make_directory (&swap, STAGING "/previous/mounted", 0755);
  mounted = fixture_path (&swap.base, STAGING "/previous/mounted");
  moved = fixture_path (&swap.base, STAGING "/released/mounted");
  g_assert_cmpint (mount ("tmpfs", mounted, "tmpfs", 0, NULL), ==, 0);

  g_assert_false (ob_restore_unit_release (swap.unit, NULL, &error));
  g_assert_nonnull (error);
  g_assert_false (is_there (&swap, STAGING "/previous"));
  g_assert_cmpint (umount (moved), ==, 0);
  g_clear_error (&error);
  ob_restore_unit_release (swap.unit, NULL, &error);
  g_assert_no_error (error);
  g_assert_false (is_there (&swap, STAGING));
  swap_tear_down (&swap, NULL);
}

static void
test_release_cancelled (Swap *swap, gconstpointer data)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;

  do_swap (swap);
  g_cancellable_cancel (cancellable);
  g_assert_false (ob_restore_unit_release (swap->unit, cancellable, &error));
  g_assert_error (error, OB_ERROR, OB_ERROR_CANCELLED);
  g_assert_true (is_there (swap, STAGING "/previous/old"));
}

static void
test_no_leak (Swap *swap, gconstpointer data)
{
  guint before = fixture_count_fds ();

  do_swap (swap);
  do_swap_back (swap);
  ob_restore_unit_discard (swap->unit, NULL);
  g_assert_cmpuint (fixture_count_fds (), ==, before);
}

#define ADD(path, func) g_test_add (path, Swap, NULL, swap_set_up, func, swap_tear_down)

int
main (int argc, char **argv)
{
  static const char *const names[] = { "untouched", "carried", "exchanged", "aside", "swapped",
                                       "exchanged-back", "restored-aside", "both-renamed",
                                       "named-back" };

  g_test_init (&argc, &argv, NULL);
  for (State state = UNTOUCHED; state < N_STATES; state++)
    {
      g_autofree char *forwards = g_strdup_printf ("/restore-swap/forwards/%s", names[state]);
      g_autofree char *back = g_strdup_printf ("/restore-swap/back/%s", names[state]);

      if (state < N_FORWARDS)
        g_test_add (forwards, Swap, GINT_TO_POINTER (state), swap_set_up, test_forwards,
                    swap_tear_down);
      g_test_add (back, Swap, GINT_TO_POINTER (state), swap_set_up, test_back, swap_tear_down);
    }
  ADD ("/restore-swap/nothing-before", test_nothing_before);
  ADD ("/restore-swap/another-parent", test_another_parent);
  ADD ("/restore-swap/another-parent-after", test_another_parent_after);
  ADD ("/restore-swap/another-parent-carried", test_another_parent_carried);
  ADD ("/restore-swap/no-staging", test_no_staging);
  ADD ("/restore-swap/parent-is-link", test_parent_is_link);
  ADD ("/restore-swap/another-staging", test_another_staging);
  ADD ("/restore-swap/another-staging-after", test_another_staging_after);
  ADD ("/restore-swap/open-staging", test_open_staging);
  ADD ("/restore-swap/another-new", test_another_new);
  ADD ("/restore-swap/another-carry", test_another_carry);
  ADD ("/restore-swap/carry-through-link", test_carry_through_link);
  ADD ("/restore-swap/times", test_times);
  ADD ("/restore-swap/discard", test_discard);
  ADD ("/restore-swap/discard-keeps", test_discard_keeps);
  ADD ("/restore-swap/discard-another", test_discard_another);
  g_test_add_func ("/restore-swap/release-half-way", test_release_half_way);
  ADD ("/restore-swap/release-cancelled", test_release_cancelled);
  ADD ("/restore-swap/no-leak", test_no_leak);
  return g_test_run ();
}
