/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Rows over several connections.
 *
 * COPY works on one processor, and where two of them fill one table, they wait for each other as
 * often as it has to grow. So every stream has connections of its own. But a database has often
 * one table that is larger, or slower to load, than all others: so a stream that is still there
 * when others have ended gets their connections, and the rows of its table are dealt out to all
 * that it has, by a piece of whole lines to whichever has sent what it got. And a database has many
 * tables that are small: the next one goes to another connection while the server ends this one.
 * All of it is done as bbdd.user, see ob-database-archive.c.
 */
#include "ob-database-restore-private.h"

#include <pthread.h>
#include <string.h>

#include "ob-error.h"
#include "ob-postgres-private.h"

/* A table, and the COPY that fills it. Counted (g_rc_box). */
typedef struct
{
  char *copy;
  char *schema; /* NULL where it is not known */
  char *name;
} Table;

typedef struct
{
  ObPostgres *postgres;
  ObCopyState state; /* OB_COPY_DONE: nothing is under way */
  Table *table;      /* the one that is under way, or was last; a reference, or NULL */
  gsize n_settings;  /* that it has */
} Lane;

struct _ObLanePool
{
  ObRestoreRun *run;
  GCancellable *cancellable;
  pthread_mutex_t mutex;
  guint n_lanes;   /* of all loaders together, and those that are free */
  guint n_loaders; /* that have not ended */
  guint n_waiting; /* of them: who have none yet */
  guint n_unused;  /* lanes that nobody has connected yet */
  GPtrArray *free; /* of ObPostgres, owned */
};

struct _ObRowLoader
{
  ObLanePool *pool;
  ObRestoreRun *run;
  GCancellable *cancellable;
  Lane lanes[OB_POSTGRES_MAX_WAIT];
  guint n_lanes;
  guint last;          /* that got rows */
  GPtrArray *settings; /* statements for every connection */
  Table *table;        /* whose rows the script has at the moment; a reference, or NULL */
};

/* internal methods */

static void
clear_table (gpointer data)
{
  Table *table = data;

  g_free (table->copy);
  g_free (table->schema);
  g_free (table->name);
}

static void
drop_table (Table **table)
{
  if (*table != NULL)
    g_rc_box_release_full (g_steal_pointer (table), clear_table);
}

/* The rows that a COPY has brought. */
static void
note_rows (ObRowLoader *self, const Table *table, guint64 rows)
{
  if (table->schema != NULL)
    ob_row_tally_add (self->run->tally, table->schema, table->name, rows);
}

static gboolean
fail_rows (const Table *table, GError **error)
{
  if (table->schema != NULL)
    g_prefix_error (error, "The rows of the table %s.%s cannot be loaded: ", table->schema,
                    table->name);
  return FALSE;
}

static gboolean
step (ObRowLoader *self, Lane *lane, GError **error)
{
  guint64 rows = 0;

  if (lane->state == OB_COPY_DONE)
    return TRUE;
  if (!ob_postgres_copy_step (lane->postgres, &lane->state, &rows, error))
    return fail_rows (lane->table, error);
  note_rows (self, lane->table, rows);
  return TRUE;
}

/* All of them: wait_any() comes back at once where one that could go on was left as it was. */
static gboolean
step_all (ObRowLoader *self, GError **error)
{
  for (guint i = 0; i < self->n_lanes; i++)
    if (!step (self, &self->lanes[i], error))
      return FALSE;
  return TRUE;
}

/* Until one of the connections can go on. */
static gboolean
wait_any (ObRowLoader *self, GError **error)
{
  struct pollfd fds[OB_POSTGRES_MAX_WAIT];

  for (guint i = 0; i < self->n_lanes; i++)
    {
      const Lane *lane = &self->lanes[i];
      gboolean waits = lane->state == OB_COPY_SENDING || lane->state == OB_COPY_ENDING;

      fds[i] = (struct pollfd){
        .fd = waits ? PQsocket (ob_postgres_get_connection (lane->postgres)) : -1,
        .events = lane->state == OB_COPY_SENDING ? POLLIN | POLLOUT : POLLIN
      };
    }
  if (ob_postgres_wait_any (fds, self->n_lanes, -1, self->cancellable) != OB_POSTGRES_CANCELLED)
    return TRUE;
  g_set_error_literal (error, OB_ERROR, OB_ERROR_CANCELLED,
                       "The job was cancelled while it loaded rows");
  return FALSE;
}

/* Gives a connection the settings that it lacks. A parameter that the server does not know is one
 * that a newer pg_restore sets for newer servers. */
static gboolean
apply_settings (ObRowLoader *self, Lane *lane, GError **error)
{
  for (; lane->n_settings < self->settings->len; lane->n_settings++)
    {
      g_autoptr (GError) local_error = NULL;
      const char *setting = g_ptr_array_index (self->settings, lane->n_settings);

      if (!ob_postgres_run (lane->postgres, self->cancellable, &local_error, setting)
          && strcmp (ob_postgres_get_sqlstate (lane->postgres), "42704") != 0)
        {
          g_propagate_error (error, g_steal_pointer (&local_error));
          return FALSE;
        }
    }
  return TRUE;
}

