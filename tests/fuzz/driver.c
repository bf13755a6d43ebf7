/* SPDX-License-Identifier: GPL-3.0-or-later */
/* main() for a fuzz target where there is no libFuzzer: a quick test of its own. It runs the
 * seeds, the files that are named, and a number of mutations; the same --seed makes the same
 * ones. An input that ends the program, or takes too long, is left in a file, which is then
 * named to run it again.
 *
 *   fuzz-tree [--runs N] [--seed N] [--write-seeds DIR] [FILE…]
 *
 * With OBBACKUP_LONG=1 in the environment there are a hundred times as many. The same target
 * under libFuzzer is run by tests/fuzz/run; --write-seeds makes the corpus for it. */
#include "driver.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mutate.h"

#define DEFAULT_RUNS 5000
#define LONG_FACTOR 100
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_ADDRESS_SANITIZER
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define HAS_ADDRESS_SANITIZER
#endif

#define MAX_SECONDS 20 /* an input; sanitizers and a busy machine included */

/* What a signal handler needs: what runs now, and where to leave it. */
static struct
{
  char path[4096];
  const void *data;
  gsize size;
} current;

static guint8 stack[64 * 1024];

/* Memory that an input makes us ask for is limited; the signal is left to us. */
const char *__asan_default_options (void);
const char *__ubsan_default_options (void);

const char *
__asan_default_options (void)
{
  return "abort_on_error=1:handle_abort=0:detect_stack_use_after_return=1:"
         "max_allocation_size_mb=1024:detect_leaks=1";
}

const char *
__ubsan_default_options (void)
{
  return "halt_on_error=1:abort_on_error=1:print_stacktrace=1";
}

static void
say (const char *text)
{
  if (write (STDERR_FILENO, text, strlen (text)) < 0)
    return;
}

/* Leaves the input that ended us in its file. Calls nothing that a signal handler may not. */
static void
on_signal (int number)
{
  int fd = open (current.path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);

  if (fd >= 0 && current.data != NULL
      && write (fd, current.data, current.size) == (gssize) current.size)
    {
      say (number == SIGALRM ? "# Too slow. The input is in " : "# The input is in ");
      say (current.path);
      say ("\n");
    }
  signal (number, SIG_DFL);
  raise (number);
}

static void
catch_signals (const char *program)
{
  static const int numbers[] = { SIGABRT, SIGALRM, SIGTRAP,
#ifndef HAS_ADDRESS_SANITIZER /* which tells more of these, and then aborts */
                                 SIGSEGV, SIGBUS, SIGFPE, SIGILL
#endif
  };
  g_autofree char *name = g_path_get_basename (program);
  stack_t other = { .ss_sp = stack, .ss_size = sizeof stack };
  struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_ONSTACK };

  g_snprintf (current.path, sizeof current.path, "%s/obbackup-%s.input", g_get_tmp_dir (), name);
  g_assert_cmpint (sigaltstack (&other, NULL), ==, 0);
  for (gsize i = 0; i < G_N_ELEMENTS (numbers); i++)
    g_assert_cmpint (sigaction (numbers[i], &action, NULL), ==, 0);
}

static void
run (const void *data, gsize size)
{
  /* A block of exactly this size, so that a sanitizer sees the first byte read beyond it. */
  g_autofree guint8 *copy = g_malloc (MAX (size, 1));

  if (size > 0)
    memcpy (copy, data, size);
  current.size = size;
  current.data = copy;
  alarm (MAX_SECONDS);
  LLVMFuzzerTestOneInput (copy, size);
  alarm (0);
  current.data = NULL;
}

static gboolean
run_file (const char *path, GError **error)
{
  g_autofree char *data = NULL;
  gsize size;

  if (!g_file_get_contents (path, &data, &size, error))
    return FALSE;
  run (data, size);
  return TRUE;
}

static gsize
run_seeds (void)
{
  gsize n;
  const ObFuzzSeed *seeds = ob_fuzz_get_seeds (&n);

  g_assert_cmpuint (n, >, 0);
  for (gsize i = 0; i < n; i++)
    run (seeds[i].data, seeds[i].size);
  return n;
}

static void
run_mutations (gint64 runs, gint64 seed)
{
  GRand *rand = g_rand_new_with_seed ((guint32) seed);
  g_autoptr (GByteArray) input = g_byte_array_new ();
  gsize n;
  const ObFuzzSeed *seeds = ob_fuzz_get_seeds (&n);

  for (gint64 i = 0; i < runs; i++)
    {
      ob_fuzz_mutate (input, seeds, n, rand);
      run (input->data, input->len);
    }
  g_rand_free (rand);
}

static gboolean
write_seeds (const char *directory, GError **error)
{
  gsize n;
  const ObFuzzSeed *seeds = ob_fuzz_get_seeds (&n);

  for (gsize i = 0; i < n; i++)
    {
      g_autofree char *path = g_strdup_printf ("%s/seed-%" G_GSIZE_FORMAT, directory, i);

      if (!g_file_set_contents (path, seeds[i].data, (gssize) seeds[i].size, error))
        return FALSE;
    }
  return TRUE;
}

static int
bail_out (const GError *error)
{
  g_print ("Bail out! %s\n", error->message);
  return 1;
}

static int
run_files (char **files)
{
  guint n = 0;

  for (; files[n] != NULL; n++)
    {
      g_autoptr (GError) error = NULL;

      if (!run_file (files[n], &error))
        return bail_out (error);
      g_print ("ok %u %s\n", n + 1, files[n]);
    }
  g_print ("1..%u\n", n);
  return 0;
}

static gboolean
is_long (void)
{
  return g_strcmp0 (g_getenv ("OBBACKUP_LONG"), "1") == 0;
}

int
main (int argc, char **argv)
{
  gint64 runs = is_long () ? LONG_FACTOR * DEFAULT_RUNS : DEFAULT_RUNS;
  gint64 seed = 1;
  g_autofree char *directory = NULL;
  g_auto (GStrv) files = NULL;
  const GOptionEntry entries[] = {
    { "runs", 0, 0, G_OPTION_ARG_INT64, &runs, "Number of inputs", "N" },
    { "seed", 0, 0, G_OPTION_ARG_INT64, &seed, "Begin of the random numbers", "N" },
    { "write-seeds", 0, 0, G_OPTION_ARG_FILENAME, &directory, "Write the seeds", "DIR" },
    { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &files, NULL, NULL },
    G_OPTION_ENTRY_NULL
  };
  g_autoptr (GOptionContext) options = g_option_context_new (NULL);
  g_autoptr (GError) error = NULL;

  setlocale (LC_ALL, "");
  g_log_set_default_handler (ob_fuzz_on_message, NULL);
  g_option_context_add_main_entries (options, entries, NULL);
  if (!g_option_context_parse (options, &argc, &argv, &error)
      || (directory != NULL && !write_seeds (directory, &error)))
    return bail_out (error);
  if (directory != NULL)
    return 0;

  catch_signals (argv[0]);
  if (files != NULL)
    return run_files (files);
  g_print ("ok 1 %" G_GSIZE_FORMAT " seeds\n", run_seeds ());
  run_mutations (runs, seed);
  g_print ("ok 2 %" G_GINT64_FORMAT " inputs of seed %" G_GINT64_FORMAT "\n1..2\n", runs, seed);
  return 0;
}
