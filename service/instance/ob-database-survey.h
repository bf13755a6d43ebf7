/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a restore finds at the server, for telling beforehand what it will do. Looks, and changes
 * nothing. */
#pragma once

#include "ob-database.h"

G_BEGIN_DECLS

typedef struct
{
  int server_version;    /* as PQserverVersion() */
  gboolean exists;       /* there is a database config->name */
  guint64 size;          /* its bytes on the server */
  gboolean has_key;      /* it has an activation key */
  gboolean may_create;   /* whoever restores may create databases */
  char *role;            /* who that is */
  char *sessions;        /* of bbdd.user, as ob_database_find_sessions() gives them; or NULL */
  char *data_directory;  /* of the database, or the server; NULL where it is not seen from here */
  GHashTable *modules;   /* of AD_MODULE: Java package → version */
} ObDatabaseSurvey;

void ob_database_survey_clear (ObDatabaseSurvey *survey);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (ObDatabaseSurvey, ob_database_survey_clear)

/* Blocks; job threads. A database that is not there, or is not Openbravo's, has no modules. */
gboolean ob_database_survey (const ObDatabaseConfig *config, ObDatabaseSurvey *survey,
                             GCancellable *cancellable, GError **error);

/* Who of bbdd.user is connected to config->name, but we: "3 sessions (PID …, …)", or NULL for
 * nobody. Transfer full. */
gboolean ob_database_find_sessions (const ObDatabaseConfig *config, char **sessions,
                                    GCancellable *cancellable, GError **error);

G_END_DECLS
