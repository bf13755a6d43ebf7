/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What only a definition tells of an entry: whether a superuser has to make it, and whether it
 * evaluates anything.
 *
 * Definitions are as the server deparsed them for pg_dump, with keywords in capitals. Of a function
 * the clauses are read (pg_dump.c, dumpFunc): each begins a line of its own, outside of what is
 * quoted, and the body is the last. Of all else a word in a name that looks like one makes an entry
 * at most one that bbdd.user makes, or one that evaluates nothing by whoever makes it.
 */
#include "ob-database-restore-private.h"

#include <string.h>

#define CLAUSE "\n    "
/* Functions of other languages are made by superusers alone, and some others. */
#define TRUSTED_LANGUAGE "(?:sql|plpgsql|plperl|pltcl)(?![\\w\"])"
#define OTHER_LANGUAGE "LANGUAGE (?:(?!" TRUSTED_LANGUAGE ")|[^\n]* (?:LEAKPROOF|SUPPORT)\\b)"
/* A constant of a type of PostgreSQL's own, which has no schema; its own code alone reads that. */
#define CONSTANT "(?:-?[0-9]+(?:\\.[0-9]+)?|true|false|NULL|E?'(?:[^']|'')*')"
#define OWN_TYPE                                                                                   \
  "(?:text|character varying|character|integer|bigint|smallint|numeric|double precision|real|"     \
  "boolean|date|timestamp with(?:out)? time zone|uuid|jsonb?)(?:\\([0-9,]+\\))?"
#define HARMLESS_DEFAULT "^ DEFAULT " CONSTANT "(?:::" OWN_TYPE ")?(?=[,)])"
/* Some parameters are for superusers alone to set. */
#define OTHER_SETTING "SET (?!search_path )\\S+ TO "
#define ODD_FUNCTION CLAUSE "(?:" OTHER_LANGUAGE "|" OTHER_SETTING ")"
#define OF_SERVER "STYPE = internal\\b"
#define START_VALUE "\\bM?INITCOND\\b"
#define BASE_TYPE CLAUSE "INPUT = "
#define CONDITION "\\bWHEN\\b"
/* A statement that cannot be any other, whoever wrote the names. */
#define IDENTIFIER "(?:[a-z_][a-z0-9_]*|\"(?:[^\"]|\"\")*\")"
#define STATE                                                                                      \
  "^\\s*ALTER (?:FOREIGN )?TABLE " IDENTIFIER "\\." IDENTIFIER                                     \
  " (?:DISABLE|ENABLE|ENABLE ALWAYS|ENABLE REPLICA) TRIGGER " IDENTIFIER ";"

/* Judges the script of one entry. */
typedef ObTocNature (*Judge) (const char *script);

typedef struct
{
  const char *kind;
  const char *odd; /* a text without it has nothing that is not plain, or inert */
  Judge judge;
  gboolean of_superuser; /* asked of what is a superuser's, or of what is not */
} Rule;

/* internal methods */

static gboolean
matches (const char *pattern, const char *text, gssize size)
{
  g_autoptr (GRegex) regex = g_regex_new (pattern, G_REGEX_RAW, 0, NULL);

  g_assert (regex != NULL);
  return g_regex_match_full (regex, text, size, 0, 0, NULL, NULL);
}

/* Where the first statement of two kinds begins; what is before it are comments of one line each,
 * and settings. NULL for none. */
static const char *
find_statement (const char *script, const char *kind, const char *other)
{
  const char *at = strstr (script, kind);
  const char *other_at = strstr (script, other);

  return at == NULL || (other_at != NULL && other_at < at) ? other_at : at;
}

/* How long the default of an argument at @text is, where it runs nobody's code; else 0. */
static gsize
measure_harmless (const char *text)
{
  g_autoptr (GRegex) regex = g_regex_new (HARMLESS_DEFAULT, G_REGEX_RAW, 0, NULL);
  g_autoptr (GMatchInfo) match = NULL;
  int end = 0;

  g_assert (regex != NULL);
  if (!g_regex_match (regex, text, 0, &match) || !g_match_info_fetch_pos (match, 0, NULL, &end))
    return 0;
  return (gsize) end;
}

