/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The small parsers of the database's restore: who makes which entry of an archive. */
#include "ob-database-restore-private.h"

#include <string.h>

static ObTocRoles *
make_roles (void)
{
  ObTocRoles *roles = ob_toc_roles_new ();

  ob_toc_roles_add (roles, "postgres", TRUE);
  ob_toc_roles_add (roles, "tad", FALSE);
  ob_toc_roles_add (roles, "x postgres", FALSE);
  ob_toc_roles_add (roles, "new\nline", FALSE);
  ob_toc_roles_add (roles, "pg_database_owner", FALSE);
  return roles;
}

static void
assert_run (const ObTocCut *cut, guint index, ObTocMaker maker, const char *owner,
            const char *lines)
{
  const ObTocRun *run;

  g_assert_cmpuint (index, <, cut->runs->len);
  run = g_ptr_array_index (cut->runs, index);
  g_assert_cmpint (run->maker, ==, maker);
  g_assert_cmpstr (run->owner, ==, owner);
  g_assert_cmpstr (run->lines->str, ==, lines);
}

/* The order stays, but rights come last; a name that looks like the owner's is taken for his. */
static void
test_cut_list (void)
{
  static const char list[] = ";\n; Archive created at …\n;\n"
                             "3; 3079 16403 EXTENSION - pg_trgm \n"
                             "9; 2615 16399 SCHEMA - ext tad\n"
                             "900; 0 0 ACL - SCHEMA ext tad\n"
                             "215; 1259 16400 TABLE public a tad\n"
                             "217; 1259 16402 TABLE public ACL x postgre postgres\n"
                             "218; 2616 16410 OPERATOR CLASS public c tad\n"
                             "216; 1259 16401 TABLE public b evil tad\n"
                             "901; 826 16420 DEFAULT ACL public DEFAULT PRIVILEGES FOR TABLES "
                             "postgres\n";
  g_autoptr (ObTocRoles) roles = make_roles ();
  g_autoptr (ObTocCut) cut = ob_restore_cut_list (list, roles, "tad", FALSE, NULL, NULL);
  g_autoptr (ObTocCut) own = ob_restore_cut_list (list, roles, "tad", TRUE, NULL, NULL);

  g_assert_cmpuint (cut->runs->len, ==, 5);
  assert_run (cut, 0, OB_TOC_BY_SUPERUSER, NULL, "3; 3079 16403 EXTENSION - pg_trgm \n");
  assert_run (cut, 1, OB_TOC_BY_USER, NULL,
              "9; 2615 16399 SCHEMA - ext tad\n215; 1259 16400 TABLE public a tad\n");
  assert_run (cut, 2, OB_TOC_BY_SUPERUSER, NULL,
              "217; 1259 16402 TABLE public ACL x postgre postgres\n");
  assert_run (cut, 3, OB_TOC_BY_SUPERUSER_AT_ONCE, NULL,
              "218; 2616 16410 OPERATOR CLASS public c tad\n");
  assert_run (cut, 4, OB_TOC_BY_USER, NULL, "216; 1259 16401 TABLE public b evil tad\n");
  g_assert_cmpstr (cut->rights->str, ==,
                   "900; 0 0 ACL - SCHEMA ext tad\n"
                   "901; 826 16420 DEFAULT ACL public DEFAULT PRIVILEGES FOR TABLES postgres\n");

  g_assert_cmpuint (own->runs->len, ==, 3);
  assert_run (own, 0, OB_TOC_BY_USER, NULL,
              "9; 2615 16399 SCHEMA - ext tad\n215; 1259 16400 TABLE public a tad\n");
  assert_run (own, 1, OB_TOC_BY_USER_IF_ALLOWED, NULL,
              "218; 2616 16410 OPERATOR CLASS public c tad\n");
  assert_run (own, 2, OB_TOC_BY_USER, NULL, "216; 1259 16401 TABLE public b evil tad\n");
  g_assert_cmpstr (own->rights->str, ==, "900; 0 0 ACL - SCHEMA ext tad\n");
  g_assert_cmpuint (own->left_out->len, ==, 1);
  g_assert_cmpstr (g_ptr_array_index (own->left_out, 0), ==,
                   "TABLE public ACL x postgre postgres");
}

