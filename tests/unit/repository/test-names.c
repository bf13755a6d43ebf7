/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-names.h"

#include <grp.h>
#include <pthread.h>
#include <pwd.h>

#define MAX_ID 65536

/* A number that no user (or no group) of this host has. */
static uid_t
find_free_uid (void)
{
  for (uid_t uid = 60001; uid < MAX_ID; uid++)
    if (getpwuid (uid) == NULL)
      return uid;
  g_assert_not_reached ();
}

static gid_t
find_free_gid (void)
{
  for (gid_t gid = 60001; gid < MAX_ID; gid++)
    if (getgrgid (gid) == NULL)
      return gid;
  g_assert_not_reached ();
}

static void
test_root (void)
{
  g_autoptr (ObNames) names = ob_names_new ();
  uid_t uid = 1;
  gid_t gid = 1;

  for (guint i = 0; i < 2; i++)
    {
      g_assert_cmpstr (ob_names_get_user (names, 0), ==, "root");
      g_assert_cmpstr (ob_names_get_group (names, 0), ==, "root");
      g_assert_true (ob_names_find_user (names, "root", &uid));
      g_assert_true (ob_names_find_group (names, "root", &gid));
      g_assert_cmpuint (uid, ==, 0);
      g_assert_cmpuint (gid, ==, 0);
    }
}

/* All that the host has, users and groups not mixed up: the same number often has two names. */
static void
test_all (void)
{
  g_autoptr (ObNames) names = ob_names_new ();
  struct passwd *user;
  struct group *group;
  guint n = 0;

  setpwent ();
  while ((user = getpwent ()) != NULL && n < 200)
    {
      uid_t uid;

      n++;
      g_assert_true (ob_names_find_user (names, user->pw_name, &uid));
      g_assert_cmpuint (uid, ==, user->pw_uid);
      g_assert_nonnull (ob_names_get_user (names, uid));
    }
  endpwent ();
  g_assert_cmpuint (n, >, 0);

  n = 0;
  setgrent ();
  while ((group = getgrent ()) != NULL && n < 200)
    {
      gid_t gid;

      n++;
      g_assert_true (ob_names_find_group (names, group->gr_name, &gid));
      g_assert_cmpuint (gid, ==, group->gr_gid);
      g_assert_nonnull (ob_names_get_group (names, gid));
    }
  endgrent ();
  g_assert_cmpuint (n, >, 0);
}

/* Neither the first nor the second time. */
static void
test_unknown (void)
{
  g_autoptr (ObNames) names = ob_names_new ();
  uid_t free_uid = find_free_uid ();
  gid_t free_gid = find_free_gid ();

  for (guint i = 0; i < 2; i++)
    {
      uid_t uid = 77;
      gid_t gid = 77;

      g_assert_null (ob_names_get_user (names, free_uid));
      g_assert_null (ob_names_get_group (names, free_gid));
      g_assert_null (ob_names_get_user (names, (uid_t) -1));
      g_assert_null (ob_names_get_group (names, (gid_t) -1));
      g_assert_false (ob_names_find_user (names, "no such name at all", &uid));
      g_assert_false (ob_names_find_group (names, "no such name at all", &gid));
      g_assert_false (ob_names_find_user (names, "", &uid));
      g_assert_false (ob_names_find_group (names, "\xff:\n", &gid));
      /* numbers are no names */
      g_assert_false (ob_names_find_user (names, "0", &uid));
      g_assert_cmpuint (uid, ==, 77);
      g_assert_cmpuint (gid, ==, 77);
    }
}

/* A name once given stays where it is. */
static void
test_once (void)
{
  g_autoptr (ObNames) names = ob_names_new ();
  const char *user = ob_names_get_user (names, 0);
  const char *group = ob_names_get_group (names, 0);

  for (uid_t id = 0; id < 2000; id++)
    {
      ob_names_get_user (names, id);
      ob_names_get_group (names, id);
    }
  g_assert_true (ob_names_get_user (names, 0) == user);
  g_assert_true (ob_names_get_group (names, 0) == group);
}

static void *
run_asker (void *data)
{
  ObNames *names = data;

  for (uid_t id = 0; id < 500; id++)
    {
      uid_t uid;

      ob_names_get_user (names, id);
      ob_names_get_group (names, id);
      g_assert_true (ob_names_find_user (names, "root", &uid));
      g_assert_cmpstr (ob_names_get_user (names, 0), ==, "root");
    }
  return NULL;
}

static void
test_threads (void)
{
  g_autoptr (ObNames) names = ob_names_new ();
  pthread_t threads[4];

  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    g_assert_cmpint (pthread_create (&threads[i], NULL, run_asker, names), ==, 0);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    g_assert_cmpint (pthread_join (threads[i], NULL), ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/names/root", test_root);
  g_test_add_func ("/names/all", test_all);
  g_test_add_func ("/names/unknown", test_unknown);
  g_test_add_func ("/names/once", test_once);
  g_test_add_func ("/names/threads", test_threads);
  return g_test_run ();
}
