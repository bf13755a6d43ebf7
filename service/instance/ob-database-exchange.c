/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A number (OID) can be given to a new database only while no other has it, so the former one is
 * copied aside and dropped before (PostgreSQL 15, CREATE DATABASE, "oid"). What there is tells
 * how far an exchange with a number has come; N is the number:
 *
 *   config->name   moving   kept    staged
 *   N                               there     nothing is done
 *                  N                there     BEFORE_COPY
 *                  N        there   there     BEFORE_DROP
 *                           there   there     BEFORE_MAKING: the number is free
 *   N                       there   there     made
 *
 * PostgreSQL removes a database's files before it commits the drop, so a crash of the server, or of
 * the session, leaves one that is listed and is none any more. From 15.4 on it is marked, before
 * there is no telling. So whatever is to be dropped, on the way there and back, is given the name
 * "doomed" before: what has that name may be gutted, has to go, and is never counted. Nor is what
 * is marked, as versions of ours left it that dropped it under the name that it had.
 */
#include "ob-database-exchange.h"

#include "ob-database-dump-private.h"
#include "ob-database-restore-private.h"
#include "ob-error.h"

#include <string.h>

#define ATTEMPTS 20
#define OBJECT_IN_USE "55006"
#define NUMBER_REFUSED "22023"
#define FIRST_WITH_OID 150000
/* Microseconds between two looks at whether a session is gone, and how many: a drop that is waited
 * for makes a checkpoint and removes all files. */
#define LOOK_INTERVAL 100000
#define LOOKS 6000
/* What the server sets where a drop was cut off (its DATCONNLIMIT_INVALID_DB). */
#define IS_GUTTED "datconnlimit = -2"

typedef enum
{
  NOTHING_DONE,
  BEFORE_COPY,
  BEFORE_DROP,
  BEFORE_MAKING,
  MADE,
} Stage;

/* An exchange under way. */
typedef struct
{
  const ObDatabaseConfig *config;
  const ObDatabaseExchange *exchange;
  ObPostgres *postgres;
  ObProgress *progress;
  GCancellable *cancellable;
  guint n_ended;
} Run;

/* internal methods */

static void
run_clear (Run *run)
{
  g_clear_pointer (&run->postgres, ob_postgres_free);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Run, run_clear)

/* 0 also for one whose drop was cut off. */
static gboolean
look_up_oid (ObPostgres *postgres, const char *name, guint32 *oid, GCancellable *cancellable,
             GError **error)
{
  const char *parameters[] = { name, NULL };
  g_autofree char *text = ob_postgres_get_text (
    postgres,
    "SELECT coalesce ((SELECT oid::bigint FROM pg_database"
    "                   WHERE datname = $1 AND NOT " IS_GUTTED "), 0)",
    parameters, cancellable, error);

  if (text == NULL)
    return FALSE;
  *oid = (guint32) g_ascii_strtoull (text, NULL, 10);
  return TRUE;
}

static gboolean
find_stage (Run *run, Stage *stage, GError **error)
{
  const ObDatabaseExchange *exchange = run->exchange;
  guint32 living = 0, moving = 0, kept = 0;

  if (!look_up_oid (run->postgres, run->config->name, &living, run->cancellable, error)
      || !look_up_oid (run->postgres, exchange->moving, &moving, run->cancellable, error)
      || !look_up_oid (run->postgres, exchange->kept, &kept, run->cancellable, error))
    return FALSE;
  if (living != 0)
    *stage = kept != 0 ? MADE : NOTHING_DONE;
  else if (moving != 0)
    *stage = kept != 0 ? BEFORE_DROP : BEFORE_COPY;
  else if (kept != 0)
    *stage = BEFORE_MAKING;
  else
    {
      g_set_error (error, OB_ERROR, OB_ERROR_FAILED,
                   "The database %s is not on the server, under none of the names that the restore "
                   "gave it (%s, %s); somebody has dropped or renamed it.",
                   run->config->name, exchange->moving, exchange->kept);
      return FALSE;
    }
  return TRUE;
}

/* The server goes on with a statement of ours after we were killed, and holds its locks. A drop is
 * waited for: what it drops is not needed, and were it ended, the rest would have to go all the
 * same. Another installation's restore may run beside, and the name of a database be that of its
 * owner: so a name counts only where a database's is. A quote in a name is doubled, so it looks
 * like no other. */
