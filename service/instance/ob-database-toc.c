/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The table of contents of an archive (pg_restore --list), cut by who restores what.
 *
 * A line is "ID; TABLEOID OID KIND SCHEMA NAME OWNER". Names may have blanks in them, so that a
 * line may end in the names of several roles: then a superuser is none of those that it is taken
 * to belong to, and what follows from a wrong guess is an owner, never a right. The order of the
 * archive is kept, since entries of one role may depend on those of another; but rights come last,
 * as pg_restore has it itself (src/bin/pg_dump/pg_backup_archiver.c, RESTORE_PASS_ACL), or what is
 * revoked in the middle would stop what follows.
 */
#include "ob-database-restore-private.h"

#include <string.h>

#define DEFAULT_ACL_CLASS "826 " /* pg_default_acl */
#define NO_CLASS "0 "
/* In one transaction, which keeps a lock for each and more; the server has some thousands of them
 * (PostgreSQL, "max_locks_per_transaction"). */
#define MOST_AT_ONCE 200

typedef struct
{
  char *name;
  gboolean superuser;
} Role;

struct _ObTocRoles
{
  GHashTable *by_name; /* as pg_restore prints it, without newlines, to Role */
};

/* What is known while a list is cut. */
typedef struct
{
  ObTocRoles *roles;
  const char *user;
  gboolean creates_public; /* what is there anyway */
  ObTocJudge judge;
  gpointer user_data;
  ObTocCut *cut;
  GString *remarks; /* for the superuser, behind all that they speak of */
} Cutting;

/* internal methods */

static void
free_role (gpointer data)
{
  Role *role = data;

  g_free (role->name);
  g_free (role);
}

static void
free_run (gpointer data)
{
  ObTocRun *run = data;

  g_string_free (run->lines, TRUE);
  g_free (run->owner);
  g_free (run);
}

/* "TABLEOID OID KIND SCHEMA NAME OWNER" of a line; "" where it is none. */
static const char *
get_class (const char *line)
{
  const char *rest = strstr (line, "; ");

  return g_ascii_isdigit (*line) && rest != NULL ? rest + 2 : "";
}

