/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How long the steps of an instance's last restore took, for estimating the next one
 * (STATE/restores/INSTANCE.rates, a key file). All block; job threads. */
#pragma once

#include "ob-context.h"

G_BEGIN_DECLS

typedef struct
{
  gdouble pause;     /* seconds that the application was stopped, less those of the copies */
  gdouble copy;      /* bytes a second of the copies of a database that keep its number */
  gdouble files;     /* bytes a second */
  gdouble database;  /* bytes of its archives a second */
} ObRestoreRates;

/* What was never measured for the instance is that of an ordinary machine; FALSE where all is. */
gboolean ob_restore_rates_load (ObContext *context, const char *instance, ObRestoreRates *rates);

/* Notes what is more than 0 in @rates. What cannot be written is forgotten. */
void ob_restore_rates_note (ObContext *context, const char *instance, const ObRestoreRates *rates);

G_END_DECLS
