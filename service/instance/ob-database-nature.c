/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What only a definition tells of an entry: whether a superuser has to make it, and whether it
 * evaluates anything.
 *
 * Definitions are as the server deparsed them for pg_dump, with keywords in capitals. A word in a
 * name or a body that looks like one makes an entry at most one that bbdd.user makes: what a
 * superuser is to make must have none of those words, wherever.
 */
#include "ob-database-restore-private.h"

#include <string.h>

/* Functions of languages that superusers alone may use. */
#define OTHER_LANGUAGE "\n    LANGUAGE (?!sql\\b|plpgsql\\b)"
#define OF_SERVER "STYPE = internal\\b"
#define BASE_TYPE "\n    INPUT = "
#define CONDITION "\\bWHEN\\b"

typedef struct
{
  const char *kind;
  const char *odd;        /* of what is not plain */
  const char *evaluating; /* what is then made by bbdd.user still; NULL: nothing */
  ObTocNature nature;
} Rule;

static const Rule rules[] = {
  /* Defaults of arguments, and bodies that are parsed at once. */
  { "FUNCTION ", OTHER_LANGUAGE, "\\b(DEFAULT|ATOMIC|RETURN)\\b", OB_TOC_MIGHTY },
  { "PROCEDURE ", OTHER_LANGUAGE, "\\b(DEFAULT|ATOMIC|RETURN)\\b", OB_TOC_MIGHTY },
  { "AGGREGATE ", OF_SERVER, "\\bM?INITCOND\\b", OB_TOC_MIGHTY },
  { "TYPE ", BASE_TYPE, NULL, OB_TOC_MIGHTY },
  { "TRIGGER ", CONDITION, NULL, OB_TOC_FOREIGN },
};

/* internal methods */

static gboolean
matches (const char *pattern, const char *text, gssize size)
{
  g_autoptr (GRegex) regex = g_regex_new (pattern, G_REGEX_RAW, 0, NULL);

  g_assert (regex != NULL);
  return g_regex_match_full (regex, text, size, 0, 0, NULL, NULL);
}

static const Rule *
find_rule (const char *kind)
{
  for (gsize i = 0; i < G_N_ELEMENTS (rules); i++)
    if (g_str_has_prefix (kind, rules[i].kind))
      return &rules[i];
  return NULL;
}

/* methods of this room */

gboolean
ob_toc_can_judge (const char *kind, gboolean of_superuser)
{
  const Rule *rule = find_rule (kind);

  return rule != NULL && (rule->nature == OB_TOC_FOREIGN) == of_superuser;
}

gboolean
ob_toc_has_odd (const char *kind, const char *text, gssize size)
{
  const Rule *rule = find_rule (kind);

  return rule != NULL && matches (rule->odd, text, size);
}

ObTocNature
ob_toc_judge (const char *kind, const char *script)
{
  const Rule *rule = find_rule (kind);

  if (!ob_toc_has_odd (kind, script, -1)
      || (rule->evaluating != NULL && matches (rule->evaluating, script, -1)))
    return OB_TOC_PLAIN;
  return rule->nature;
}