static gboolean
end_statements (Run *run, GError **error)
{
  const ObDatabaseExchange *exchange = run->exchange;
  gboolean with_oid = exchange->oid != 0;
  g_autofree char *name = ob_postgres_format ("%I", run->config->name);
  g_autofree char *kept = ob_postgres_format ("%I", exchange->kept);
  g_autofree char *staged = ob_postgres_format ("%I", exchange->staged);
  g_autofree char *moving = ob_postgres_format ("%I", with_oid ? exchange->moving : "");
  g_autofree char *doomed = ob_postgres_format ("%I", with_oid ? exchange->doomed : "");
  const char *parameters[] = { name, kept, staged, moving, doomed, NULL };

  for (guint i = 0; i < LOOKS; i++)
    {
      g_autofree char *count = ob_postgres_get_text (
        run->postgres,
        "SELECT nullif (count(CASE WHEN query ~ '^DROP ' THEN true"
        "                          ELSE pg_terminate_backend(pid) END), 0)"
        "  FROM pg_stat_activity"
        " WHERE application_name = 'obbackup' AND pid <> pg_backend_pid() AND state = 'active'"
        "   AND usename = current_user AND query ~ '^(CREATE|DROP|ALTER) DATABASE '"
        "   AND EXISTS (SELECT FROM unnest (ARRAY [$1, $2, $3, $4, $5]) AS name,"
        "                           unnest (ARRAY [' DATABASE ', ' TEMPLATE ', ' RENAME TO '])"
        "                             AS word"
        "                WHERE strpos (query, word || name) > 0)",
        parameters, run->cancellable, error);

      if (count == NULL)
        return error == NULL || *error == NULL;
      g_usleep (LOOK_INTERVAL);
    }
  g_set_error (error, OB_ERROR, OB_ERROR_BUSY,
               "The server has not ended what an interrupted restore began with the database %s",
               run->config->name);
  return FALSE;
}

static gboolean
end_sessions (Run *run, const char *name, GError **error)
{
  return ob_database_end_sessions (run->postgres, name, name, &run->n_ended, run->cancellable,
                                   error);
}

/* Runs @sql, which needs the database @name for itself: sessions on it are ended before, and when
 * somebody connects in between it is tried again. */
static gboolean
run_alone (Run *run, const char *name, const char *sql, GError **error)
{
  for (guint attempt = 1;; attempt++)
    {
      g_autoptr (GError) local_error = NULL;

      if (!end_sessions (run, name, error))
        return FALSE;
      if (ob_postgres_run (run->postgres, run->cancellable, &local_error, sql))
        return TRUE;
      if (attempt == ATTEMPTS
          || strcmp (ob_postgres_get_sqlstate (run->postgres), OBJECT_IN_USE) != 0)
        {
          g_propagate_error (error, g_steal_pointer (&local_error));
          return FALSE;
        }
    }
}

static gboolean
rename_database (Run *run, const char *from, const char *to, GError **error)
{
  g_autofree char *sql = ob_postgres_format ("ALTER DATABASE %I RENAME TO %I", from, to);

  return run_alone (run, from, sql, error);
}

static gboolean
drop_database (Run *run, const char *name, GError **error)
{
  g_autofree char *sql = ob_postgres_format ("DROP DATABASE %I WITH (FORCE)", name);

  return run_alone (run, name, sql, error);
}

/* Whether the server did not even begin with what it was told, by the classes of its errors: a
 * subscription in the database, a role without the right, and the like. */
static gboolean
is_refusal (const char *sqlstate)
{
  return g_str_has_prefix (sqlstate, "55") || g_str_has_prefix (sqlstate, "42");
}

/* Drops @name, which is whole and not needed any more. */
static gboolean
doom_database (Run *run, const char *name, GError **error)
{
  const char *doomed = run->exchange->doomed;
  g_autoptr (GError) local_error = NULL;

  if (!rename_database (run, name, doomed, error))
    return FALSE;
  if (drop_database (run, doomed, &local_error))
    return TRUE;
  /* It is as it was, so the way back may lead over it. */
  if (is_refusal (ob_postgres_get_sqlstate (run->postgres)))
    rename_database (run, doomed, name, NULL);
  g_propagate_error (error, g_steal_pointer (&local_error));
  return FALSE;
}