/* The superuser makes nothing that may be another's, whatever names look like. */
static void
test_cut_others (void)
{
  static const char list[] = "1; 1259 1 VIEW public a pg_database_owner\n"
                             "2; 1259 2 VIEW public a x postgres\n"
                             "3; 1259 3 VIEW public a new line\n"
                             "4; 1259 4 VIEW public a nobody\n"
                             "5; 2604 5 DEFAULT ACL a b postgres tad\n"
                             "6; 0 0 INDEX ATTACH public a \n"
                             "7; 0 0 COMMENT public VIEW a x postgres\n"
                             "8; 2605 8 CAST - CAST (text AS numeric) \n";
  g_autoptr (ObTocRoles) roles = make_roles ();
  g_autoptr (ObTocCut) cut = ob_restore_cut_list (list, roles, "tad", FALSE, NULL, NULL);

  g_assert_cmpuint (cut->runs->len, ==, 5);
  assert_run (cut, 0, OB_TOC_BY_USER, "pg_database_owner",
              "1; 1259 1 VIEW public a pg_database_owner\n");
  assert_run (cut, 1, OB_TOC_BY_USER, "x postgres", "2; 1259 2 VIEW public a x postgres\n");
  assert_run (cut, 2, OB_TOC_BY_USER, "new\nline", "3; 1259 3 VIEW public a new line\n");
  assert_run (cut, 3, OB_TOC_BY_USER, NULL,
              "4; 1259 4 VIEW public a nobody\n"
              "5; 2604 5 DEFAULT ACL a b postgres tad\n"
              "6; 0 0 INDEX ATTACH public a \n");
  assert_run (cut, 4, OB_TOC_BY_SUPERUSER, NULL,
              "8; 2605 8 CAST - CAST (text AS numeric) \n"
              "7; 0 0 COMMENT public VIEW a x postgres\n");
  g_assert_cmpstr (cut->rights->str, ==, "");
}

/* Who makes what of the schema that is there anyway; an old archive would make it anew. */
static void
test_cut_public (void)
{
  static const char entries[] = "1; 2615 1 SCHEMA - public tad\n"
                                "2; 2615 2 SCHEMA - public x tad\n"
                                "3; 0 0 COMMENT - SCHEMA public tad\n";
  static const char *const old[] = { "9.6.24", "10.23" };
  static const char *const new[] = { "11.0", "15.18 (Debian 15.18-1)" };
  g_autoptr (ObTocRoles) roles = make_roles ();

  for (guint i = 0; i < G_N_ELEMENTS (old); i++)
    {
      g_autofree char *list
        = g_strdup_printf (";\n;     Dumped from database version: 15.1\n"
                           ";     Dumped by pg_dump version: %s\n%s",
                           old[i], entries);
      g_autofree char *new_list
        = g_strdup_printf (";     Dumped from database version: 9.6\n"
                           ";     Dumped by pg_dump version: %s\n%s",
                           new[i], entries);
      g_autoptr (ObTocCut) cut = ob_restore_cut_list (list, roles, "tad", FALSE, NULL, NULL);
      g_autoptr (ObTocCut) new_cut
        = ob_restore_cut_list (new_list, roles, "tad", FALSE, NULL, NULL);
      g_autoptr (ObTocCut) other_cut
        = ob_restore_cut_list (new_list, roles, "x postgres", TRUE, NULL, NULL);

      g_assert_cmpuint (cut->runs->len, ==, 2);
      assert_run (cut, 0, OB_TOC_BY_USER, NULL, "2; 2615 2 SCHEMA - public x tad\n");
      assert_run (cut, 1, OB_TOC_BY_SUPERUSER, NULL, "3; 0 0 COMMENT - SCHEMA public tad\n");
      g_assert_cmpuint (new_cut->runs->len, ==, 3);
      assert_run (new_cut, 0, OB_TOC_BY_SUPERUSER, NULL, "1; 2615 1 SCHEMA - public tad\n");
      assert_run (new_cut, 1, OB_TOC_BY_USER, NULL, "2; 2615 2 SCHEMA - public x tad\n");
      g_assert_cmpuint (other_cut->runs->len, ==, 0);
      g_assert_cmpuint (other_cut->left_out->len, ==, 1);
      g_assert_cmpstr (g_ptr_array_index (other_cut->left_out, 0), ==,
                       "SCHEMA - public x tad");
    }
}

