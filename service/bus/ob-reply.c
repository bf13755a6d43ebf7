/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-reply.h"

#include "ob-error.h"

char *
ob_reply_make_text (const char *text)
{
  return g_utf8_make_valid (text != NULL ? text : "", -1);
}

GError *
ob_reply_make_error (const GError *error)
{
  g_autofree char *text = ob_reply_make_text (error->message);
  int code = OB_ERROR_FAILED;

  if (error->domain == OB_ERROR && error->code >= 0 && error->code < OB_N_ERRORS)
    code = error->code;
  return g_error_new_literal (OB_ERROR, code, text);
}

gboolean
ob_reply_error (GDBusMethodInvocation *invocation, GError *error)
{
  g_autoptr (GError) original = error;
  GError *public = ob_reply_make_error (original);

  g_info ("%s.%s of %s failed: %s", g_dbus_method_invocation_get_interface_name (invocation),
          g_dbus_method_invocation_get_method_name (invocation),
          g_dbus_method_invocation_get_sender (invocation), public->message);
  g_dbus_method_invocation_take_error (invocation, public);
  return TRUE;
}