/* What a drop that was cut off has left, or one that was about to begin. For after find_stage(),
 * which sees to it that there is a database that is whole besides. */
static gboolean
drop_leftovers (Run *run, GError **error)
{
  const ObDatabaseExchange *exchange = run->exchange;
  const char *parameters[]
    = { exchange->doomed, run->config->name, exchange->moving, exchange->kept, NULL };

  for (;;)
    {
      g_autofree char *name = ob_postgres_get_text (
        run->postgres,
        "SELECT datname FROM pg_database"
        " WHERE datname = $1 OR (datname IN ($2, $3, $4) AND " IS_GUTTED ") LIMIT 1",
        parameters, run->cancellable, error);

      if (name == NULL)
        return error == NULL || *error == NULL;
      if (!drop_database (run, name, error))
        return FALSE;
    }
}

static JsonObject *
read_catalogue (Run *run, const char *name, GError **error)
{
  g_autoptr (ObPostgres) postgres = ob_postgres_connect (
    run->config, ob_database_admin_role (run->config), name, run->cancellable, error);

  return postgres != NULL ? ob_database_read_catalogue (postgres, run->cancellable, error) : NULL;
}

/* What a copy does not take with it; from then on one can connect to it. */
static gboolean
give_settings (Run *run, const char *from, const char *to, GError **error)
{
  g_autoptr (JsonObject) facts = read_catalogue (run, from, error);
  ObDatabaseRestore request = { .target = to, .facts = facts };
  ObRestoreRun restore = { .config = run->config,
                           .request = &request,
                           .admin = ob_database_admin_role (run->config),
                           .progress = run->progress };

  return facts != NULL && ob_restore_settings (&restore, run->cancellable, error)
         && ob_postgres_runf (run->postgres, run->cancellable, error,
                              "ALTER DATABASE %I ALLOW_CONNECTIONS true", to);
}

/* Connects to @name once. PostgreSQL keeps statistics by number; where some session still holds
 * those of the database that had the number before, dropping the new one, to which nobody has
 * connected yet, is an error in the middle of a commit, and brings the whole server down
 * ("trying to drop stats entry already dropped", seen with 15.18). Whoever connects makes them
 * new. */
static gboolean
touch_database (Run *run, const char *name, GError **error)
{
  g_autoptr (ObPostgres) postgres = NULL;

  if (!ob_postgres_runf (run->postgres, run->cancellable, error,
                         "ALTER DATABASE %I ALLOW_CONNECTIONS true", name))
    return FALSE;
  postgres = ob_postgres_connect (run->config, ob_database_admin_role (run->config), name,
                                  run->cancellable, error);
  return postgres != NULL;
}

/* @oid 0: any. */
static gboolean
copy_database (Run *run, const char *from, const char *to, guint32 oid, GError **error)
{
  g_autoptr (JsonObject) facts = read_catalogue (run, from, error);
  g_autofree char *number = oid != 0 ? g_strdup_printf (" OID %u", oid) : g_strdup ("");
  g_autofree char *sql = NULL;

  if (facts == NULL)
    return FALSE;
  sql = ob_postgres_format ("CREATE DATABASE %I OWNER %I TEMPLATE %I STRATEGY file_copy"
                            " ALLOW_CONNECTIONS false%s",
                            to, json_object_get_string_member (facts, "owner"), from, number);
  return run_alone (run, from, sql, error);
}

/* The restored database in its place, under the number if that can be had: a server that crashed
 * while it made the database keeps its directory, and refuses the number from then on. There is
 * no way back then that would have it. */
static gboolean
make_restored (Run *run, GError **error)
{
  const ObDatabaseExchange *exchange = run->exchange;
  const char *name = run->config->name;
  g_autoptr (GError) local_error = NULL;

  if (copy_database (run, exchange->staged, name, exchange->oid, &local_error))
    return TRUE;
  if (strcmp (ob_postgres_get_sqlstate (run->postgres), NUMBER_REFUSED) != 0)
    {
      g_propagate_error (error, g_steal_pointer (&local_error));
      return FALSE;
    }
  ob_progress_warn (run->progress, FALSE,
                    "The database gets another number (OID) than before, which the server does not "
                    "give again, so an activation key has to be activated again: %s",
                    local_error->message);
  return copy_database (run, exchange->staged, name, 0, error);
}

