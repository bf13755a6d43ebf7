/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-index-sync.h"

#include <pthread.h>
#include <string.h>

#include "ob-error.h"
#include "ob-index-file.h"
#include "ob-parallel.h"

#define DIRECTORY "index"

/* As restic has it: some 10 MB of text. */
#define MAX_BLOBS_IN_FILE 50000

/* Each has a text in memory. */
#define MAX_READERS 4

struct _ObIndexSync
{
  ObIndex *index;
  pthread_mutex_t mutex; /* one change of the index at a time; guards what follows */
  GHashTable *files;     /* names of the index files that the index holds */
};

/* A set of names of index files. */
static GHashTable *
new_names (void)
{
  return g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
}

ObIndexSync *
ob_index_sync_new (ObIndex *index)
{
  ObIndexSync *self = g_new0 (ObIndexSync, 1);

  self->index = index;
  self->files = new_names ();
  pthread_mutex_init (&self->mutex, NULL);
  return self;
}

void
ob_index_sync_free (ObIndexSync *self)
{
  if (self == NULL)
    return;

  g_hash_table_unref (self->files);
  pthread_mutex_destroy (&self->mutex);
  g_free (self);
}

static ObIndexDamage *
ob_index_damage_new (const char *name, const char *message)
{
  ObIndexDamage *damage = g_new0 (ObIndexDamage, 1);

  damage->name = g_strdup (name);
  damage->message = g_strdup (message);
  return damage;
}

void
ob_index_damage_free (ObIndexDamage *damage)
{
  g_free (damage->name);
  g_free (damage->message);
  g_free (damage);
}

/* What is not called like an index file is none: like restic, we let it lie. */
static gboolean
add_name (const char *name, guint64 size, gpointer user_data)
{
  ObId id;

  if (ob_id_from_name (name, &id))
    g_hash_table_add (user_data, g_strdup (name));
  return TRUE;
}

/* Those of the index files on the store. Transfer full; NULL on error. */
static GHashTable *
list_names (ObRepository *repository, GCancellable *cancellable, GError **error)
{
  g_autoptr (GHashTable) names = new_names ();

  if (!ob_store_list (ob_repository_get_store (repository), DIRECTORY, add_name, names, cancellable,
                      error))
    return NULL;
  return g_steal_pointer (&names);
}

static gboolean
parse_file (const char *name, GBytes *text, ObIndex *index, GError **error)
{
  if (ob_index_file_parse (g_bytes_get_data (text, NULL), g_bytes_get_size (text), index, error))
    return TRUE;
  g_prefix_error (error, "%s: ", name);
  return FALSE;
}

static gboolean
load_file (ObRepository *repository, const char *name, ObIndex *index, GCancellable *cancellable,
           GError **error)
{
  g_autoptr (GBytes) text = ob_repository_get_unpacked (repository, name, OB_INDEX_FILE_MAX_SIZE,
                                                        cancellable, error);

  return text != NULL && parse_file (name, text, index, error);
}

typedef struct
{
  ObRepository *repository;
  GPtrArray *missing; /* names of files */
  GCancellable *cancellable;

  pthread_mutex_t mutex; /* guards what follows */
  ObIndex *index;
  GHashTable *files;
} Loading;

/* Nothing can be built on an index of which a part is unknown. */
static void
add_advice (GError **error)
{
  if (error != NULL && g_error_matches (*error, OB_ERROR, OB_ERROR_CORRUPT))
    g_prefix_error (error, "The index of the repository is damaged; `obbackupctl verify --repair` "
                           "makes it anew from the packs. ");
}

/* Reading waits for answers, several at once; one at a time goes into the index. */
static gboolean
load_one (guint i, gpointer user_data, GError **error)
{
  Loading *self = user_data;
  const char *name = g_ptr_array_index (self->missing, i);
  g_autoptr (GBytes) text = ob_repository_get_unpacked (
    self->repository, name, OB_INDEX_FILE_MAX_SIZE, self->cancellable, error);
  gboolean done;

  if (text == NULL)
    {
      add_advice (error);
      return FALSE;
    }
  pthread_mutex_lock (&self->mutex);
  done = parse_file (name, text, self->index, error);
  if (done)
    g_hash_table_add (self->files, g_strdup (name));
  pthread_mutex_unlock (&self->mutex);
  if (!done)
    add_advice (error);
  return done;
}