static ObTocNature
judge_by_name (const char *line, const char *kind, gboolean of_another, gpointer user_data)
{
  g_assert_cmpint (of_another, ==, g_str_has_suffix (kind, " x postgres"));
  if (strstr (kind, "inert") != NULL)
    return OB_TOC_INERT;
  if (strstr (kind, "mighty") != NULL)
    return OB_TOC_MIGHTY;
  return strstr (kind, "foreign") != NULL ? OB_TOC_FOREIGN : OB_TOC_PLAIN;
}

static void
test_cut_by_nature (void)
{
  static const char list[] = "1; 1255 1 FUNCTION public mighty() tad\n"
                             "2; 1255 2 FUNCTION public plain() tad\n"
                             "3; 2620 3 TRIGGER public log foreign postgres\n"
                             "4; 2620 4 TRIGGER public log plain postgres\n"
                             "5; 1255 5 FUNCTION public inert() tad\n"
                             "6; 1255 6 FUNCTION public plain() x postgres\n"
                             "7; 1255 7 FUNCTION public inert() x postgres\n"
                             "8; 1255 8 FUNCTION public mighty() postgres\n";
  g_autoptr (ObTocRoles) roles = make_roles ();
  g_autoptr (ObTocCut) cut
    = ob_restore_cut_list (list, roles, "tad", FALSE, judge_by_name, NULL);

  g_assert_cmpuint (cut->runs->len, ==, 8);
  assert_run (cut, 0, OB_TOC_BY_SUPERUSER_AT_ONCE, NULL,
              "1; 1255 1 FUNCTION public mighty() tad\n");
  assert_run (cut, 1, OB_TOC_BY_USER, NULL, "2; 1255 2 FUNCTION public plain() tad\n");
  assert_run (cut, 2, OB_TOC_TRIGGERS_BY_USER, NULL,
              "3; 2620 3 TRIGGER public log foreign postgres\n");
  assert_run (cut, 3, OB_TOC_BY_SUPERUSER, NULL,
              "4; 2620 4 TRIGGER public log plain postgres\n");
  assert_run (cut, 4, OB_TOC_BY_USER, NULL, "5; 1255 5 FUNCTION public inert() tad\n");
  assert_run (cut, 5, OB_TOC_BY_USER, "x postgres",
              "6; 1255 6 FUNCTION public plain() x postgres\n");
  assert_run (cut, 6, OB_TOC_BY_SUPERUSER_AT_ONCE, NULL,
              "7; 1255 7 FUNCTION public inert() x postgres\n");
  assert_run (cut, 7, OB_TOC_BY_SUPERUSER, NULL,
              "8; 1255 8 FUNCTION public mighty() postgres\n");
}

/* A transaction does not outgrow the server's locks. */
static void
test_cut_many (void)
{
  g_autoptr (ObTocRoles) roles = make_roles ();
  g_autoptr (GString) list = g_string_new (NULL);
  g_autoptr (ObTocCut) cut = NULL;

  for (guint i = 0; i < 1000; i++)
    g_string_append_printf (list, "%u; 1255 %u FUNCTION public mighty%u() tad\n", i, i, i);
  cut = ob_restore_cut_list (list->str, roles, "tad", FALSE, judge_by_name, NULL);
  g_assert_cmpuint (cut->runs->len, ==, 5);
  for (guint i = 0; i < cut->runs->len; i++)
    g_assert_cmpuint (((ObTocRun *) cut->runs->pdata[i])->n_lines, ==, 200);
}

static void
assert_nature (const char *kind, const char *script, ObTocNature nature)
{
  g_assert_cmpint (ob_toc_judge (kind, script), ==, nature);
  g_assert_true (nature <= OB_TOC_INERT || ob_toc_has_odd (kind, script, -1));
  g_assert_true (nature <= OB_TOC_INERT
                 || ob_toc_can_judge (kind, g_str_has_suffix (kind, " postgres")));
}

