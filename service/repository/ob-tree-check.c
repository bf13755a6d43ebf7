/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-reader.h"

#include "ob-blob-runs.h"
#include "ob-error.h"
#include "ob-parallel.h"
#include "ob-present-packs.h"
#include "ob-wait.h"

#define MAX_PROBLEMS 100
#define MAX_THREADS 32

/* Sealed bytes of doubtful blobs that are read at once. */
#define RUN_LENGTH (2 * 1024 * 1024)

/* One walk. Trees and packs are looked at once. */
typedef struct
{
  ObRepository *repository;
  ObBlobReader *reader;
  GPtrArray *problems;
  GHashTable *doubtful; /* of ObWantedBlob, by their ids: data of which no copy lies in a pack that
                         * is as it should be; NULL: packs are judged by their sizes alone */
  GHashTable *trees; /* of ObId: seen */
  GHashTable *packs; /* of ObId: seen */
  GArray *to_look_at; /* of ObId: the same packs, in the order in which they were seen */
  char **wrong;       /* of each of them: a problem, or NULL */
  GArray *to_visit;  /* of ObId: trees */
  GCancellable *cancellable;
} Check;

static void
add_problem (Check *check, const char *format, ...) G_GNUC_PRINTF (2, 3);

static void
add_problem (Check *check, const char *format, ...)
{
  va_list arguments;

  if (check->problems->len >= MAX_PROBLEMS)
    return;
  va_start (arguments, format);
  g_ptr_array_add (check->problems, g_strdup_vprintf (format, arguments));
  va_end (arguments);
}

/* TRUE where @id was not in @set. */
static gboolean
add_to_set (GHashTable *set, const ObId *id)
{
  return !g_hash_table_contains (set, id) && g_hash_table_add (set, g_memdup2 (id, sizeof *id));
}

/* Errors are those of the store that say nothing of the pack. */
static gboolean
check_pack (guint number, gpointer user_data, GError **error)
{
  Check *check = user_data;
  const ObId *pack = &g_array_index (check->to_look_at, ObId, number);
  g_autoptr (GError) failure = NULL;
  g_autofree char *name = NULL;
  char hex[OB_ID_HEX_SIZE];
  guint64 expected;
  guint64 actual;

  ob_id_to_hex (pack, hex);
  name = g_strdup_printf ("data/%.2s/%s", hex, hex);
  if (!ob_store_stat (ob_repository_get_store (check->repository), name, &actual,
                      check->cancellable, &failure))
    {
      if (!g_error_matches (failure, OB_ERROR, OB_ERROR_NOT_FOUND))
        {
          g_propagate_error (error, g_steal_pointer (&failure));
          return FALSE;
        }
      check->wrong[number] = g_strdup_printf ("Pack %s is missing from the destination", hex);
    }
  else if (ob_index_get_pack_size (ob_repository_get_index (check->repository), pack, &expected)
           && actual != expected)
    check->wrong[number]
      = g_strdup_printf ("Pack %s has %" G_GUINT64_FORMAT " bytes on the destination and should "
                         "have %" G_GUINT64_FORMAT,
                         hex, actual, expected);
  return TRUE;
}

static gboolean
check_packs (Check *check, GError **error)
{
  guint n = check->to_look_at->len;
  gboolean done;

  check->wrong = g_new0 (char *, n);
  done = ob_parallel_run (n, ob_repository_count_readers (check->repository, 1, MAX_THREADS),
                          check_pack, check, error);
  for (guint i = 0; i < n; i++)
    if (check->wrong[i] != NULL)
      {
        add_problem (check, "%s", check->wrong[i]);
        g_free (check->wrong[i]);
      }
  g_clear_pointer (&check->wrong, g_free);
  return done;
}

/* Trees are read by the walk itself, whatever pack they lie in. */
static void
add_doubtful (Check *check, ObBlobType type, const ObId *id, const ObBlobLocation *location)
{
  ObWantedBlob blob = { .id = *id, .location = *location };

  if (type == OB_BLOB_DATA && !g_hash_table_contains (check->doubtful, id)
      && !ob_index_has (ob_repository_get_index (check->repository), type, id))
    g_hash_table_add (check->doubtful, g_memdup2 (&blob, sizeof blob));
}

static void
check_blob (Check *check, ObBlobType type, const ObId *id, const char *name)
{
  g_autofree char *shown = NULL;
  ObBlobLocation location;
  char hex[OB_ID_HEX_SIZE];

  if (ob_index_lookup (ob_repository_get_index (check->repository), type, id, &location))
    {
      if (check->doubtful != NULL)
        add_doubtful (check, type, id, &location);
      else if (add_to_set (check->packs, &location.pack))
        g_array_append_val (check->to_look_at, location.pack);
      return;
    }

  shown = g_filename_display_name (name);
  ob_id_to_hex (id, hex);
  add_problem (check, "The %s blob %s of “%s” is in no index of the repository",
               type == OB_BLOB_TREE ? "tree" : "data", hex, shown);
}

static void
check_node (Check *check, const ObNode *node)
{
  for (guint i = 0; node->content != NULL && i < node->content->len; i++)
    check_blob (check, OB_BLOB_DATA, &g_array_index (node->content, ObId, i), node->name);
  if (node->type == OB_NODE_DIRECTORY && add_to_set (check->trees, &node->subtree))
    {
      check_blob (check, OB_BLOB_TREE, &node->subtree, node->name);
      g_array_append_val (check->to_visit, node->subtree);
    }
}

