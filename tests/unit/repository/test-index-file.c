/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Index files: how they are read and written. */
#include "ob-index-file.h"

#include <string.h>

#include "core-fixture.h"
#include "ob-error.h"

/* The example of restic's design document, with members it may have and we pass over. */
#define EXAMPLE                                                                                    \
  "{\n"                                                                                            \
  "  \"supersedes\": [\"ed54ae36197f4745ebc4b54d10e0f623eaaaedd03013eb7ae90df881b7781452\"],\n"    \
  "  \"packs\": [\n"                                                                               \
  "    { \"id\": \"73d04e6125cf3c28a299cc2f3cca3b78ceac396e4fcf9575e34536b26782413c\",\n"          \
  "      \"blobs\": [\n"                                                                           \
  "        { \"id\": \"3ec79977ef0cf5de7b08cd12b874cd0f62bbaf7f07f3497a5b1bbcc8cb39b1ce\",\n"      \
  "          \"type\": \"data\", \"offset\": 0, \"length\": 38 },\n"                               \
  "        { \"id\": \"9ccb846e60d90d4eb915848add7aa7ea1e4bbabfc60e573db9f7bfb2789afbae\",\n"      \
  "          \"type\": \"tree\", \"offset\": 38, \"length\": 112,"                                 \
  " \"uncompressed_length\": 511 } ] },\n"                                                         \
  "    { \"blobs\": null, \"new\": {\"a\": [1]},\n"                                                \
  "      \"id\": \"d3dc577b4ffd38cc4b32122cabf8655a0223ed22edfd93b353dc0c3f2b0fdf66\" } ] }\n"

static ObId
id_from_hex (const char *hex)
{
  ObId id;

  g_assert_true (ob_id_from_hex (hex, &id));
  return id;
}

