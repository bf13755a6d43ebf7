/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What holds of every history under all rules: of random ones here. */
#include "retention-fixture.h"

#include <string.h>

#define N_ROUNDS 400
#define MAX_ITEMS 60

typedef struct
{
  ObRetentionItem items[MAX_ITEMS + 1];
  char *ids[MAX_ITEMS + 1];
  gsize n;
  GString *rules;
} History;

static void
history_clear (History *history)
{
  for (gsize i = 0; i <= MAX_ITEMS; i++)
    g_free (history->ids[i]);
  g_string_free (history->rules, TRUE);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (History, history_clear)

static ObRetentionItem
make_item (const char *id)
{
  static const char *const kinds[] = { "scheduled", "automatic", "manual", "copy", "foreign" };
  /* Three of five are good. */
  static const ObRetentionResult results[]
    = { OB_RETENTION_GOOD, OB_RETENTION_GOOD, OB_RETENTION_GOOD, OB_RETENTION_PARTIAL,
        OB_RETENTION_FAILED };
  gint64 span = g_test_rand_bit () ? 20 * DAY : 1500 * DAY;
  gint64 error = g_test_rand_int_range (0, 20) == 0 ? 400 * DAY : 0; /* of the clock */

  return (ObRetentionItem){
    .id = id,
    .time = RETENTION_NOW + error - (gint64) (g_test_rand_double () * (double) span),
    .kind = kinds[g_test_rand_int_range (0, G_N_ELEMENTS (kinds))],
    .result = results[g_test_rand_int_range (0, G_N_ELEMENTS (results))],
    .parts = (guint) g_test_rand_int_range (0, 4),
    .pinned = g_test_rand_int_range (0, 15) == 0,
  };
}

/* @n: the number in the first rule, a "keep-" of @first. */
static void
make_rules (GString *rules, const char *first, int n)
{
  static const char *const more[] = { "keep-hourly", "keep-weekly", "manual-keep-daily",
                                      "automatic-keep-last", "manual-keep-monthly" };

  g_string_printf (rules, "%s=%d", first, n);
  for (gsize i = 0; i < G_N_ELEMENTS (more); i++)
    if (g_test_rand_int_range (0, 3) == 0)
      g_string_append_printf (rules, " %s=%d", more[i], g_test_rand_int_range (1, 8));
  if (g_test_rand_bit ())
    g_string_append_printf (rules, " keep-within-daily=%dd", g_test_rand_int_range (1, 40));
}

/* One item more is made than counts, for a test that adds it. */
static void
make_history (History *history)
{
  history->n = (gsize) g_test_rand_int_range (1, MAX_ITEMS + 1);
  history->rules = g_string_new (NULL);
  make_rules (history->rules, "keep-daily", g_test_rand_int_range (1, 10));
  for (gsize i = 0; i <= history->n; i++)
    {
      history->ids[i] = g_strdup_printf ("%02" G_GSIZE_FORMAT, i);
      history->items[i] = make_item (history->ids[i]);
    }
}

static gboolean
is_ours (const ObRetentionItem *item)
{
  return strcmp (item->kind, "foreign") != 0;
}

/* Whether it is one of ours, good, and of today or before. */
static gboolean
is_good (const ObRetentionItem *item)
{
  return item->result == OB_RETENTION_GOOD && item->time <= RETENTION_NOW && is_ours (item);
}

static void
test_last_good_stays (void)
{
  for (guint round = 0; round < N_ROUNDS; round++)
    {
      g_auto (History) history = { 0 };
      g_autoptr (GPtrArray) verdicts = NULL;
      const ObRetentionItem *last = NULL;
      guint held = 0;
      guint kept = 0;

      make_history (&history);
      verdicts = retention_apply (history.rules->str, history.items, history.n);
      for (gsize i = 0; i < history.n; i++)
        {
          const ObRetentionItem *item = &history.items[i];

          if (is_good (item) && (last == NULL || item->time > last->time))
            last = item;
          if (is_good (item))
            held |= item->parts;
          if (is_good (item) && retention_is_kept (verdicts, i))
            kept |= item->parts;
          if (item->pinned || item->time > RETENTION_NOW || !is_ours (item))
            g_assert_true (retention_is_kept (verdicts, i));
        }
      g_assert_cmpuint (kept, ==, held);
      g_assert_true (last == NULL || retention_is_kept (verdicts, (gsize) (last - history.items)));
    }
}

/* @more: what is added. The verdicts on those that are better stay as they are. */
static void
assert_pushes_out_none (History *history, ObRetentionItem more)
{
  g_autoptr (GPtrArray) before = retention_apply (history->rules->str, history->items, history->n);
  g_autoptr (GPtrArray) after = NULL;

  history->items[history->n] = more;
  after = retention_apply (history->rules->str, history->items, history->n + 1);
  for (gsize i = 0; i < history->n; i++)
    if (more.time > RETENTION_NOW || history->items[i].result < more.result)
      g_assert_cmpint (retention_is_kept (before, i), ==, retention_is_kept (after, i));
}

static void
test_worse_push_out_none (void)
{
  for (guint round = 0; round < N_ROUNDS; round++)
    {
      g_auto (History) history = { 0 };
      ObRetentionItem more;

      make_history (&history);
      more = history.items[history.n];
      more.result = OB_RETENTION_FAILED;
      assert_pushes_out_none (&history, more);
      more.result = OB_RETENTION_PARTIAL;
      assert_pushes_out_none (&history, more);
      more.result = OB_RETENTION_GOOD;
      more.time = RETENTION_NOW + g_test_rand_int_range (1, 1000 * DAY);
      assert_pushes_out_none (&history, more);
    }
}

static void
test_any_order (void)
{
  for (guint round = 0; round < N_ROUNDS; round++)
    {
      g_auto (History) history = { 0 };
      ObRetentionItem shuffled[MAX_ITEMS];
      gsize order[MAX_ITEMS];
      g_autoptr (GPtrArray) before = NULL;
      g_autoptr (GPtrArray) after = NULL;

      make_history (&history);
      /* Some are of the same second. */
      for (gsize i = 1; i < history.n; i += 5)
        history.items[i].time = history.items[i - 1].time;
      for (gsize i = 0; i < history.n; i++)
        {
          gsize j = (gsize) g_test_rand_int_range (0, (int) i + 1);

          order[i] = order[j];
          order[j] = i;
        }
      for (gsize i = 0; i < history.n; i++)
        shuffled[i] = history.items[order[i]];

      before = retention_apply (history.rules->str, history.items, history.n);
      after = retention_apply (history.rules->str, shuffled, history.n);
      for (gsize i = 0; i < history.n; i++)
        {
          const ObRetentionVerdict *one = g_ptr_array_index (before, order[i]);
          const ObRetentionVerdict *other = g_ptr_array_index (after, i);

          g_assert_cmpint (one->keep, ==, other->keep);
          g_assert_cmpstrv (one->reasons, other->reasons);
        }
    }
}

static void
test_more_keeps_more (void)
{
  static const char *const first[]
    = { "keep-last", "keep-hourly", "keep-daily", "keep-weekly", "keep-monthly", "keep-yearly" };

  for (guint round = 0; round < N_ROUNDS; round++)
    {
      g_auto (History) history = { 0 };
      const char *name = first[round % G_N_ELEMENTS (first)];
      g_autoptr (GPtrArray) before = NULL;

      make_history (&history);
      for (int n = 1; n < 12; n++)
        {
          g_autofree char *rules = g_strdup_printf ("%s=%d keep-within=1d", name, n);
          g_autoptr (GPtrArray) after = retention_apply (rules, history.items, history.n);

          for (gsize i = 0; before != NULL && i < history.n; i++)
            g_assert_true (!retention_is_kept (before, i) || retention_is_kept (after, i));
          g_clear_pointer (&before, g_ptr_array_unref);
          before = g_steal_pointer (&after);
        }
    }
}

/* To delete what goes and to ask again changes nothing, however long it goes on. */
static void
test_again (void)
{
  for (guint round = 0; round < N_ROUNDS; round++)
    {
      g_auto (History) history = { 0 };
      g_autoptr (GPtrArray) before = NULL;
      g_autoptr (GPtrArray) after = NULL;
      ObRetentionItem left[MAX_ITEMS];
      gsize n_left = 0;

      make_history (&history);
      before = retention_apply (history.rules->str, history.items, history.n);
      for (gsize i = 0; i < history.n; i++)
        if (retention_is_kept (before, i))
          left[n_left++] = history.items[i];
      after = retention_apply (history.rules->str, left, n_left);
      for (gsize i = 0; i < n_left; i++)
        g_assert_true (retention_is_kept (after, i));
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/retention-properties/last-good-stays", test_last_good_stays);
  g_test_add_func ("/retention-properties/worse-push-out-none", test_worse_push_out_none);
  g_test_add_func ("/retention-properties/any-order", test_any_order);
  g_test_add_func ("/retention-properties/more-keeps-more", test_more_keeps_more);
  g_test_add_func ("/retention-properties/again", test_again);
  return g_test_run ();
}