/* "KIND SCHEMA NAME OWNER" of a line; "" where it is none. */
static const char *
get_kind (const char *line)
{
  const char *rest = get_class (line);

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

/* The default of a column in a schema "ACL" looks like default rights, but for its class. */
static gboolean
is_rights (const char *line)
{
  static const char *const kinds[] = { "ACL ", NULL };
  static const char *const default_kinds[] = { "DEFAULT ACL ", NULL };

  return has_kind (line, kinds)
         || (has_kind (line, default_kinds)
             && g_str_has_prefix (get_class (line), DEFAULT_ACL_CLASS));
}

/* What PostgreSQL lets superusers alone make, whoever owns it afterwards. No expression of
 * anybody is evaluated by it. */
static gboolean
needs_superuser (const char *line)
{
  static const char *const kinds[] = {
    "OPERATOR CLASS ",     "OPERATOR FAMILY ",      "SHELL TYPE ",          "CAST ",
    "TRANSFORM ",          "ACCESS METHOD ",        "PROCEDURAL LANGUAGE ", "FOREIGN DATA WRAPPER ",
    "TEXT SEARCH PARSER ", "TEXT SEARCH TEMPLATE ", "EXTENSION ",           NULL
  };

  return has_kind (line, kinds);
}

/* What would see or hinder what comes after it. */
static gboolean
is_event_trigger (const char *line)
{
  static const char *const kinds[]
    = { "EVENT TRIGGER ", "COMMENT - EVENT TRIGGER ", "SECURITY LABEL - EVENT TRIGGER ", NULL };

  return has_kind (line, kinds);
}

/* What is said of a thing, which evaluates nothing. */
static gboolean
is_remark (const char *line)
{
  static const char *const kinds[] = { "COMMENT ", "SECURITY LABEL ", NULL };

  return has_kind (line, kinds);
}

/* A materialized view in a schema "DATA" looks like it, but for its class. */
static gboolean
is_refresh (const char *line)
{
  static const char *const kinds[] = { "MATERIALIZED VIEW DATA ", NULL };

  return has_kind (line, kinds) && g_str_has_prefix (get_class (line), NO_CLASS);
}

/* The role that a line belongs to; NULL where none is known by that name. */
static const Role *
find_owner (const Cutting *cutting, const char *line)
{
  const Role *found = NULL;

  for (const char *blank = strchr (get_kind (line), ' '); blank != NULL;
       blank = strchr (blank + 1, ' '))
    {
      const Role *role = g_hash_table_lookup (cutting->roles->by_name, blank + 1);

      if (role != NULL && (found == NULL || (found->superuser && !role->superuser)))
        found = role;
    }
  return found;
}

/* The schema that every database has from its beginning, and that its @role is given. */
static gboolean
is_public (const Role *role, const char *line)
{
  static const char prefix[] = "SCHEMA - public ";
  const char *rest = get_kind (line);

  if (!g_str_has_prefix (rest, prefix))
    return FALSE;
  rest += strlen (prefix);
  return role != NULL ? strcmp (rest, role->name) == 0 : strchr (rest, ' ') == NULL;
}

/* By who made that schema its owner, since he may be another than the database's. */
static gboolean
is_remark_on_public (const char *line)
{
  static const char *const kinds[]
    = { "COMMENT - SCHEMA public ", "SECURITY LABEL - SCHEMA public ", NULL };

  return has_kind (line, kinds);
}

/* Up to PostgreSQL 10 an archive creates it, which the pg_restore of the time left out. */
static gboolean
creates_public (const char *list)
{
  static const char word[] = "\n;     Dumped by pg_dump version: ";
  const char *version = strstr (list, word);

  return version != NULL && g_ascii_isdigit (version[strlen (word)])
         && g_ascii_strtoull (version + strlen (word), NULL, 10) <= 10;
}

static gboolean
is_user (const Cutting *cutting, const Role *role)
{
  return role != NULL && strcmp (role->name, cutting->user) == 0;
}

/* @owner: NULL for bbdd.user. */
static void
append_line (GPtrArray *runs, ObTocMaker maker, const char *owner, const char *line)
{
  ObTocRun *last = runs->len > 0 ? g_ptr_array_index (runs, runs->len - 1) : NULL;

  if (last == NULL || last->maker != maker || g_strcmp0 (last->owner, owner) != 0
      || (maker == OB_TOC_BY_SUPERUSER_AT_ONCE && last->n_lines == MOST_AT_ONCE))
    {
      last = g_new0 (ObTocRun, 1);
      last->maker = maker;
      last->owner = g_strdup (owner);
      last->lines = g_string_new (NULL);
      g_ptr_array_add (runs, last);
    }
  g_string_append_printf (last->lines, "%s\n", line);
  last->n_lines++;
}

static void
add_line (Cutting *cutting, ObTocMaker maker, const char *owner, const char *line)
{
  append_line (cutting->cut->runs, maker, owner, line);
}

/* Whose it is in the end, where @role is another than bbdd.user and none of them is a superuser;
 * else NULL. */
static const char *
get_heir (const Cutting *cutting, const Role *role)
{
  const Role *user = g_hash_table_lookup (cutting->roles->by_name, cutting->user);

  if (role == NULL || role->superuser || is_user (cutting, role)
      || (user != NULL && user->superuser))
    return NULL;
  return role->name;
}

/* Whether the superuser makes it, for what its owner @role is, and what it is itself. */
static gboolean
is_for_superuser (const Cutting *cutting, const Role *role, const char *line)
{
  gboolean of_superuser = role != NULL && role->superuser;
  gboolean of_another = get_heir (cutting, role) != NULL;
  ObTocNature nature = OB_TOC_PLAIN;

  if (needs_superuser (line))
    return TRUE;
  if (cutting->judge != NULL && ob_toc_can_judge (get_kind (line), of_superuser))
    nature = cutting->judge (line, get_kind (line), of_another, cutting->user_data);
  if (of_superuser)
    return nature != OB_TOC_FOREIGN;
  return nature == OB_TOC_MIGHTY || (nature == OB_TOC_INERT && of_another);
}

/* pg_restore makes a thing, and then gives it to its owner. In between a function that runs with
 * the rights of its owner would run with those of the superuser, for bbdd.user, too. */
static void
add_for_superuser (Cutting *cutting, const Role *role, const char *line)
{
  add_line (cutting,
            role != NULL && !role->superuser ? OB_TOC_BY_SUPERUSER_AT_ONCE : OB_TOC_BY_SUPERUSER,
            NULL, line);
}

/* By a superuser's statement a view is filled with the rights of its owner, who may read what
 * bbdd.user may not, and other rows. */
static void
place_refresh (Cutting *cutting, const Role *role, const char *line)
{
  gboolean of_another = (role != NULL && role->superuser) || get_heir (cutting, role) != NULL;

  append_line (cutting->cut->refreshes, of_another ? OB_TOC_BY_SUPERUSER : OB_TOC_BY_USER, NULL,
               line);
}

/* By whom, and for whom. */
static void
place_definition (Cutting *cutting, const Role *role, const char *line)
{
  static const char *const triggers[] = { "TRIGGER ", NULL };
  gboolean for_superuser = is_for_superuser (cutting, role, line);

  if (role != NULL && role->superuser && has_kind (line, triggers))
    {
      g_string_append_printf (cutting->cut->triggers, "%s\n", line);
      if (!for_superuser)
        {
          g_string_append_printf (cutting->cut->foreign_triggers, "%s\n", line);
          add_line (cutting, OB_TOC_TRIGGERS_BY_USER, NULL, line);
          return;
        }
    }
  if (for_superuser)
    add_for_superuser (cutting, role, line);
  else
    add_line (cutting, OB_TOC_BY_USER, get_heir (cutting, role), line);
}

static void
place (Cutting *cutting, const char *line)
{
  const Role *role = find_owner (cutting, line);
  gboolean owned = is_user (cutting, role);

  if (is_rights (line))
    g_string_append_printf (cutting->cut->rights, "%s\n", line);
  else if (is_event_trigger (line))
    g_string_append_printf (cutting->cut->event_triggers, "%s\n", line);
  else if (is_refresh (line))
    place_refresh (cutting, role, line);
  else if (is_remark (line) && (!owned || is_remark_on_public (line)))
    g_string_append_printf (cutting->remarks, "%s\n", line);
  else if (is_public (role, line) && cutting->creates_public)
    return;
  else if (is_public (role, line))
    add_line (cutting, OB_TOC_BY_SUPERUSER, NULL, line);
  else
    place_definition (cutting, role, line);
}

/* What is made otherwise, or only says something of what is named itself where it is left out. (Of
 * the schema that is there anyway an entry only tells the owner.) */
static gboolean
is_minor (const char *line)
{
  static const char *const kinds[] = { "EXTENSION ", NULL };

  return has_kind (line, kinds) || is_remark (line) || is_rights (line);
}

/* Without a superuser. An entry without an owner ends in a blank. */
static void
place_owned (Cutting *cutting, const char *line)
{
  const Role *role = find_owner (cutting, line);
  gboolean owned = is_user (cutting, role);
  gboolean doubtful
    = owned ? is_for_superuser (cutting, role, line) : role == NULL && g_str_has_suffix (line, " ");

  if (!owned && (is_minor (line) || is_public (role, line)))
    return;
  if (cutting->creates_public && is_public (role, line))
    return;
  if (is_rights (line))
    g_string_append_printf (cutting->cut->rights, "%s\n", line);
  else if (doubtful || (owned && (is_public (role, line) || is_remark_on_public (line))))
    add_line (cutting, OB_TOC_BY_USER_IF_ALLOWED, NULL, line);
  else if (owned)
    add_line (cutting, OB_TOC_BY_USER, NULL, line);
  else
    g_ptr_array_add (cutting->cut->left_out, g_strdup (get_kind (line)));
}

/* methods of this room */

ObTocRoles *
ob_toc_roles_new (void)
{
  ObTocRoles *roles = g_new0 (ObTocRoles, 1);

  roles->by_name = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, free_role);
  return roles;
}