/* Behind what is quoted at @text. A doubled quote ends it and begins more of it. */
static const char *
skip_quoted (const char *text)
{
  const char *end = strchr (text + 1, *text);

  return end != NULL ? end + 1 : text + strlen (text);
}

/* Defaults of arguments may be evaluated when they are parsed, and so is a body that is no text.
 * What is not understood may do anything. */
static ObTocNature
judge_function (const char *script)
{
  const char *at = find_statement (script, "\nCREATE FUNCTION ", "\nCREATE PROCEDURE ");
  ObTocNature nature = OB_TOC_PLAIN;

  while (at != NULL && *at != '\0')
    if (*at == '"' || *at == '\'')
      at = skip_quoted (at);
    else if (g_str_has_prefix (at, " DEFAULT "))
      {
        gsize length = measure_harmless (at);

        if (length == 0)
          return OB_TOC_PLAIN;
        at += length;
      }
    else if (!g_str_has_prefix (at, CLAUSE))
      at++;
    else
      {
        const char *clause = at + strlen (CLAUSE);

        if (g_str_has_prefix (clause, "AS "))
          return nature;
        if (g_str_has_prefix (clause, "LANGUAGE "))
          nature = matches ("^" OTHER_LANGUAGE, clause, -1) ? OB_TOC_MIGHTY : OB_TOC_INERT;
        else if (!g_str_has_prefix (clause, "SET "))
          return OB_TOC_PLAIN;
        else if (matches ("^" OTHER_SETTING, clause, -1))
          nature = OB_TOC_MIGHTY;
        at = clause;
      }
  return OB_TOC_PLAIN;
}

static ObTocNature
judge_aggregate (const char *script)
{
  return matches (OF_SERVER, script, -1) && !matches (START_VALUE, script, -1) ? OB_TOC_MIGHTY
                                                                               : OB_TOC_PLAIN;
}

static ObTocNature
judge_type (const char *script)
{
  return matches (BASE_TYPE, script, -1) ? OB_TOC_MIGHTY : OB_TOC_PLAIN;
}

static ObTocNature
judge_trigger (const char *script)
{
  return matches (CONDITION, script, -1) ? OB_TOC_FOREIGN : OB_TOC_PLAIN;
}

static const Rule rules[] = {
  { "FUNCTION ", ODD_FUNCTION, judge_function, FALSE },
  { "PROCEDURE ", ODD_FUNCTION, judge_function, FALSE },
  { "AGGREGATE ", OF_SERVER, judge_aggregate, FALSE },
  { "TYPE ", BASE_TYPE, judge_type, FALSE },
  { "TRIGGER ", CONDITION, judge_trigger, TRUE },
};

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

  return rule != NULL && rule->of_superuser == of_superuser;
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

  return rule != NULL ? rule->judge (script) : OB_TOC_PLAIN;
}

void
ob_toc_split_trigger (const char *script, char **definition, char **state)
{
  g_autoptr (GRegex) regex = g_regex_new (STATE, G_REGEX_RAW, 0, NULL);
  g_autoptr (GMatchInfo) match = NULL;
  const char *begin = find_statement (script, "\nCREATE TRIGGER ", "\nCREATE CONSTRAINT TRIGGER ");
  const char *end = begin;

  g_assert (regex != NULL);
  while (end != NULL && *end != '\0' && *end != ';')
    end = *end == '"' || *end == '\'' ? skip_quoted (end) : end + 1;
  *definition = begin != NULL ? g_strndup (begin, (gsize) (end - begin)) : NULL;
  if (begin == NULL)
    end = strstr (script, "\nALTER ");
  else if (*end == ';')
    end++;
  *state = end != NULL && g_regex_match (regex, end, 0, &match) ? g_match_info_fetch (match, 0)
                                                                : NULL;
}