/* Of arguments: constants of PostgreSQL's own types run nobody's code. */
static void
assert_defaults (void)
{
  static const struct
  {
    const char *value;
    ObTocNature nature;
  } defaults[] = { { "1, b integer", OB_TOC_INERT },
                   { "'-1'::integer", OB_TOC_INERT },
                   { "NULL::character varying, b boolean DEFAULT true", OB_TOC_INERT },
                   { "'it''s \\, DEFAULT '::text", OB_TOC_INERT },
                   { "E'a\\\\'::text", OB_TOC_INERT },
                   { "'2020-01-01 00:00:00'::timestamp without time zone", OB_TOC_INERT },
                   { "1, b public.d DEFAULT 'x'::public.d", OB_TOC_PLAIN },
                   { "'x'::public.text", OB_TOC_PLAIN },
                   { "'x'::text::public.d", OB_TOC_PLAIN },
                   { "('x'::text || 'y'::text)", OB_TOC_PLAIN },
                   { "f()", OB_TOC_PLAIN } };

  for (gsize i = 0; i < G_N_ELEMENTS (defaults); i++)
    {
      g_autofree char *script
        = g_strdup_printf ("\nCREATE FUNCTION public.f(a t DEFAULT %s) RETURNS integer\n"
                           "    LANGUAGE sql\n    AS 'f';",
                           defaults[i].value);

      g_assert_cmpint (ob_toc_judge ("FUNCTION public f() tad", script), ==, defaults[i].nature);
    }
}