/* One step; TRUE with *@stage as it is then. */
static gboolean
step_forward (Run *run, Stage *stage, GError **error)
{
  const ObDatabaseExchange *exchange = run->exchange;
  const char *name = run->config->name;

  switch (*stage)
    {
    case NOTHING_DONE:
      if (!rename_database (run, name, exchange->moving, error))
        return FALSE;
      break;
    case BEFORE_COPY:
      if (!copy_database (run, exchange->moving, exchange->kept, 0, error))
        return FALSE;
      break;
    case BEFORE_DROP:
      if (!give_settings (run, exchange->moving, exchange->kept, error)
          || !doom_database (run, exchange->moving, error))
        return FALSE;
      break;
    case BEFORE_MAKING:
      if (!make_restored (run, error))
        return FALSE;
      break;
    case MADE:
    default:
      return TRUE;
    }
  (*stage)++;
  return TRUE;
}

/* Once the former one is out of the way it is too late to see that there is nothing to come. */
static gboolean
check_staged (Run *run, GError **error)
{
  const char *staged = run->exchange->staged;
  guint32 oid = 0;

  if (!look_up_oid (run->postgres, staged, &oid, run->cancellable, error))
    return FALSE;
  if (oid == 0)
    g_set_error (error, OB_ERROR, OB_ERROR_NOT_FOUND,
                 "The database %s, which was to be put in place, is not on the server any more, or "
                 "only what is left of it; somebody has dropped or renamed it.",
                 staged);
  return oid != 0;
}

static gboolean
exchange_with_oid (Run *run, GError **error)
{
  Stage stage = NOTHING_DONE;

  if (!check_staged (run, error) || !find_stage (run, &stage, error)
      || !drop_leftovers (run, error))
    return FALSE;
  while (stage != MADE)
    if (!step_forward (run, &stage, error))
      {
        g_prefix_error (error, "The database %s cannot be exchanged: ", run->config->name);
        return FALSE;
      }
  return give_settings (run, run->exchange->staged, run->config->name, error)
         && touch_database (run, run->config->name, error);
}

/* Drops config->name, where there is one. */
static gboolean
drop_unneeded (Run *run, GError **error)
{
  guint32 oid = 0;

  if (!look_up_oid (run->postgres, run->config->name, &oid, NULL, error))
    return FALSE;
  return oid == 0 || doom_database (run, run->config->name, error);
}

/* The former database, of its copy: under its number if that goes. */
static gboolean
make_former (Run *run, GError **error)
{
  const ObDatabaseExchange *exchange = run->exchange;
  const char *name = run->config->name;
  g_autoptr (GError) local_error = NULL;

  if (copy_database (run, exchange->kept, name, exchange->oid, &local_error)
      && give_settings (run, exchange->kept, name, &local_error)
      && touch_database (run, name, &local_error))
    return doom_database (run, exchange->kept, error);
  ob_progress_warn (run->progress, FALSE,
                    "The former database is back, but has another number (OID) than before, so an "
                    "activation key has to be activated again: %s",
                    local_error != NULL ? local_error->message : "");
  touch_database (run, name, NULL);
  return drop_unneeded (run, error) && rename_database (run, exchange->kept, name, error);
}

static gboolean
back_with_oid (Run *run, GError **error)
{
  const ObDatabaseExchange *exchange = run->exchange;
  const char *name = run->config->name;
  Stage stage = NOTHING_DONE;

  if (!find_stage (run, &stage, error) || !drop_leftovers (run, error))
    return FALSE;
  switch (stage)
    {
    case NOTHING_DONE:
      return TRUE;
    case BEFORE_DROP:
      return doom_database (run, exchange->kept, error)
             && rename_database (run, exchange->moving, name, error);
    case BEFORE_COPY:
      return rename_database (run, exchange->moving, name, error);
    case MADE:
      return touch_database (run, name, error) && doom_database (run, name, error)
             && make_former (run, error);
    case BEFORE_MAKING:
    default:
      return make_former (run, error);
    }
}