/* --- connections --- */

static ObPostgres *
connect_lane (ObLanePool *self, GError **error)
{
  g_autoptr (ObPostgres) postgres = ob_postgres_connect (
    self->run->config, OB_ROLE_OWNER, self->run->request->target, self->cancellable, error);

  /* The rename that publishes the database is synchronous, and with it everything before. */
  if (postgres == NULL
      || !ob_postgres_run (postgres, self->cancellable, error, "SET synchronous_commit TO off"))
    return NULL;
  return g_steal_pointer (&postgres);
}

/* Whether a loader that has @n_lanes may have one more: its share of all, and nobody's first. */
static gboolean
may_have (const ObLanePool *self, guint n_lanes)
{
  return n_lanes == 0
         || (n_lanes * self->n_loaders < self->n_lanes
             && self->free->len + self->n_unused > self->n_waiting);
}

/* One for a loader that has @n_lanes: *@postgres is NULL where there is none. */
static gboolean
take_lane (ObLanePool *self, guint n_lanes, ObPostgres **postgres, GError **error)
{
  gboolean connect = FALSE;

  *postgres = NULL;
  pthread_mutex_lock (&self->mutex);
  if (may_have (self, n_lanes))
    {
      connect = self->free->len == 0 && self->n_unused > 0;
      if (connect)
        self->n_unused--;
      else if (self->free->len > 0)
        *postgres = g_ptr_array_steal_index_fast (self->free, self->free->len - 1);
      if (n_lanes == 0)
        self->n_waiting--;
    }
  pthread_mutex_unlock (&self->mutex);
  if (!connect)
    return TRUE;

  *postgres = connect_lane (self, error);
  if (*postgres != NULL)
    return TRUE;
  pthread_mutex_lock (&self->mutex);
  self->n_unused++;
  if (n_lanes == 0)
    self->n_waiting++;
  pthread_mutex_unlock (&self->mutex);
  return FALSE;
}

/* *@added: whether there was one. */
static gboolean
add_lane (ObRowLoader *self, gboolean *added, GError **error)
{
  ObPostgres *postgres = NULL;

  *added = FALSE;
  if (self->n_lanes == G_N_ELEMENTS (self->lanes))
    return TRUE;
  if (!take_lane (self->pool, self->n_lanes, &postgres, error))
    return FALSE;
  if (postgres == NULL)
    return TRUE;
  self->lanes[self->n_lanes++] = (Lane){ .postgres = postgres, .state = OB_COPY_DONE };
  *added = TRUE;
  return TRUE;
}

/* --- rows --- */

static gboolean
begin_copy (ObRowLoader *self, Lane *lane, GError **error)
{
  if (!apply_settings (self, lane, error)
      || !ob_postgres_copy_begin (lane->postgres, self->table->copy, self->cancellable, error))
    return fail_rows (self->table, error);
  drop_table (&lane->table);
  lane->table = g_rc_box_acquire (self->table);
  lane->state = OB_COPY_READY;
  return TRUE;
}

/* A connection that can take rows. NULL on error. */
static Lane *
find_lane (ObRowLoader *self, GError **error)
{
  while (step_all (self, error))
    {
      gboolean added;

      for (guint i = 1; i <= self->n_lanes; i++)
        {
          guint number = (self->last + i) % self->n_lanes;
          Lane *lane = &self->lanes[number];

          if (lane->state == OB_COPY_DONE && !begin_copy (self, lane, error))
            return NULL;
          if (lane->state != OB_COPY_READY)
            continue;
          self->last = number;
          return lane;
        }
      if (!add_lane (self, &added, error) || (!added && !wait_any (self, error)))
        return NULL;
    }
  return NULL;
}

/* Waits until all rows that a connection has are sent. */
static gboolean
flush (ObRowLoader *self, const Lane *lane, GError **error)
{
  while (step_all (self, error))
    if (lane->state != OB_COPY_SENDING)
      return TRUE;
    else if (!wait_any (self, error))
      return FALSE;
  return FALSE;
}

static gboolean
put_rows (ObRowLoader *self, const ObScriptItem *item, GError **error)
{
  Lane *lane = &self->lanes[self->last];

  if (item->continues)
    {
      if (!flush (self, lane, error))
        return FALSE;
    }
  else
    lane = find_lane (self, error);
  if (lane == NULL)
    return FALSE;
  return ob_postgres_copy_put (lane->postgres, item->data, item->size, error)
         || fail_rows (lane->table, error);
}