/* A tree that cannot be read is a problem of the backup; what else fails is an error. */
static gboolean
check_tree (Check *check, const ObId *id, GError **error)
{
  g_autoptr (GError) failure = NULL;
  g_autoptr (GPtrArray) nodes
    = ob_blob_reader_load_tree (check->reader, id, check->cancellable, &failure);

  if (nodes == NULL)
    {
      if (!g_error_matches (failure, OB_ERROR, OB_ERROR_CORRUPT))
        {
          g_propagate_error (error, g_steal_pointer (&failure));
          return FALSE;
        }
      add_problem (check, "%s", failure->message);
      return TRUE;
    }
  for (guint i = 0; i < nodes->len; i++)
    check_node (check, g_ptr_array_index (nodes, i));
  return ob_check_cancelled (check->cancellable, error);
}

/* The doubtful blobs, pack by pack. Transfer full. */
static GArray *
sort_doubtful (Check *check)
{
  GArray *sorted = g_array_new (FALSE, FALSE, sizeof (ObWantedBlob));
  GHashTableIter iter;
  gpointer blob;

  g_hash_table_iter_init (&iter, check->doubtful);
  while (g_hash_table_iter_next (&iter, &blob, NULL))
    g_array_append_vals (sorted, blob, 1);
  g_array_sort (sorted, ob_wanted_blob_compare);
  return sorted;
}

static gboolean
ignore (guint number, const guint8 *data, gsize size, gpointer user_data, GError **error)
{
  return ob_check_cancelled (user_data, error);
}

/* Reads the first of the @n blobs and those that lie behind it; *@read: how many these are. */
static gboolean
read_run (Check *check, const ObWantedBlob *wanted, guint n, guint *read, GError **error)
{
  gsize length;
  g_autofree guint8 *buffer = NULL;

  *read = ob_blob_run_measure (wanted, n, RUN_LENGTH, &length);
  buffer = g_malloc (length);
  return ob_blob_run_read (check->reader, wanted, *read, buffer, length, ignore, check->cancellable,
                           check->cancellable, error);
}

/* How many of the @n blobs lie in the pack of the first. */
static guint
count_pack (const ObWantedBlob *wanted, guint n)
{
  guint i = 1;

  while (i < n && ob_id_equal (&wanted[i].location.pack, &wanted[0].location.pack))
    i++;
  return i;
}

/* Of a pack that is cut short, what lies before the cut may be whole; only reading it tells. For
 * each pack the first loss is told. */
static gboolean
read_doubtful (Check *check, GError **error)
{
  g_autoptr (GArray) sorted = sort_doubtful (check);
  guint n, read;

  for (guint begin = 0; begin < sorted->len; begin += n)
    {
      const ObWantedBlob *wanted = &g_array_index (sorted, ObWantedBlob, begin);
      g_autoptr (GError) failure = NULL;

      n = count_pack (wanted, sorted->len - begin);
      for (guint i = 0; i < n && failure == NULL; i += read)
        read_run (check, wanted + i, n - i, &read, &failure);
      if (failure == NULL)
        continue;
      if (!g_error_matches (failure, OB_ERROR, OB_ERROR_CORRUPT))
        {
          g_propagate_error (error, g_steal_pointer (&failure));
          return FALSE;
        }
      add_problem (check, "%s", failure->message);
    }
  return TRUE;
}

/* @closely: after ob_present_packs_find(); what lies in packs that are not as they should be is
 * read. */
static gboolean
check_once (ObRepository *repository, const ObId *id, gboolean closely, GPtrArray *problems,
            GCancellable *cancellable, GError **error)
{
  g_autoptr (ObBlobReader) reader = ob_blob_reader_new (repository);
  g_autoptr (GHashTable) doubtful
    = closely ? g_hash_table_new_full (ob_id_hash, ob_id_equal_func, g_free, NULL) : NULL;
  g_autoptr (GHashTable) trees = g_hash_table_new_full (ob_id_hash, ob_id_equal_func, g_free, NULL);
  g_autoptr (GHashTable) packs = g_hash_table_new_full (ob_id_hash, ob_id_equal_func, g_free, NULL);
  g_autoptr (GArray) to_visit = g_array_new (FALSE, FALSE, sizeof (ObId));
  g_autoptr (GArray) to_look_at = g_array_new (FALSE, FALSE, sizeof (ObId));
  Check check = { .repository = repository,
                  .reader = reader,
                  .problems = problems,
                  .doubtful = doubtful,
                  .trees = trees,
                  .packs = packs,
                  .to_look_at = to_look_at,
                  .to_visit = to_visit,
                  .cancellable = cancellable };

  check_blob (&check, OB_BLOB_TREE, id, "/");
  g_array_append_vals (to_visit, id, 1);
  while (to_visit->len > 0)
    {
      ObId next = g_array_index (to_visit, ObId, to_visit->len - 1);

      g_array_set_size (to_visit, to_visit->len - 1);
      if (!check_tree (&check, &next, error))
        return FALSE;
    }
  return closely ? read_doubtful (&check, error) : check_packs (&check, error);
}

/* Of a blob the copy that is known first is looked at, by the size of its pack. Where that is wrong
 * there may be another copy, or the blob may be whole all the same: a second look is at the blobs
 * of which no copy lies in a pack that is as it should be. */
gboolean
ob_reader_check_tree (ObRepository *repository, const ObId *id, GPtrArray *problems,
                      GCancellable *cancellable, GError **error)
{
  guint before = problems->len;
  guint n_gone;

  if (!check_once (repository, id, FALSE, problems, cancellable, error))
    return FALSE;
  if (problems->len == before)
    return TRUE;
  g_ptr_array_set_size (problems, (gint) before);
  return ob_present_packs_find (repository, &n_gone, cancellable, error)
         && check_once (repository, id, TRUE, problems, cancellable, error);
}