void
ob_toc_roles_add (ObTocRoles *roles, const char *name, gboolean superuser)
{
  Role *role = g_new0 (Role, 1);

  role->name = g_strdup (name);
  role->superuser = superuser;
  g_hash_table_replace (roles->by_name, g_strdelimit (g_strdup (name), "\n\r", ' '), role);
}

void
ob_toc_roles_free (ObTocRoles *roles)
{
  g_hash_table_unref (roles->by_name);
  g_free (roles);
}

ObTocCut *
ob_restore_cut_list (const char *list, ObTocRoles *roles, const char *user, gboolean only_owned,
                     ObTocJudge judge, gpointer user_data)
{
  g_auto (GStrv) lines = g_strsplit (list, "\n", -1);
  g_autoptr (GString) remarks = g_string_new (NULL);
  ObTocCut *cut = g_new0 (ObTocCut, 1);
  Cutting cutting = { .roles = roles,
                      .user = user,
                      .creates_public = creates_public (list),
                      .judge = judge,
                      .user_data = user_data,
                      .cut = cut,
                      .remarks = remarks };

  cut->runs = g_ptr_array_new_with_free_func (free_run);
  cut->refreshes = g_ptr_array_new_with_free_func (free_run);
  cut->left_out = g_ptr_array_new_with_free_func (g_free);
  cut->rights = g_string_new (NULL);
  cut->event_triggers = g_string_new (NULL);
  cut->triggers = g_string_new (NULL);
  cut->foreign_triggers = g_string_new (NULL);
  for (gsize i = 0; lines[i] != NULL; i++)
    {
      if (*get_kind (lines[i]) == '\0')
        continue;
      if (only_owned)
        place_owned (&cutting, lines[i]);
      else
        place (&cutting, lines[i]);
    }
  if (remarks->len > 0)
    add_line (&cutting, OB_TOC_BY_SUPERUSER, NULL,
              g_string_truncate (remarks, remarks->len - 1)->str);
  return cut;
}

void
ob_toc_cut_free (ObTocCut *cut)
{
  g_ptr_array_unref (cut->runs);
  g_ptr_array_unref (cut->refreshes);
  g_ptr_array_unref (cut->left_out);
  g_string_free (cut->rights, TRUE);
  g_string_free (cut->event_triggers, TRUE);
  g_string_free (cut->triggers, TRUE);
  g_string_free (cut->foreign_triggers, TRUE);
  g_free (cut);
}