/* Takes what is in @names and not yet in @files into @index and @files. */
static gboolean
load_files (ObRepository *repository, GHashTable *names, ObIndex *index, GHashTable *files,
            GCancellable *cancellable, GError **error)
{
  g_autoptr (GPtrArray) missing = g_ptr_array_new ();
  Loading loading = { repository, missing, cancellable, PTHREAD_MUTEX_INITIALIZER, index, files };
  GHashTableIter iter;
  gpointer name;
  gboolean done;

  g_hash_table_iter_init (&iter, names);
  while (g_hash_table_iter_next (&iter, &name, NULL))
    if (!g_hash_table_contains (files, name))
      g_ptr_array_add (missing, name);
  done = ob_parallel_run (missing->len, ob_repository_count_readers (repository, 1, MAX_READERS),
                          load_one, &loading, error);
  pthread_mutex_destroy (&loading.mutex);
  return done;
}

static gboolean
has_lost_a_file (GHashTable *files, GHashTable *names)
{
  GHashTableIter iter;
  gpointer name;

  g_hash_table_iter_init (&iter, files);
  while (g_hash_table_iter_next (&iter, &name, NULL))
    if (!g_hash_table_contains (names, name))
      return TRUE;
  return FALSE;
}

static void
move_names (GHashTable *from, GHashTable *to)
{
  GHashTableIter iter;
  gpointer name;

  g_hash_table_iter_init (&iter, from);
  while (g_hash_table_iter_next (&iter, &name, NULL))
    {
      g_hash_table_iter_steal (&iter);
      g_hash_table_add (to, name);
    }
}

/* Somebody pruned: what the files that are gone listed may be gone too. Nobody remembers which
 * blobs those are, so the other files are read again, into the same index: a second one beside it
 * would take as much memory once more. Where that fails nothing is forgotten, and since the index
 * still holds the files that are gone, the next load begins anew. */
static gboolean
renew (ObIndexSync *self, ObRepository *repository, GHashTable *names, GCancellable *cancellable,
       GError **error)
{
  g_autoptr (GHashTable) files = new_names ();
  gboolean done;

  ob_index_begin_renewal (self->index);
  done = load_files (repository, names, self->index, files, cancellable, error);
  ob_index_end_renewal (self->index, done);
  if (done)
    g_hash_table_remove_all (self->files);
  move_names (files, self->files);
  return done;
}

/* Brings the index in step with the files of these names. Call with @mutex locked. */
static gboolean
load_named (ObIndexSync *self, ObRepository *repository, GHashTable *names,
            GCancellable *cancellable, GError **error)
{
  if (has_lost_a_file (self->files, names))
    return renew (self, repository, names, cancellable, error);
  return load_files (repository, names, self->index, self->files, cancellable, error);
}

gboolean
ob_index_sync_load (ObIndexSync *self, ObRepository *repository, GCancellable *cancellable,
                    GError **error)
{
  g_autoptr (GHashTable) names = NULL;
  gboolean done;

  pthread_mutex_lock (&self->mutex);
  names = list_names (repository, cancellable, error);
  done = names != NULL && load_named (self, repository, names, cancellable, error);
  pthread_mutex_unlock (&self->mutex);

  return done;
}

gboolean
ob_index_sync_has_lost (ObIndexSync *self, ObRepository *repository, gboolean *lost,
                        GCancellable *cancellable, GError **error)
{
  g_autoptr (GHashTable) names = NULL;

  pthread_mutex_lock (&self->mutex);
  names = list_names (repository, cancellable, error);
  *lost = names != NULL && has_lost_a_file (self->files, names);
  pthread_mutex_unlock (&self->mutex);
  return names != NULL;
}

/* Whether the file is one of this repository, unchanged. What is wrong with it alone goes to
 * @damaged; what says nothing of the file is an error. *@sound stays FALSE for one that has
 * gone. */
static gboolean
check_file (ObRepository *repository, const char *name, gboolean *sound, GPtrArray *damaged,
            GCancellable *cancellable, GError **error)
{
  g_autoptr (ObIndex) ignored = ob_index_new ();
  g_autoptr (GError) failure = NULL;

  *sound = load_file (repository, name, ignored, cancellable, &failure);
  if (*sound || g_error_matches (failure, OB_ERROR, OB_ERROR_NOT_FOUND))
    return TRUE;
  if (!ob_repository_is_damage (repository, failure, cancellable))
    {
      g_propagate_error (error, g_steal_pointer (&failure));
      return FALSE;
    }
  g_ptr_array_add (damaged, ob_index_damage_new (name, failure->message));
  return TRUE;
}

