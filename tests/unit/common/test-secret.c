/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-secret.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "fixture.h"
#include "ob-error.h"
#include "ob-fd.h"

/* A pipe that @size bytes have been written to, in two pieces, and nobody writes to any more. */
static int
fill_pipe (const char *data, gsize size)
{
  int fds[2];

  g_assert_cmpint (pipe (fds), ==, 0);
  g_assert_cmpint (write (fds[1], data, size / 2), ==, size / 2);
  g_assert_cmpint (write (fds[1], data + size / 2, size - size / 2), ==, size - size / 2);
  g_assert_cmpint (close (fds[1]), ==, 0);
  return fds[0];
}

/* What ob_secret_read() makes of them; with a limit of time it is the same. */
static char *
read_secret (const char *data, gsize size, gsize max, GError **error)
{
  ob_autofd int in = fill_pipe (data, size);
  ob_autofd int in_time = fill_pipe (data, size);
  g_autoptr (GError) time_error = NULL;
  ob_autosecret char *read_in_time = ob_secret_read_within (in_time, max, 60, &time_error);
  char *secret = ob_secret_read (in, max, error);

  g_assert_cmpstr (read_in_time, ==, secret);
  if (secret == NULL)
    g_assert_ob_error (time_error, (*error)->code);
  return secret;
}

static void
test_read (void)
{
  static const struct
  {
    const char *given;
    const char *read;
  } cases[] = {
    { "geheim", "geheim" },        { "geheim\n", "geheim" }, { "geheim\r\n", "geheim" },
    { "geheim\n\n", "geheim\n" },  { "", "" },               { "\n", "" },
    { "ein Wort ", "ein Wort " }, { "\r", "\r" },        { "12345678\r\n", "12345678" },
    { "12345678", "12345678" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      ob_autosecret char *secret
        = read_secret (cases[i].given, strlen (cases[i].given), 10, &error);

      g_assert_no_error (error);
      g_assert_cmpstr (secret, ==, cases[i].read);
    }
}

static void
test_read_refuses (void)
{
  g_autoptr (GError) too_long = NULL;
  g_autoptr (GError) longer = NULL;
  g_autoptr (GError) zero = NULL;
  g_autoptr (GError) closed = NULL;
  g_autofree char *much = g_strnfill (1000, 'x');

  g_assert_null (read_secret ("123456789", 9, 8, &too_long));
  g_assert_ob_error (too_long, OB_ERROR_INVALID_ARGUMENT);
  /* Nothing of the secret is in the message. */
  g_assert_null (strstr (too_long->message, "1234"));
  g_assert_null (read_secret (much, 1000, 8, &longer));
  g_assert_ob_error (longer, OB_ERROR_INVALID_ARGUMENT);
  g_assert_null (read_secret ("ab\0cd", 5, 8, &zero));
  g_assert_ob_error (zero, OB_ERROR_INVALID_ARGUMENT);
  g_assert_null (ob_secret_read (-1, 8, &closed));
  g_assert_ob_error (closed, OB_ERROR_INVALID_ARGUMENT);
}

/* One end is open all the time, and not all that is there is the secret. */
static void
test_read_late (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) closed = NULL;
  ob_autofd int in = -1;
  ob_autofd int out = -1;
  int fds[2];

  g_assert_cmpint (pipe2 (fds, O_NONBLOCK), ==, 0);
  in = fds[0];
  out = fds[1];
  g_assert_cmpint (write (out, "half", 4), ==, 4);
  g_assert_null (ob_secret_read_within (in, 8, 1, &error));
  g_assert_ob_error (error, OB_ERROR_INVALID_ARGUMENT);
  g_assert_message (error, "in time");
  g_assert_null (ob_secret_read_within (-1, 8, 60, &closed));
  g_assert_ob_error (closed, OB_ERROR_INVALID_ARGUMENT);
}

static void
test_generate (void)
{
  g_autoptr (GHashTable) seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  guint used[256] = { 0 };
  guint letters = 0;

  for (guint i = 0; i < 500; i++)
    {
      char *secret = ob_secret_generate ();

      g_assert_cmpuint (strlen (secret), ==, 8 * 4 + 7);
      for (guint at = 0; secret[at] != '\0'; at++)
        {
          if (at % 5 == 4)
            g_assert_cmpint (secret[at], ==, '-');
          else
            used[(guchar) secret[at]]++;
        }
      g_assert_true (g_hash_table_add (seen, secret));
    }

  /* All 32 letters come up, about equally often (500 of each are expected), and no others. */
  for (guint c = 0; c < 256; c++)
    {
      if (used[c] == 0)
        continue;
      letters++;
      g_assert_cmpuint (used[c], >, 300);
      g_assert_cmpuint (used[c], <, 700);
    }
  g_assert_cmpuint (letters, ==, 32);
  g_assert_cmpuint (used['i'] + used['l'] + used['o'] + used['u'], ==, 0);
}

static void
test_wipe (void)
{
  char text[] = "geheim";
  static const char zeros[sizeof text];

  ob_secret_wipe (text, sizeof text);
  g_assert_cmpmem (text, sizeof text, zeros, sizeof zeros);
  ob_secret_wipe (NULL, 0);
  ob_secret_free (NULL);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/secret/read", test_read);
  g_test_add_func ("/secret/read-refuses", test_read_refuses);
  g_test_add_func ("/secret/read-late", test_read_late);
  g_test_add_func ("/secret/generate", test_generate);
  g_test_add_func ("/secret/wipe", test_wipe);
  return g_test_run ();
}
