-- SPDX-License-Identifier: GPL-3.0-or-later
--
-- Objects of others inside the database: a cast between built-in types, which has no owner and
-- which the database's owner may not make, and a table that the superuser keeps there.

CREATE CAST (text AS numeric) WITH FUNCTION public.ob_to_number (text) AS ASSIGNMENT;

CREATE TABLE public.dba_notes (noted date, note text);
INSERT INTO public.dba_notes VALUES ('2024-11-05', 'index on c_file rebuilt');
GRANT SELECT ON public.dba_notes TO :"owner";
