/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-names.h"

#include <errno.h>
#include <grp.h>
#include <pthread.h>
#include <pwd.h>

/* A group with thousands of members needs much room. */
#define MAX_ROOM (4 * 1024 * 1024)

struct _ObNames
{
  pthread_mutex_t mutex;
  GHashTable *users;    /* uid → name or NULL */
  GHashTable *groups;   /* gid → name or NULL */
  GHashTable *user_ids; /* name → its number as gint64, -1 for none */
  GHashTable *group_ids;
};

/* One question to the host, with as much room for the answer as getpwuid_r and its like want. */
typedef int (*Question) (char *room, gsize size, gpointer key, gpointer answer);

ObNames *
ob_names_new (void)
{
  ObNames *names = g_new0 (ObNames, 1);

  pthread_mutex_init (&names->mutex, NULL);
  names->users = g_hash_table_new_full (NULL, NULL, NULL, g_free);
  names->groups = g_hash_table_new_full (NULL, NULL, NULL, g_free);
  names->user_ids = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  names->group_ids = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  return names;
}

void
ob_names_free (ObNames *names)
{
  g_hash_table_unref (names->users);
  g_hash_table_unref (names->groups);
  g_hash_table_unref (names->user_ids);
  g_hash_table_unref (names->group_ids);
  pthread_mutex_destroy (&names->mutex);
  g_free (names);
}

static int
ask_user_name (char *room, gsize size, gpointer key, gpointer answer)
{
  struct passwd entry;
  struct passwd *found = NULL;
  int result = getpwuid_r (GPOINTER_TO_UINT (key), &entry, room, size, &found);

  if (found != NULL)
    *(char **) answer = g_strdup (found->pw_name);
  return result;
}

static int
ask_group_name (char *room, gsize size, gpointer key, gpointer answer)
{
  struct group entry;
  struct group *found = NULL;
  int result = getgrgid_r (GPOINTER_TO_UINT (key), &entry, room, size, &found);

  if (found != NULL)
    *(char **) answer = g_strdup (found->gr_name);
  return result;
}

static int
ask_user_id (char *room, gsize size, gpointer key, gpointer answer)
{
  struct passwd entry;
  struct passwd *found = NULL;
  int result = getpwnam_r (key, &entry, room, size, &found);

  if (found != NULL)
    *(gint64 *) answer = found->pw_uid;
  return result;
}

static int
ask_group_id (char *room, gsize size, gpointer key, gpointer answer)
{
  struct group entry;
  struct group *found = NULL;
  int result = getgrnam_r (key, &entry, room, size, &found);

  if (found != NULL)
    *(gint64 *) answer = found->gr_gid;
  return result;
}

static void
ask (Question question, gpointer key, gpointer answer)
{
  g_autofree char *room = NULL;
  gsize size = 4096;

  do
    {
      g_free (room);
      room = g_malloc (size);
    }
  while (question (room, size, key, answer) == ERANGE && (size *= 4) <= MAX_ROOM);
}

static const char *
get_name (ObNames *names, GHashTable *known, Question question, guint id)
{
  gpointer name = NULL;

  pthread_mutex_lock (&names->mutex);
  if (!g_hash_table_lookup_extended (known, GUINT_TO_POINTER (id), NULL, &name))
    {
      ask (question, GUINT_TO_POINTER (id), &name);
      g_hash_table_insert (known, GUINT_TO_POINTER (id), name);
    }
  pthread_mutex_unlock (&names->mutex);
  return name;
}

const char *
ob_names_get_user (ObNames *names, uid_t uid)
{
  return get_name (names, names->users, ask_user_name, uid);
}

const char *
ob_names_get_group (ObNames *names, gid_t gid)
{
  return get_name (names, names->groups, ask_group_name, gid);
}

static gboolean
find_id (ObNames *names, GHashTable *known, Question question, const char *name, guint *id)
{
  gint64 *found;

  pthread_mutex_lock (&names->mutex);
  found = g_hash_table_lookup (known, name);
  if (found == NULL)
    {
      found = g_new (gint64, 1);
      *found = -1;
      ask (question, (gpointer) name, found);
      g_hash_table_insert (known, g_strdup (name), found);
    }
  pthread_mutex_unlock (&names->mutex);
  if (*found < 0)
    return FALSE;
  *id = (guint) *found;
  return TRUE;
}

gboolean
ob_names_find_user (ObNames *names, const char *name, uid_t *uid)
{
  return find_id (names, names->user_ids, ask_user_id, name, uid);
}

gboolean
ob_names_find_group (ObNames *names, const char *name, gid_t *gid)
{
  return find_id (names, names->group_ids, ask_group_id, name, gid);
}
