-- SPDX-License-Identifier: GPL-3.0-or-later
-- What a database may hold and few do: names, types and rows that a reader of dumps could trip
-- over.

CREATE TABLE public.nothing ();
INSERT INTO public.nothing DEFAULT VALUES;
INSERT INTO public.nothing DEFAULT VALUES;
CREATE TABLE public.only_generated (a integer GENERATED ALWAYS AS (7) STORED);
INSERT INTO public.only_generated DEFAULT VALUES;
INSERT INTO public.only_generated DEFAULT VALUES;
CREATE TABLE public.empty (a integer);

-- Names, and every character that a text may hold.
CREATE TABLE public."new
line" ("col
umn" text, "q""uote" text, "ba\ck" text, "Ü" text);
INSERT INTO public."new
line"
SELECT chr (i), E'\\.', E'a\tb\\N\n\\.\n', NULL
  FROM generate_series (1, 70000) i WHERE i NOT BETWEEN 55296 AND 57343;
CREATE SCHEMA "Other schema";
CREATE TABLE "Other schema"."copy" (stdin text);
INSERT INTO "Other schema"."copy" VALUES ('COPY public.t (a) FROM stdin;'), ('\.'), ('');
CREATE SEQUENCE public."Seq ' x" START 77 INCREMENT -3 MINVALUE -1000 MAXVALUE 100 CYCLE;
SELECT nextval ('public."Seq '' x"');

-- Columns that are not loaded as they were made.
CREATE TABLE public.generated
  (a integer, b integer GENERATED ALWAYS AS (a * 2) STORED, c integer GENERATED ALWAYS AS IDENTITY);
INSERT INTO public.generated (a) SELECT generate_series (1, 1000);
CREATE TABLE public.dropped (a integer, b text, c integer);
ALTER TABLE public.dropped DROP COLUMN b;
INSERT INTO public.dropped SELECT i, -i FROM generate_series (1, 1000) i;
CREATE STATISTICS public.statistics ON a, c FROM public.dropped;

-- Tables of other kinds.
CREATE UNLOGGED TABLE public.unlogged (a text);
INSERT INTO public.unlogged SELECT md5 (i::text) FROM generate_series (1, 100) i;
CREATE TABLE public.partitioned (a integer, b text) PARTITION BY LIST (a);
CREATE TABLE public.other_order (b text, a integer);
ALTER TABLE public.partitioned ATTACH PARTITION public.other_order FOR VALUES IN (1);
CREATE TABLE public.the_rest PARTITION OF public.partitioned DEFAULT;
INSERT INTO public.partitioned SELECT i % 5, md5 (i::text) FROM generate_series (1, 5000) i;
CREATE TABLE public.parent (a integer);
CREATE TABLE public.child (b integer) INHERITS (public.parent);
INSERT INTO public.parent VALUES (1);
INSERT INTO public.child VALUES (2, 3);
CREATE MATERIALIZED VIEW public.materialized AS
SELECT a, count (*) FROM public.partitioned GROUP BY a;

-- Rows of megabytes; values of all kinds.
CREATE TABLE public.wide (a bytea, b text);
INSERT INTO public.wide
SELECT decode (repeat (md5 (i::text), 100000), 'hex'), repeat (E'\\\n\t\r\b', 100000)
  FROM generate_series (1, 12) i;
CREATE TYPE public.pair AS (x integer, y text);
CREATE DOMAIN public.yes AS text CHECK (VALUE <> 'no');
CREATE TABLE public.types
  (a public.pair[], b public.yes, c jsonb, d xml, e interval, f numeric, g double precision,
   h tsvector, i int4range, j bit varying, k "char", l name, m timestamptz, n money, o inet,
   p uuid, q box);
INSERT INTO public.types VALUES
  (ARRAY[ROW (1, E'a,"\\\n')::public.pair, NULL], 'yes', '{"a": "\u00e4\\n"}', '<a>b</a>',
   '1 year -2 days', 'NaN', '-Infinity', 'a:1 b:2', '[1,5)', B'0101', 'x', 'n',
   '2020-01-01 00:00:00.123456+02', '12.34', '::1', gen_random_uuid (), '((1,2),(3,4))');

-- Rows that refer to others in a circle, or that not everybody sees.
CREATE TABLE public.self (id integer PRIMARY KEY, up integer REFERENCES public.self);
INSERT INTO public.self
SELECT i, CASE WHEN i < 500 THEN i + 1 END FROM generate_series (1, 500) i;
ALTER TABLE public.self ENABLE ROW LEVEL SECURITY;
CREATE TABLE public.circle (id integer PRIMARY KEY, other integer);
CREATE TABLE public.round (id integer PRIMARY KEY, other integer REFERENCES public.circle);
INSERT INTO public.circle VALUES (1, 1);
INSERT INTO public.round VALUES (1, 1);
ALTER TABLE public.circle ADD FOREIGN KEY (other) REFERENCES public.round;

-- Texts that look like a dump's own.
COMMENT ON TABLE public.generated IS E'it''s; \\. COPY x FROM stdin;\n\\.\n';
CREATE FUNCTION public.script () RETURNS text LANGUAGE sql AS
$x$ SELECT E'--\n-- Data for Name: x\nCOPY public.generated (a) FROM stdin;\n\\.\n' $x$;

SELECT lo_from_bytea (0, decode (repeat ('ab', i * 3000), 'hex')) FROM generate_series (1, 20) i;
