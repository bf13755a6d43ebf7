/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "database-fixture.h"

struct _Disturber
{
  ObPostgres *postgres;
  DisturberFunc work;
  GThread *thread;
  gint stop;
  guint rounds;
};

static gpointer
disturb (gpointer data)
{
  Disturber *disturber = data;

  while (g_atomic_int_get (&disturber->stop) == 0)
    {
      disturber->work (disturber->postgres);
      disturber->rounds++;
    }
  return NULL;
}

Disturber *
disturber_start (Database *database, DisturberFunc work)
{
  Disturber *disturber = g_new0 (Disturber, 1);

  disturber->postgres = database_connect (database, OB_ROLE_OWNER);
  disturber->work = work;
  disturber->thread = g_thread_new ("disturb", disturb, disturber);
  return disturber;
}

guint
disturber_stop (Disturber *disturber)
{
  guint rounds;

  g_atomic_int_set (&disturber->stop, 1);
  g_thread_join (disturber->thread);
  rounds = disturber->rounds;
  ob_postgres_free (disturber->postgres);
  g_free (disturber);
  return rounds;
}
