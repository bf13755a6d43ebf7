/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-restore-rates.h"

#include <math.h>

#include "ob-keyfile.h"

#define GROUP "rates"

static const ObRestoreRates ordinary = {
  .pause = 60,
  .copy = 100e6,
  .files = 150e6,
  .database = 30e6,
};

/* internal methods */

static char *
get_file_name (const char *instance)
{
  return g_strconcat (instance, ".rates", NULL);
}

static gboolean
read_rate (GKeyFile *file, const char *key, gdouble *rate)
{
  gdouble value = file != NULL ? g_key_file_get_double (file, GROUP, key, NULL) : 0;

  if (!isfinite (value) || value <= 0)
    return FALSE;
  *rate = value;
  return TRUE;
}

static void
write_rate (GKeyFile *file, const char *key, gdouble rate)
{
  if (isfinite (rate) && rate > 0)
    g_key_file_set_double (file, GROUP, key, rate);
}

/* methods of this room */

gboolean
ob_restore_rates_load (ObContext *context, const char *instance, ObRestoreRates *rates)
{
  g_autofree char *name = get_file_name (instance);
  g_autoptr (GKeyFile) file = ob_keyfile_load_at (context->restores_fd, name, NULL);
  gboolean measured = FALSE;

  *rates = ordinary;
  measured |= read_rate (file, "pause", &rates->pause);
  measured |= read_rate (file, "copy", &rates->copy);
  measured |= read_rate (file, "files", &rates->files);
  measured |= read_rate (file, "database", &rates->database);
  return measured;
}

void
ob_restore_rates_note (ObContext *context, const char *instance, const ObRestoreRates *rates)
{
  g_autofree char *name = get_file_name (instance);
  g_autoptr (GKeyFile) file = ob_keyfile_load_at (context->restores_fd, name, NULL);

  if (file == NULL)
    file = g_key_file_new ();
  write_rate (file, "pause", rates->pause);
  write_rate (file, "copy", rates->copy);
  write_rate (file, "files", rates->files);
  write_rate (file, "database", rates->database);
  ob_keyfile_save_at (context->restores_fd, name, file, NULL);
}
