/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whatever tree there is: written and read it is the same, by any number of threads, and so is each
 * of its former states. Repeat a run with --seed. */
#include "ob-file-backup.h"

#include <string.h>

#include "pipeline-fixture.h"
#include "random-tree.h"

#define N_TREES (core_is_long () ? 200 : 8)
#define N_STATES 3
#define N_CHANGES 9

typedef struct
{
  ObNode *node;
  char *text;
} State;

/* How many threads. */
static guint
any (GRand *rand)
{
  return (guint) g_rand_int_range (rand, 1, 6);
}

static ObNode *
back_up (Pipeline *pipeline, const ObNode *previous, GRand *rand)
{
  g_autoptr (ObWriter) writer = ob_writer_new (pipeline->core.repository, any (rand), NULL);
  ObFileBackupRoot root = { .fd = pipeline->source_fd,
                            .path = pipeline->source,
                            .name = "root",
                            .has_previous = previous != NULL };
  g_autoptr (GError) error = NULL;
  ObFileBackupStats stats;
  ObNode *node = NULL;

  if (previous != NULL)
    root.previous = previous->subtree;
  ob_file_backup_run (writer, &root, any (rand), pipeline->progress, &node, &stats, NULL, &error);
  g_assert_no_error (error);
  ob_writer_finish (writer, &error);
  g_assert_no_error (error);
  return node;
}

static void
check (Pipeline *pipeline, const State *state, GRand *rand)
{
  g_autofree char *text = NULL;
  g_autoptr (GError) error = NULL;
  ObFileRestoreStats stats;

  pipeline_clear_target (pipeline);
  ob_file_restore_run (pipeline->core.repository, state->node, pipeline->target_fd,
                       pipeline->target, FALSE, any (rand), pipeline->progress, &stats, NULL,
                       &error);
  g_assert_no_error (error);
  text = random_tree_describe (pipeline->target_fd);
  random_tree_assert_same (state->text, text);
}

/* What is taken over from the previous backup makes no other tree than reading all anew does. */
static void
change_again_and_again (Pipeline *pipeline, const ObNode *first, GRand *rand)
{
  g_autoptr (ObNode) previous = ob_node_copy (first);

  for (guint i = 0; i < N_CHANGES; i++)
    {
      g_autoptr (ObNode) anew = NULL;
      ObNode *next;

      if (i % 3 > 0)
        random_tree_change (pipeline->source_fd, rand);
      next = back_up (pipeline, previous, rand);
      anew = back_up (pipeline, NULL, rand);
      g_assert_true (ob_id_equal (&next->subtree, &anew->subtree));
      g_clear_pointer (&previous, ob_node_free);
      previous = next;
    }
}

/* A tree in some states, one after another; in the end each of them is read. */
static void
try_tree (Pipeline *pipeline, GRand *rand)
{
  State states[N_STATES];
  g_autoptr (ObNode) again = NULL;

  random_tree_make (pipeline->source_fd, 1 + any (rand) * any (rand) * 2, rand);
  for (guint i = 0; i < N_STATES; i++)
    {
      if (i > 0)
        random_tree_change (pipeline->source_fd, rand);
      states[i].text = random_tree_describe (pipeline->source_fd);
      states[i].node = back_up (pipeline, i > 0 ? states[i - 1].node : NULL, rand);
    }
  /* Where nothing has changed the tree is the same to the last byte. */
  again = back_up (pipeline, states[N_STATES - 1].node, rand);
  g_assert_true (ob_id_equal (&again->subtree, &states[N_STATES - 1].node->subtree));
  change_again_and_again (pipeline, again, rand);

  pipeline_reopen (pipeline);
  for (guint i = 0; i < N_STATES; i++)
    {
      check (pipeline, &states[i], rand);
      ob_node_free (states[i].node);
      g_free (states[i].text);
    }
  for (guint i = 0; i < pipeline->warnings->len; i++)
    g_assert_cmpstr (g_ptr_array_index (pipeline->warnings, i), ==, "");
}

static void
test_trees (void)
{
  for (gint i = 0; i < N_TREES; i++)
    {
      guint32 seed = (guint32) g_test_rand_int ();
      GRand *rand = g_rand_new_with_seed (seed);
      Pipeline pipeline;

      g_test_message ("tree %d of seed %u", i, seed);
      pipeline_set_up (&pipeline, NULL);
      try_tree (&pipeline, rand);
      pipeline_tear_down (&pipeline, NULL);
      g_rand_free (rand);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/random/trees", test_trees);
  return g_test_run ();
}