/* Ends the COPY wherever it is under way, and waits for nothing. */
static gboolean
end_copy (ObRowLoader *self, GError **error)
{
  for (guint i = 0; i < self->n_lanes; i++)
    {
      Lane *lane = &self->lanes[i];

      if (lane->state == OB_COPY_DONE || lane->table != self->table)
        continue;
      if (!ob_postgres_copy_end (lane->postgres, error))
        return fail_rows (lane->table, error);
      lane->state = OB_COPY_SENDING;
    }
  return step_all (self, error);
}

static gboolean
are_done (const ObRowLoader *self)
{
  for (guint i = 0; i < self->n_lanes; i++)
    if (self->lanes[i].state != OB_COPY_DONE)
      return FALSE;
  return TRUE;
}

/* Waits for all that was ended. */
static gboolean
finish (ObRowLoader *self, GError **error)
{
  gboolean ok = step_all (self, error);

  while (ok && !are_done (self))
    ok = wait_any (self, error) && step_all (self, error);
  return ok;
}

static void
take_copy (ObRowLoader *self, const char *text)
{
  drop_table (&self->table);
  self->table = g_rc_box_new0 (Table);
  self->table->copy = g_strdup (text);
  if (ob_copy_script_parse_table (text, &self->table->schema, &self->table->name))
    note_rows (self, self->table, 0);
}

static gboolean
is_setting (const char *text)
{
  return g_str_has_prefix (text, "SET ")
         || g_str_has_prefix (text, "SELECT pg_catalog.set_config(");
}

/* The value of a sequence, mostly; it may count on all rows before it. */
static gboolean
run_statement (ObRowLoader *self, const char *text, GError **error)
{
  return ob_row_loader_connect (self, error) && finish (self, error)
         && apply_settings (self, &self->lanes[0], error)
         && ob_postgres_run (self->lanes[0].postgres, self->cancellable, error, text);
}

static gboolean
take_item (ObRowLoader *self, const ObScriptItem *item, GError **error)
{
  switch (item->kind)
    {
    case OB_SCRIPT_STATEMENT:
      if (!is_setting (item->text))
        return run_statement (self, item->text, error);
      g_ptr_array_add (self->settings, g_strdup (item->text));
      return TRUE;
    case OB_SCRIPT_COPY:
      take_copy (self, item->text);
      return TRUE;
    case OB_SCRIPT_ROWS:
      return put_rows (self, item, error);
    case OB_SCRIPT_COPY_END:
      return end_copy (self, error);
    default:
      return TRUE;
    }
}

/* methods of this room */

ObLanePool *
ob_lane_pool_new (ObRestoreRun *run, guint n_lanes, guint n_loaders, GCancellable *cancellable)
{
  ObLanePool *self = g_new0 (ObLanePool, 1);

  self->run = run;
  self->cancellable = cancellable;
  pthread_mutex_init (&self->mutex, NULL);
  self->n_lanes = self->n_unused = MAX (n_lanes, n_loaders);
  self->n_loaders = self->n_waiting = n_loaders;
  self->free = g_ptr_array_new_with_free_func ((GDestroyNotify) ob_postgres_free);
  return self;
}

void
ob_lane_pool_free (ObLanePool *self)
{
  if (self == NULL)
    return;
  pthread_mutex_destroy (&self->mutex);
  g_ptr_array_unref (self->free);
  g_free (self);
}

ObRowLoader *
ob_row_loader_new (ObLanePool *pool)
{
  ObRowLoader *self = g_new0 (ObRowLoader, 1);

  self->pool = pool;
  self->run = pool->run;
  self->cancellable = pool->cancellable;
  self->settings = g_ptr_array_new_with_free_func (g_free);
  return self;
}

gboolean
ob_row_loader_connect (ObRowLoader *self, GError **error)
{
  gboolean added;

  return self->n_lanes > 0 || add_lane (self, &added, error);
}

gboolean
ob_row_loader_run (ObRowLoader *self, ObNextItem next, gpointer source, GError **error)
{
  ObScriptItem item;

  do
    if (!next (source, &item, error) || !take_item (self, &item, error))
      return FALSE;
  while (item.kind != OB_SCRIPT_END);
  return finish (self, error);
}

void
ob_row_loader_free (ObRowLoader *self)
{
  if (self == NULL)
    return;
  pthread_mutex_lock (&self->pool->mutex);
  self->pool->n_loaders--;
  if (self->n_lanes == 0)
    self->pool->n_waiting--;
  for (guint i = 0; i < self->n_lanes; i++)
    {
      /* What stopped half-way in a COPY is of no use to others. */
      if (self->lanes[i].state == OB_COPY_DONE)
        g_ptr_array_add (self->pool->free, self->lanes[i].postgres);
      else
        ob_postgres_free (self->lanes[i].postgres);
      drop_table (&self->lanes[i].table);
    }
  pthread_mutex_unlock (&self->pool->mutex);
  g_ptr_array_unref (self->settings);
  drop_table (&self->table);
  g_free (self);
}
