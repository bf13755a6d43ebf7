/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "mutate.h"

#include <stdlib.h>
#include <string.h>

/* What the formats of this service are made of, and what parsers trip over. */
static const ObFuzzSeed tokens[] = {
  OB_FUZZ_SEED ("{"), OB_FUZZ_SEED ("}"), OB_FUZZ_SEED ("["), OB_FUZZ_SEED ("]"),
  OB_FUZZ_SEED (","), OB_FUZZ_SEED (":"), OB_FUZZ_SEED ("\""), OB_FUZZ_SEED ("\\"),
  OB_FUZZ_SEED ("="), OB_FUZZ_SEED (";"), OB_FUZZ_SEED ("#"), OB_FUZZ_SEED ("\n"),
  OB_FUZZ_SEED ("\r\n"), OB_FUZZ_SEED ("\t"), OB_FUZZ_SEED (" "), OB_FUZZ_SEED ("\0"),
  OB_FUZZ_SEED ("null"), OB_FUZZ_SEED ("true"), OB_FUZZ_SEED ("false"), OB_FUZZ_SEED ("{}"),
  OB_FUZZ_SEED ("[]"), OB_FUZZ_SEED ("\"\""), OB_FUZZ_SEED ("[["), OB_FUZZ_SEED ("{\"a\":"),
  OB_FUZZ_SEED (".."), OB_FUZZ_SEED ("/"), OB_FUZZ_SEED ("../"), OB_FUZZ_SEED ("\\u0000"),
  OB_FUZZ_SEED ("\\u001f"),
  OB_FUZZ_SEED ("\\ud800"), OB_FUZZ_SEED ("\\udc00"), OB_FUZZ_SEED ("\\uFFFF"),
  OB_FUZZ_SEED ("\\u002f"), OB_FUZZ_SEED ("\\x2f"), OB_FUZZ_SEED ("\\\\x2f"),
  OB_FUZZ_SEED ("\\057"), OB_FUZZ_SEED ("\\\\u002e"), OB_FUZZ_SEED ("\\U0010FFFF"),
  OB_FUZZ_SEED ("\\n"), OB_FUZZ_SEED ("\\s"), OB_FUZZ_SEED ("\xff"), OB_FUZZ_SEED ("\xc0\xaf"),
  OB_FUZZ_SEED ("\xed\xa0\x80"), OB_FUZZ_SEED ("\xef\xbb\xbf"), OB_FUZZ_SEED ("\xf4\x90\x80\x80"),
  OB_FUZZ_SEED ("%s%n"), OB_FUZZ_SEED ("'"), OB_FUZZ_SEED ("1e999"), OB_FUZZ_SEED ("-1"),
  OB_FUZZ_SEED ("0.5"), OB_FUZZ_SEED ("==")
};

/* Where numbers end. */
static const guint64 numbers[]
  = { 0, 1, 2, 7, 10, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 127, 128, 129, 255, 256, 257, 1000,
      4095, 4096, 32767, 32768, 65535, 65536, G_MAXINT32, (guint64) G_MAXINT32 + 1, G_MAXUINT32,
      (guint64) G_MAXUINT32 + 1, G_GUINT64_CONSTANT (253402300800), G_MAXINT64,
      (guint64) G_MAXINT64 + 1, G_MAXUINT64 };

/* internal methods */

static guint
below (GRand *rand, gsize limit)
{
  return limit == 0 ? 0 : (guint) g_rand_int_range (rand, 0, (gint32) MIN (limit, G_MAXINT32));
}

/* Lengths of parts: mostly short. */
static guint
pick_length (GRand *rand, gsize limit)
{
  gsize most = below (rand, 4) == 0 ? limit : MIN (limit, 16);

  return most == 0 ? 0 : 1 + below (rand, most);
}

static void
insert (GByteArray *input, guint at, const void *data, gsize size)
{
  guint tail = input->len - at;

  if (size == 0 || input->len + size > OB_FUZZ_MAX_SIZE)
    return;
  g_byte_array_set_size (input, input->len + (guint) size);
  memmove (input->data + at + size, input->data + at, tail);
  memcpy (input->data + at, data, size);
}

