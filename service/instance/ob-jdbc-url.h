/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The JDBC URL of a PostgreSQL database as Openbravo puts it together: bbdd.url, "/", bbdd.sid, "?"
 * and bbdd.props (jdbc.postgresql.org, "Connecting to the Database"):
 *
 *   jdbc:postgresql://HOST:PORT    HOST a name, an IPv4 address or an IPv6 address in brackets;
 *                                  without HOST localhost, without :PORT 5432
 *   …/ or …/DATABASE               accepted after it; a database there has to be bbdd.sid
 *   …?NAME=VALUE&…                 parameters, in bbdd.url, bbdd.sid or bbdd.props
 *
 * Several hosts (HOST,HOST) are refused: which of them to dump is not for us to guess.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct
{
  char *host;
  guint port;
  char *database;
  char *ssl_mode;      /* libpq's word: "disable" … "verify-full"; NULL where nothing is said */
  char *ssl_root_cert; /* file of the authorities to trust, or NULL */
} ObJdbcUrl;

/* Takes it apart. @sid and @props may be NULL. Transfer full. Any thread. No message holds the
 * text of a parameter. Errors: NOT_SUPPORTED (Oracle, several hosts), INVALID_ARGUMENT. */
ObJdbcUrl *ob_jdbc_url_parse (const char *url, const char *sid, const char *props, GError **error);

void ob_jdbc_url_free (ObJdbcUrl *url);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObJdbcUrl, ob_jdbc_url_free)

G_END_DECLS
