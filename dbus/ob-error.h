/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The error domain of obbackup. The service raises these errors in every room; both sides of the
 * bus register them as org.openbravo.Backup1.Error.NAME, so a client gets back the very GError
 * that the service raised.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define OB_ERROR (ob_error_quark ())

/* Kept in step with the table in ob-error.c. */
typedef enum
{
  OB_ERROR_FAILED,                  /* what no other code describes */
  OB_ERROR_CANCELLED,               /* somebody asked for it to stop */
  OB_ERROR_NOT_AUTHORIZED,          /* polkit said no, or did not answer */
  OB_ERROR_INVALID_ARGUMENT,        /* an argument, an option or a configured value is wrong */
  OB_ERROR_NOT_FOUND,               /* the named thing does not exist */
  OB_ERROR_EXISTS,                  /* the name is taken */
  OB_ERROR_BUSY,                    /* something else is at work on it; try again later */
  OB_ERROR_NOT_SUPPORTED,           /* this version cannot do it */
  OB_ERROR_NO_SPACE,                /* a file system or quota is full */
  OB_ERROR_DESTINATION_UNAVAILABLE, /* the destination does not answer or is not the right one */
  OB_ERROR_CREDENTIALS_REJECTED,    /* the destination or database refused the credentials */
  OB_ERROR_WRONG_PASSPHRASE,        /* no key of the repository opens with the passphrase */
  OB_ERROR_DATABASE_UNREACHABLE,    /* the database is down, missing or out of reach */
  OB_ERROR_VERSION_MISMATCH,        /* versions of PostgreSQL or of a format do not fit */
  OB_ERROR_CORRUPT,                 /* stored data is damaged */
  OB_ERROR_LOCKED,                  /* the repository is locked by somebody else */
  OB_ERROR_INCOMPLETE,              /* the backup lacks what was asked of it */
  OB_ERROR_WOULD_DELETE_LAST,       /* it would delete the last good backup */
  OB_N_ERRORS
} ObError;

/* The domain; the first call registers the D-Bus names. Any thread. */
GQuark ob_error_quark (void);

/* The name of @code without its prefix, "NotFound" for OB_ERROR_NOT_FOUND. Transfer none. Any
 * thread. */
const char *ob_error_get_name (ObError code);

/* The code of a name that ob_error_get_name() gave; OB_ERROR_FAILED for any other. Any thread. */
ObError ob_error_from_name (const char *name);

G_END_DECLS