static void
insert_number (GByteArray *input, guint at, GRand *rand)
{
  guint64 number = numbers[below (rand, G_N_ELEMENTS (numbers))];
  guint64 little = GUINT64_TO_LE (number);
  char text[32];

  if (below (rand, 3) == 0)
    insert (input, at, &little, (gsize) 1 << below (rand, 4));
  else
    {
      g_snprintf (text, sizeof text, "%" G_GUINT64_FORMAT, number);
      insert (input, at, text, strlen (text));
    }
}

/* Where a run of digits stands, another number. */
static void
replace_number (GByteArray *input, GRand *rand)
{
  guint at = below (rand, input->len);
  guint end;

  while (at < input->len && !g_ascii_isdigit (input->data[at]))
    at++;
  for (end = at; end < input->len && g_ascii_isdigit (input->data[end]);)
    end++;
  if (end == at)
    return;
  g_byte_array_remove_range (input, at, end - at);
  insert_number (input, at, rand);
}

/* A part of @input, several times over. */
static void
repeat (GByteArray *input, GRand *rand)
{
  guint at = below (rand, input->len);
  guint size = pick_length (rand, input->len - at);
  g_autofree guint8 *part = g_memdup2 (input->data + at, size);

  for (guint n = below (rand, 8) == 0 ? 1 + below (rand, 300) : 1; n > 0; n--)
    insert (input, at, part, size);
}

/* A part of @input, elsewhere. */
static void
move (GByteArray *input, GRand *rand)
{
  guint at = below (rand, input->len);
  guint size = pick_length (rand, input->len - at);
  g_autofree guint8 *part = g_memdup2 (input->data + at, size);

  if (below (rand, 2) == 0)
    g_byte_array_remove_range (input, at, size);
  insert (input, below (rand, input->len + 1), part, size);
}

static void
splice (GByteArray *input, const ObFuzzSeed *seed, GRand *rand)
{
  guint at = below (rand, seed->size);
  guint size = pick_length (rand, seed->size - at);

  insert (input, below (rand, input->len + 1), (const guint8 *) seed->data + at, size);
}

static void
cut (GByteArray *input, GRand *rand)
{
  guint at = below (rand, input->len);

  if (below (rand, 4) == 0)
    g_byte_array_set_size (input, at);
  else
    g_byte_array_remove_range (input, at, pick_length (rand, input->len - at));
}

static void
change (GByteArray *input, const ObFuzzSeed *seeds, gsize n_seeds, GRand *rand)
{
  const ObFuzzSeed *token = &tokens[below (rand, G_N_ELEMENTS (tokens))];
  guint at = below (rand, input->len);
  guint kind = input->len == 0 ? 5 + below (rand, 3) : below (rand, 10);

  switch (kind)
    {
    case 0:
      input->data[at] ^= (guint8) (1 << below (rand, 8));
      break;
    case 1:
      input->data[at] = (guint8) below (rand, 256);
      break;
    case 2:
      cut (input, rand);
      break;
    case 3:
      repeat (input, rand);
      break;
    case 4:
      move (input, rand);
      break;
    case 5:
      insert (input, at, token->data, token->size);
      break;
    case 6:
      insert_number (input, at, rand);
      break;
    case 7:
      splice (input, &seeds[below (rand, n_seeds)], rand);
      break;
    case 8:
      memcpy (input->data + at, token->data, MIN (token->size, input->len - at));
      break;
    default:
      replace_number (input, rand);
      break;
    }
}

/* public methods */

void
ob_fuzz_on_message (const char *domain, GLogLevelFlags level, const char *message, gpointer data)
{
  if (strstr (message, "Key file contains") != NULL)
    return;
  g_printerr ("%s: %s\n", domain != NULL ? domain : "message", message);
  abort ();
}

void
ob_fuzz_change (GByteArray *input, const ObFuzzSeed *seeds, gsize n_seeds, GRand *rand)
{
  for (guint n = 1 + below (rand, below (rand, 4) == 0 ? 16 : 4); n > 0; n--)
    change (input, seeds, n_seeds, rand);
}

void
ob_fuzz_mutate (GByteArray *input, const ObFuzzSeed *seeds, gsize n_seeds, GRand *rand)
{
  const ObFuzzSeed *seed = &seeds[below (rand, n_seeds)];

  g_byte_array_set_size (input, 0);
  g_byte_array_append (input, seed->data, (guint) seed->size);
  ob_fuzz_change (input, seeds, n_seeds, rand);
}
