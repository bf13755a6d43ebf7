/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-confirm.h"

#include "ob-error.h"

#include <stdio.h>
#include <unistd.h>

gboolean
ob_confirm (const char *question, GError **error)
{
  char answer[16] = "";

  if (!isatty (STDIN_FILENO))
    {
      g_set_error_literal (error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED,
                           "Nobody can be asked here, since standard input is no terminal: add "
                           "--yes to go on without a question");
      return FALSE;
    }

  g_printerr ("%s? [y/N] ", question);
  if (fgets (answer, sizeof answer, stdin) == NULL)
    answer[0] = '\0';
  g_strstrip (answer);
  if (g_ascii_strcasecmp (answer, "y") == 0 || g_ascii_strcasecmp (answer, "yes") == 0)
    return TRUE;

  g_set_error_literal (error, OB_ERROR, OB_ERROR_CANCELLED, "Nothing was done");
  return FALSE;
}