static void
test_nature (void)
{
#define FUNCTION(header)                                                                           \
  "--\n-- Name: f(); Type: FUNCTION; Schema: public; Owner: tad\n--\n\n"                           \
  "CREATE FUNCTION public.f(" header ") RETURNS integer\n    LANGUAGE "
  assert_nature ("FUNCTION public f() tad", FUNCTION ("") "c\n    AS 'lib', 'f';", OB_TOC_MIGHTY);
  assert_nature ("FUNCTION public f() tad",
                 FUNCTION ("") "plperlu SECURITY DEFINER\n    SET x.y TO 'a\n    AS b'\n    AS '';",
                 OB_TOC_MIGHTY);
  assert_nature ("PROCEDURE public f() tad",
                 "\n\nCREATE PROCEDURE public.f()\n    LANGUAGE \"c\"\n    AS '';", OB_TOC_MIGHTY);
  assert_nature ("FUNCTION public f() tad", FUNCTION ("") "c\n    AS 'DEFAULT ', 'RETURN';",
                 OB_TOC_MIGHTY);
  assert_nature ("FUNCTION public f() tad", FUNCTION ("") "sql\n    AS 'f';", OB_TOC_INERT);
  assert_nature ("FUNCTION public f() tad", FUNCTION ("") "plperl\n    AS 'f';", OB_TOC_INERT);
  assert_nature ("FUNCTION public f() tad",
                 FUNCTION ("") "sql IMMUTABLE LEAKPROOF COST 1\n    AS 'f';", OB_TOC_MIGHTY);
  assert_nature ("FUNCTION public f() tad", FUNCTION ("") "sql SUPPORT public.s\n    AS 'f';",
                 OB_TOC_MIGHTY);
  assert_nature ("FUNCTION public f() tad",
                 FUNCTION ("") "plpgsql\n    SET log_statement TO 'all'\n    AS $$f$$;",
                 OB_TOC_MIGHTY);
  assert_nature ("FUNCTION public f() tad",
                 FUNCTION ("") "plpgsql IMMUTABLE\n    SET search_path TO 'a'\n    AS $$f$$;",
                 OB_TOC_INERT);
  /* What the body says of a language. */
  assert_nature ("FUNCTION public f() tad",
                 FUNCTION ("") "plpgsql SECURITY DEFINER\n    AS $$ /*\n    LANGUAGE c\n*/ $$;",
                 OB_TOC_INERT);
  assert_nature ("FUNCTION public f() tad",
                 FUNCTION ("\"a\n    LANGUAGE c\n    AS \" integer") "sql\n    AS 'f';",
                 OB_TOC_INERT);
  assert_nature ("FUNCTION public f() tad", FUNCTION ("a text DEFAULT 'x'::d") "c\n    AS 'f';",
                 OB_TOC_PLAIN);
  assert_nature ("FUNCTION public f() tad",
                 FUNCTION ("\" \"\" DEFAULT '\" text DEFAULT 'x'::text[]") "sql\n    AS 'f';",
                 OB_TOC_PLAIN);
  assert_defaults ();
  g_assert_false (ob_toc_has_odd ("FUNCTION public f() tad",
                                  "\n    SET search_path TO 'a'\n    AS $$UPDATE t\n    SET a = 1$$",
                                  -1));
  assert_nature ("FUNCTION public f() tad",
                 FUNCTION ("\"a\n    LANGUAGE c\" integer") "sql\n"
                 "    BEGIN ATOMIC\n SELECT 1;\nEND;",
                 OB_TOC_PLAIN);
  assert_nature ("FUNCTION public f() tad",
                 FUNCTION ("\"a\n    LANGUAGE c\" integer") "sql\n    RETURN 1;", OB_TOC_PLAIN);
  assert_nature ("FUNCTION public f() tad", "nothing", OB_TOC_PLAIN);
#undef FUNCTION
  assert_nature ("AGGREGATE public a(integer) tad",
                 "CREATE AGGREGATE public.a(integer) (\n    SFUNC = f,\n    STYPE = internal\n);",
                 OB_TOC_MIGHTY);
  assert_nature ("AGGREGATE public a(integer) tad",
                 "CREATE AGGREGATE public.a(integer) (\n    SFUNC = f,\n    STYPE = integer\n);",
                 OB_TOC_PLAIN);
  assert_nature ("AGGREGATE public a(integer) tad",
                 "CREATE AGGREGATE public.\"STYPE = internal\"(integer) (\n    SFUNC = f,\n"
                 "    STYPE = d[],\n    INITCOND = '{x}'\n);",
                 OB_TOC_PLAIN);
  assert_nature ("TYPE public t tad", "CREATE TYPE public.t (\n    INPUT = public.f,",
                 OB_TOC_MIGHTY);
  assert_nature ("TYPE public t tad", "CREATE TYPE public.t AS ENUM (\n    'a'", OB_TOC_PLAIN);
  assert_nature ("TRIGGER public t g postgres",
                 "CREATE TRIGGER g BEFORE INSERT ON public.t FOR EACH ROW WHEN (true) EXECUTE",
                 OB_TOC_FOREIGN);
  assert_nature ("TRIGGER public t g postgres",
                 "CREATE TRIGGER g BEFORE INSERT ON public.t FOR EACH ROW EXECUTE FUNCTION f();",
                 OB_TOC_PLAIN);
  assert_nature ("VIEW public v postgres", "CREATE VIEW v AS SELECT CASE WHEN true", OB_TOC_PLAIN);
}

static void
assert_split (const char *value, const char *joined)
{
  g_auto (GStrv) elements = ob_restore_split_list_setting (value);
  g_autofree char *text = elements != NULL ? g_strjoinv ("|", elements) : NULL;

  g_assert_cmpstr (text, ==, joined);
}

static void
test_split_list_setting (void)
{
  assert_split ("", "");
  assert_split ("public", "public");
  assert_split ("\"$user\", public", "$user|public");
  assert_split ("\"a \"\"b\"\", c\",d", "a \"b\", c|d");
  assert_split ("\"never closed", NULL);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/database-toc/cut-list", test_cut_list);
  g_test_add_func ("/database-toc/cut-others", test_cut_others);
  g_test_add_func ("/database-toc/cut-public", test_cut_public);
  g_test_add_func ("/database-toc/cut-by-nature", test_cut_by_nature);
  g_test_add_func ("/database-toc/cut-many", test_cut_many);
  g_test_add_func ("/database-toc/nature", test_nature);
  g_test_add_func ("/database-toc/split-list-setting", test_split_list_setting);
  return g_test_run ();
}
