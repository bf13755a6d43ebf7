/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The table of contents of an archive (pg_restore --list), cut by who restores what.
 *
 * A line is "ID; TABLEOID OID KIND SCHEMA NAME OWNER". What ends with the owner's name is the
 * owner's: somebody else's object with such a name is then restored with less rights than it could
 * be, and nothing of the owner's with more. The order of the archive is kept, since entries of one
 * role may depend on those of another; but rights come last, as pg_restore has it itself
 * (src/bin/pg_dump/pg_backup_archiver.c, RESTORE_PASS_ACL), or what is revoked in the middle would
 * stop what follows.
 */
#include "ob-database-restore-private.h"

#include <string.h>

/* internal methods */

static void
free_run (gpointer data)
{
  ObTocRun *run = data;

  g_string_free (run->lines, TRUE);
  g_free (run);
}

/* "KIND SCHEMA NAME OWNER" of a line; "" where it is none. */
static const char *
get_kind (const char *line)
{
  const char *rest = strstr (line, "; ");

  if (!g_ascii_isdigit (*line) || rest == NULL)
    return "";
  rest += 2;
  for (guint i = 0; i < 2; i++)
    {
      rest += strspn (rest, "0123456789");
      if (*rest != ' ')
        return "";
      rest++;
    }
  return rest;
}

static gboolean
has_kind (const char *line, const char *const *kinds)
{
  const char *rest = get_kind (line);

  for (gsize i = 0; kinds[i] != NULL; i++)
    if (g_str_has_prefix (rest, kinds[i]))
      return TRUE;
  return FALSE;
}

static gboolean
is_rights (const char *line)
{
  static const char *const kinds[] = { "ACL ", "DEFAULT ACL ", NULL };

  return has_kind (line, kinds);
}

/* What PostgreSQL lets superusers alone make, whoever owns it afterwards. No expression of
 * anybody is evaluated by it. */
static gboolean
needs_superuser (const char *line)
{
  static const char *const kinds[] = { "OPERATOR CLASS ", "OPERATOR FAMILY ", NULL };

  return has_kind (line, kinds);
}

static void
add_line (GPtrArray *runs, gboolean owned, const char *line)
{
  ObTocRun *last = runs->len > 0 ? g_ptr_array_index (runs, runs->len - 1) : NULL;

  if (last == NULL || last->rights || last->owned != owned)
    {
      last = g_new0 (ObTocRun, 1);
      last->owned = owned;
      last->lines = g_string_new (NULL);
      g_ptr_array_add (runs, last);
    }
  g_string_append_printf (last->lines, "%s\n", line);
}

/* methods of this room */

GPtrArray *
ob_restore_cut_list (const char *list, const char *owner, gboolean only_owned)
{
  g_auto (GStrv) lines = g_strsplit (list, "\n", -1);
  g_autofree char *suffix = g_strconcat (" ", owner, NULL);
  g_autoptr (GString) rights = g_string_new (NULL);
  GPtrArray *runs = g_ptr_array_new_with_free_func (free_run);

  for (gsize i = 0; lines[i] != NULL; i++)
    {
      gboolean owned = g_str_has_suffix (lines[i], suffix);

      if (*get_kind (lines[i]) == '\0' || (only_owned && !owned))
        continue;
      if (is_rights (lines[i]))
        g_string_append_printf (rights, "%s\n", lines[i]);
      else
        add_line (runs, owned && (only_owned || !needs_superuser (lines[i])), lines[i]);
    }
  if (rights->len > 0)
    {
      ObTocRun *run = g_new0 (ObTocRun, 1);

      run->owned = only_owned;
      run->rights = TRUE;
      run->lines = g_steal_pointer (&rights);
      g_ptr_array_add (runs, run);
    }
  return runs;
}