/* The names of those that are neither damaged nor gone. Transfer full; NULL on error. */
static GHashTable *
check_files (ObRepository *repository, GHashTable *names, GPtrArray *damaged,
             GCancellable *cancellable, GError **error)
{
  g_autoptr (GHashTable) sound_names = new_names ();
  GHashTableIter iter;
  gpointer name;

  g_hash_table_iter_init (&iter, names);
  while (g_hash_table_iter_next (&iter, &name, NULL))
    {
      gboolean sound;

      if (!check_file (repository, name, &sound, damaged, cancellable, error))
        return NULL;
      if (sound)
        g_hash_table_add (sound_names, g_strdup (name));
    }
  return g_steal_pointer (&sound_names);
}

static GHashTable *
copy_files (ObIndexSync *self)
{
  GHashTable *copy = new_names ();
  GHashTableIter iter;
  gpointer name;

  pthread_mutex_lock (&self->mutex);
  g_hash_table_iter_init (&iter, self->files);
  while (g_hash_table_iter_next (&iter, &name, NULL))
    g_hash_table_add (copy, g_strdup (name));
  pthread_mutex_unlock (&self->mutex);
  return copy;
}

/* What was saved while the check was at work is in no list of it, but has not gone: adds those to
 * @sound_names. @former: the files that the index held before the list was asked for. */
static void
add_newcomers (GHashTable *files, GHashTable *former, GHashTable *listed, GHashTable *sound_names)
{
  GHashTableIter iter;
  gpointer name;

  g_hash_table_iter_init (&iter, files);
  while (g_hash_table_iter_next (&iter, &name, NULL))
    if (!g_hash_table_contains (former, name) && !g_hash_table_contains (listed, name))
      g_hash_table_add (sound_names, g_strdup (name));
}

gboolean
ob_index_sync_check (ObIndexSync *self, ObRepository *repository, GPtrArray *damaged,
                     GCancellable *cancellable, GError **error)
{
  g_autoptr (GHashTable) former = copy_files (self);
  g_autoptr (GHashTable) names = list_names (repository, cancellable, error);
  g_autoptr (GHashTable) sound_names = NULL;
  gboolean done;

  if (names == NULL)
    return FALSE;
  sound_names = check_files (repository, names, damaged, cancellable, error);
  if (sound_names == NULL)
    return FALSE;

  pthread_mutex_lock (&self->mutex);
  add_newcomers (self->files, former, names, sound_names);
  done = load_named (self, repository, sound_names, cancellable, error);
  pthread_mutex_unlock (&self->mutex);
  return done;
}

static void
take_in (ObIndexSync *self, const ObId *file, const ObId *packs, GArray *const *entries,
         gsize first, gsize end)
{
  char hex[OB_ID_HEX_SIZE];

  ob_id_to_hex (file, hex);
  pthread_mutex_lock (&self->mutex);
  for (gsize i = first; i < end; i++)
    for (guint j = 0; j < entries[i]->len; j++)
      {
        const ObPackEntry *entry = &g_array_index (entries[i], ObPackEntry, j);
        ObBlobLocation location = { .pack = packs[i],
                                    .offset = entry->offset,
                                    .length = entry->length,
                                    .plain_length = entry->plain_length };

        ob_index_add (self->index, entry->type, &entry->id, &location);
      }
  g_hash_table_add (self->files, g_strconcat (DIRECTORY "/", hex, NULL));
  pthread_mutex_unlock (&self->mutex);
}

/* The packs from @first on that go into one file. */
static gsize
find_end (GArray *const *entries, gsize first, gsize n_packs)
{
  gsize end = first;
  guint64 n_blobs = 0;

  do
    n_blobs += entries[end++]->len;
  while (end < n_packs && n_blobs + entries[end]->len <= MAX_BLOBS_IN_FILE);

  return end;
}

gboolean
ob_index_sync_save (ObIndexSync *self, ObRepository *repository, const ObId *packs,
                    GArray *const *entries, gsize n_packs, GCancellable *cancellable,
                    GError **error)
{
  gsize end;

  /* An index must only name packs that are there for good. */
  if (!ob_store_flush (ob_repository_get_store (repository), cancellable, error))
    return FALSE;

  for (gsize first = 0; first < n_packs; first = end)
    {
      g_autoptr (GString) text = NULL;
      ObId id;

      end = find_end (entries, first, n_packs);
      text = ob_index_file_build (packs, entries, first, end);
      if (!ob_repository_put_unpacked (repository, DIRECTORY, text->str, text->len, &id,
                                       cancellable, error))
        return FALSE;
      take_in (self, &id, packs, entries, first, end);
    }
  return TRUE;
}