/* The two renames, the other way round. */
static gboolean
rename_back (Run *run, GError **error)
{
  const ObDatabaseExchange *exchange = run->exchange;
  guint32 living = 0, kept = 0, staged = 0;

  if (!look_up_oid (run->postgres, run->config->name, &living, NULL, error)
      || !look_up_oid (run->postgres, exchange->kept, &kept, NULL, error)
      || !look_up_oid (run->postgres, exchange->staged, &staged, NULL, error))
    return FALSE;
  if (staged != 0 || living == 0 || (exchange->had_former && kept == 0))
    return TRUE;
  return ob_database_rename_pair (run->postgres, run->config->name, exchange->staged,
                                  exchange->had_former ? exchange->kept : NULL, &run->n_ended,
                                  NULL, error);
}

static gboolean
begin (Run *run, GError **error)
{
  run->postgres = ob_database_connect_admin (run->config, run->cancellable, error);
  return run->postgres != NULL && end_statements (run, error);
}

/* public methods */

gboolean
ob_database_get_oid (const ObDatabaseConfig *config, const char *name, guint32 *oid,
                     GCancellable *cancellable, GError **error)
{
  g_autoptr (ObPostgres) postgres = ob_database_connect_admin (config, cancellable, error);

  return postgres != NULL && look_up_oid (postgres, name, oid, cancellable, error);
}

gboolean
ob_database_exchange (const ObDatabaseConfig *config, const ObDatabaseExchange *exchange,
                      guint *n_ended, ObProgress *progress, GCancellable *cancellable,
                      GError **error)
{
  g_auto (Run) run = { .config = config,
                       .exchange = exchange,
                       .progress = progress,
                       .cancellable = cancellable };
  gboolean done;

  if (exchange->oid == 0)
    {
      run.postgres = ob_database_connect_admin (config, cancellable, error);
      return run.postgres != NULL && check_staged (&run, error)
             && ob_database_swap (config, exchange->staged, exchange->kept, n_ended, cancellable,
                                  error);
    }
  done = begin (&run, error) && exchange_with_oid (&run, error);
  *n_ended = run.n_ended;
  return done;
}

gboolean
ob_database_exchange_is_past (const ObDatabaseConfig *config, const ObDatabaseExchange *exchange,
                              gboolean *past, GError **error)
{
  g_auto (Run) run = { .config = config, .exchange = exchange };
  guint32 living = 0, kept = 0, staged = 0;
  Stage stage = NOTHING_DONE;

  *past = FALSE;
  if (!begin (&run, error)
      || !look_up_oid (run.postgres, exchange->staged, &staged, NULL, error))
    return FALSE;
  if (exchange->oid != 0)
    {
      if (!find_stage (&run, &stage, error))
        return FALSE;
      /* Without it there is only the way back. */
      *past = staged != 0 && (stage == BEFORE_MAKING || stage == MADE);
      return TRUE;
    }
  if (!look_up_oid (run.postgres, config->name, &living, NULL, error)
      || !look_up_oid (run.postgres, exchange->kept, &kept, NULL, error))
    return FALSE;
  /* Where there was one before, its new name is the proof: somebody may have dropped the staged one
   * by hand. */
  *past = staged == 0 && living != 0 && (kept != 0 || !exchange->had_former);
  return TRUE;
}

gboolean
ob_database_exchange_back (const ObDatabaseConfig *config, const ObDatabaseExchange *exchange,
                           ObProgress *progress, GError **error)
{
  g_auto (Run) run = { .config = config, .exchange = exchange, .progress = progress };

  if (!begin (&run, error))
    return FALSE;
  if (exchange->oid != 0 ? back_with_oid (&run, error) : rename_back (&run, error))
    return TRUE;
  g_prefix_error (error, "The former database cannot be brought back: ");
  return FALSE;
}

gboolean
ob_database_can_keep_oid (const ObDatabaseConfig *config, char **why, GCancellable *cancellable,
                          GError **error)
{
  g_autoptr (ObPostgres) postgres = ob_database_connect_admin (config, cancellable, error);
  int version;

  *why = NULL;
  if (postgres == NULL)
    return FALSE;
  version = ob_postgres_get_version (postgres);
  if (version < FIRST_WITH_OID)
    *why = g_strdup_printf ("PostgreSQL %d cannot give a database the number (OID) of another one; "
                            "15 and later can.",
                            version / 10000);
  return TRUE;
}
