/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-space-history.h"

#define DAY (24 * 60 * 60)
#define APART (6 * 60 * 60)
#define KEPT (60 * DAY)
#define MAX_SAMPLES 240
#define MAX_DAYS 36500

typedef struct
{
  gint64 time;
  guint64 free_bytes;
} Sample;

struct _ObSpaceHistory
{
  GArray *samples; /* of Sample, oldest first */
};

/* internal methods */

static void
add_text (ObSpaceHistory *self, const char *text)
{
  g_auto (GStrv) words = g_strsplit (text, ":", 2);
  Sample sample = { 0 };

  if (g_strv_length (words) != 2
      || !g_ascii_string_to_signed (words[0], 10, 0, G_MAXINT64 / 2, &sample.time, NULL)
      || !g_ascii_string_to_unsigned (words[1], 10, 0, G_MAXUINT64, &sample.free_bytes, NULL))
    return;
  if (self->samples->len == 0
      || g_array_index (self->samples, Sample, self->samples->len - 1).time < sample.time)
    g_array_append_val (self->samples, sample);
}

/* Bytes a second; negative where it fills up. */
static double
get_slope (ObSpaceHistory *self)
{
  guint n = self->samples->len;
  const Sample *first = &g_array_index (self->samples, Sample, 0);
  double mean_time = 0, mean_free = 0, above = 0, below = 0;

  for (guint i = 0; i < n; i++)
    {
      const Sample *sample = &g_array_index (self->samples, Sample, i);

      mean_time += (double) (sample->time - first->time) / n;
      mean_free += (double) sample->free_bytes / n;
    }
  for (guint i = 0; i < n; i++)
    {
      const Sample *sample = &g_array_index (self->samples, Sample, i);
      double time = (double) (sample->time - first->time) - mean_time;

      above += time * ((double) sample->free_bytes - mean_free);
      below += time * time;
    }
  return below > 0 ? above / below : 0;
}

/* public methods */

ObSpaceHistory *
ob_space_history_new (const char *const *texts)
{
  ObSpaceHistory *self = g_new0 (ObSpaceHistory, 1);

  self->samples = g_array_new (FALSE, FALSE, sizeof (Sample));
  for (guint i = 0; texts != NULL && texts[i] != NULL && i < MAX_SAMPLES; i++)
    add_text (self, texts[i]);
  return self;
}

void
ob_space_history_free (ObSpaceHistory *self)
{
  if (self == NULL)
    return;
  g_array_unref (self->samples);
  g_free (self);
}

void
ob_space_history_add (ObSpaceHistory *self, gint64 now, guint64 free_bytes)
{
  Sample sample = { now, free_bytes };
  guint n = self->samples->len;

  /* A clock that was set back makes what was written before worthless. */
  if (n > 0 && g_array_index (self->samples, Sample, n - 1).time > now)
    g_array_set_size (self->samples, 0);
  n = self->samples->len;
  if (n > 0 && now - g_array_index (self->samples, Sample, n - 1).time < APART)
    return;
  while (self->samples->len > 0
         && (self->samples->len >= MAX_SAMPLES
             || g_array_index (self->samples, Sample, 0).time < now - KEPT))
    g_array_remove_index (self->samples, 0);
  g_array_append_val (self->samples, sample);
}

GStrv
ob_space_history_list (ObSpaceHistory *self)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();

  for (guint i = 0; i < self->samples->len; i++)
    {
      const Sample *sample = &g_array_index (self->samples, Sample, i);
      g_autofree char *text = g_strdup_printf ("%" G_GINT64_FORMAT ":%" G_GUINT64_FORMAT,
                                               sample->time, sample->free_bytes);

      g_strv_builder_add (builder, text);
    }
  return g_strv_builder_end (builder);
}

gboolean
ob_space_history_forecast (ObSpaceHistory *self, guint64 free_bytes, guint *days)
{
  guint n = self->samples->len;
  double slope = 0;

  if (n < 2
      || g_array_index (self->samples, Sample, n - 1).time
             - g_array_index (self->samples, Sample, 0).time
           < DAY)
    return FALSE;
  slope = get_slope (self);
  if (slope >= 0)
    return FALSE;
  *days = (guint) MIN ((double) free_bytes / -slope / DAY, MAX_DAYS);
  return TRUE;
}