static void
test_example (void)
{
  g_autoptr (ObIndex) index = ob_index_new ();
  g_autoptr (GError) error = NULL;
  ObId first, second, pack;
  ObBlobLocation found;

  g_assert_true (ob_index_file_parse (EXAMPLE, strlen (EXAMPLE), index, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (ob_index_get_n_blobs (index), ==, 2);

  first = id_from_hex ("3ec79977ef0cf5de7b08cd12b874cd0f62bbaf7f07f3497a5b1bbcc8cb39b1ce");
  second = id_from_hex ("9ccb846e60d90d4eb915848add7aa7ea1e4bbabfc60e573db9f7bfb2789afbae");
  pack = id_from_hex ("73d04e6125cf3c28a299cc2f3cca3b78ceac396e4fcf9575e34536b26782413c");
  g_assert_true (ob_index_lookup (index, OB_BLOB_DATA, &first, &found));
  g_assert_true (ob_id_equal (&found.pack, &pack));
  g_assert_cmpuint (found.length, ==, 38);
  g_assert_cmpuint (found.plain_length, ==, 0);
  g_assert_true (ob_index_lookup (index, OB_BLOB_TREE, &second, &found));
  g_assert_cmpuint (found.offset, ==, 38);
  g_assert_cmpuint (found.length, ==, 112);
  g_assert_cmpuint (found.plain_length, ==, 511);
}

typedef struct
{
  const char *from, *to;
  gboolean is_sound;
} Change;

static void
test_bounds (void)
{
  static const Change changes[] = {
    { "\"length\": 38", "\"length\": 32", TRUE },
    { "\"length\": 38", "\"length\": 31", FALSE },
    { "\"length\": 38", "\"length\": 0", FALSE },
    { "\"length\": 38", "\"length\": -38", FALSE },
    { "\"length\": 38", "\"length\": 67108896", TRUE },
    { "\"length\": 38", "\"length\": 67108897", FALSE },
    { "\"length\": 38", "\"length\": 4294967296", FALSE },
    { "\"offset\": 0", "\"offset\": 4294967257", TRUE },
    { "\"offset\": 0", "\"offset\": 4294967258", FALSE },
    { "\"offset\": 0", "\"offset\": 18446744073709551600", FALSE },
    { "511", "268435456", TRUE },
    { "511", "268435457", FALSE },
    { "\"tree\"", "\"data\"", TRUE },
    { "\"tree\"", "\"index\"", FALSE },
    { "\"tree\"", "1", FALSE },
    { "\"type\": \"data\", ", "", FALSE },
    { "\"id\": \"3ec", "\"ID\": \"3ec", FALSE },
    { "\"id\": \"d3dc", "\"ID\": \"d3dc", FALSE },
    { "3ec79977ef0c", "3ec79977ef0", FALSE },
    { "\"packs\"", "\"Packs\"", TRUE },
    { "null", "{}", FALSE },
    { " ] }\n", " ]\n", FALSE },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (changes); i++)
    {
      g_autoptr (GString) text = g_string_new (EXAMPLE);
      g_autoptr (ObIndex) index = ob_index_new ();
      g_autoptr (GError) error = NULL;

      g_assert_cmpuint (g_string_replace (text, changes[i].from, changes[i].to, 1), ==, 1);
      if (ob_index_file_parse (text->str, text->len, index, &error) != changes[i].is_sound)
        g_error ("%s → %s", changes[i].from, changes[i].to);
      if (changes[i].is_sound)
        continue;
      g_assert_error (error, OB_ERROR, OB_ERROR_CORRUPT);
      /* all or nothing */
      g_assert_cmpuint (ob_index_get_n_blobs (index), ==, 0);
    }

  /* data has the lower limit */
  g_assert_true (ob_index_entry_is_sound (OB_BLOB_DATA, 0, 100, OB_BLOB_MAX_DATA_SIZE));
  g_assert_false (ob_index_entry_is_sound (OB_BLOB_DATA, 0, 100, OB_BLOB_MAX_DATA_SIZE + 1));
}

static void
test_mutations (void)
{
  for (guint i = 0; i < 50000; i++)
    {
      g_autoptr (GBytes) text = core_mutate (EXAMPLE, strlen (EXAMPLE));
      g_autoptr (ObIndex) index = ob_index_new ();
      g_autoptr (GError) error = NULL;

      if (ob_index_file_parse (g_bytes_get_data (text, NULL), g_bytes_get_size (text), index,
                               &error))
        g_assert_cmpuint (ob_index_get_n_blobs (index), <=, 2);
      else
        g_assert_error (error, OB_ERROR, OB_ERROR_CORRUPT);
    }
}

#define MILLION 1000000
#define BLOBS_A_PACK 10
#define BLOBS_A_FILE 50000

static void
make_id (guint64 number, ObId *id)
{
  ob_id_of (&number, sizeof number, id);
}

/* The text of the index file that begins with blob @first. */
static GString *
build_file (guint64 first)
{
  gsize n_packs = BLOBS_A_FILE / BLOBS_A_PACK;
  g_autofree ObId *packs = g_new (ObId, n_packs);
  g_autoptr (GPtrArray) entries = g_ptr_array_new_with_free_func ((GDestroyNotify) g_array_unref);

  for (gsize i = 0; i < n_packs; i++)
    {
      GArray *blobs = g_array_new (FALSE, FALSE, sizeof (ObPackEntry));

      make_id (MILLION + first + i, &packs[i]);
      for (guint j = 0; j < BLOBS_A_PACK; j++)
        {
          ObPackEntry entry = { .type = j == 0 ? OB_BLOB_TREE : OB_BLOB_DATA,
                                .offset = j * 1500000,
                                .length = 1500000,
                                .plain_length = 3000000 };

          make_id (first + i * BLOBS_A_PACK + j, &entry.id);
          g_array_append_val (blobs, entry);
        }
      g_ptr_array_add (entries, blobs);
    }
  return ob_index_file_build (packs, (GArray *const *) entries->pdata, 0, n_packs);
}

/* How long a million blobs take, printed; how much memory, checked. */
static void
test_million (void)
{
  g_autoptr (ObIndex) index = ob_index_new ();
  g_autoptr (GError) error = NULL;
  ObBlobLocation found;
  double seconds = 0;
  gsize memory;

  for (guint64 first = 0; first < MILLION; first += BLOBS_A_FILE)
    {
      g_autoptr (GString) text = build_file (first);

      g_test_timer_start ();
      ob_index_file_parse (text->str, text->len, index, &error);
      seconds += g_test_timer_elapsed ();
      g_assert_no_error (error);
    }

  memory = ob_index_get_memory_size (index);
  g_test_message ("1,000,000 blobs in 20 index files read in %.2f s, %.1f bytes a blob", seconds,
                  (double) memory / MILLION);
  g_assert_cmpuint (ob_index_get_n_blobs (index), ==, MILLION);
  g_assert_cmpuint (memory, <=, 64 * MILLION);
  for (guint64 i = 0; i < MILLION; i += 997)
    {
      ObId id;

      make_id (i, &id);
      g_assert_true (ob_index_lookup (index, i % BLOBS_A_PACK == 0 ? OB_BLOB_TREE : OB_BLOB_DATA,
                                      &id, &found));
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/index-file/example", test_example);
  g_test_add_func ("/index-file/bounds", test_bounds);
  g_test_add_func ("/index-file/mutations", test_mutations);
  g_test_add_func ("/index-file/million", test_million);
  return g_test_run ();
}
