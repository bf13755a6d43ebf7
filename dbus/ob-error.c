/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-error.h"

#include <gio/gio.h>
#include <string.h>

#define PREFIX "org.openbravo.Backup1.Error."

static const GDBusErrorEntry entries[] = {
  { OB_ERROR_FAILED, PREFIX "Failed" },
  { OB_ERROR_CANCELLED, PREFIX "Cancelled" },
  { OB_ERROR_NOT_AUTHORIZED, PREFIX "NotAuthorized" },
  { OB_ERROR_INVALID_ARGUMENT, PREFIX "InvalidArgument" },
  { OB_ERROR_NOT_FOUND, PREFIX "NotFound" },
  { OB_ERROR_EXISTS, PREFIX "Exists" },
  { OB_ERROR_BUSY, PREFIX "Busy" },
  { OB_ERROR_NOT_SUPPORTED, PREFIX "NotSupported" },
  { OB_ERROR_NO_SPACE, PREFIX "NoSpace" },
  { OB_ERROR_DESTINATION_UNAVAILABLE, PREFIX "DestinationUnavailable" },
  { OB_ERROR_CREDENTIALS_REJECTED, PREFIX "CredentialsRejected" },
  { OB_ERROR_WRONG_PASSPHRASE, PREFIX "WrongPassphrase" },
  { OB_ERROR_DATABASE_UNREACHABLE, PREFIX "DatabaseUnreachable" },
  { OB_ERROR_VERSION_MISMATCH, PREFIX "VersionMismatch" },
  { OB_ERROR_CORRUPT, PREFIX "Corrupt" },
  { OB_ERROR_LOCKED, PREFIX "Locked" },
  { OB_ERROR_INCOMPLETE, PREFIX "Incomplete" },
  { OB_ERROR_WOULD_DELETE_LAST, PREFIX "WouldDeleteLast" },
};

G_STATIC_ASSERT (G_N_ELEMENTS (entries) == OB_N_ERRORS);

GQuark
ob_error_quark (void)
{
  static gsize quark;

  g_dbus_error_register_error_domain ("ob-error-quark", &quark, entries, G_N_ELEMENTS (entries));
  return (GQuark) quark;
}

const char *
ob_error_get_name (ObError code)
{
  for (gsize i = 0; i < G_N_ELEMENTS (entries); i++)
    if (entries[i].error_code == (int) code)
      return entries[i].dbus_error_name + strlen (PREFIX);
  return "Failed";
}

ObError
ob_error_from_name (const char *name)
{
  for (gsize i = 0; i < G_N_ELEMENTS (entries); i++)
    if (g_strcmp0 (entries[i].dbus_error_name + strlen (PREFIX), name) == 0)
      return (ObError) entries[i].error_code;
  return OB_ERROR_FAILED;
}
