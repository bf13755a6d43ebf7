-- SPDX-License-Identifier: GPL-3.0-or-later
--
-- A database in the shape of Openbravo's, with at least one object of every kind that is found
-- there or that a module may add. Runs as the owner, bbdd.user. Variables: owner, reader.

SET client_min_messages = warning;

-- types, operators, casts

CREATE DOMAIN public.ob_uuid AS varchar(32) CHECK (VALUE ~ '^[0-9A-Fa-f]{1,32}$');
COMMENT ON DOMAIN public.ob_uuid IS 'primary key: 32 hexadecimal characters';
CREATE TYPE public.ob_docstatus AS ENUM ('DR', 'IP', 'CO', 'CL', 'VO');
CREATE TYPE public.ob_money AS (amount numeric, currency char(3));

CREATE FUNCTION public.ob_money_add (a ob_money, b ob_money) RETURNS ob_money
  LANGUAGE sql IMMUTABLE STRICT
  AS $$ SELECT ROW (($1).amount + ($2).amount, ($1).currency)::public.ob_money $$;
CREATE OPERATOR public.+ (LEFTARG = ob_money, RIGHTARG = ob_money, FUNCTION = ob_money_add,
                          COMMUTATOR = OPERATOR (public.+));
CREATE AGGREGATE public.ob_sum (ob_money) (SFUNC = ob_money_add, STYPE = ob_money);

CREATE FUNCTION public.ob_money_amount (m ob_money) RETURNS numeric
  LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT ($1).amount $$;
CREATE CAST (ob_money AS numeric) WITH FUNCTION public.ob_money_amount (ob_money);

CREATE FUNCTION public.add_days (d timestamptz, days numeric) RETURNS timestamptz
  LANGUAGE sql IMMUTABLE STRICT SET search_path TO pg_catalog
  AS $$ SELECT $1 + ($2 * interval '1 day') $$;
CREATE OPERATOR public.+ (LEFTARG = timestamptz, RIGHTARG = numeric, FUNCTION = add_days);
CREATE FUNCTION public.substract_days (d timestamptz, days numeric) RETURNS timestamptz
  LANGUAGE sql IMMUTABLE STRICT SET search_path TO pg_catalog
  AS $$ SELECT $1 - ($2 * interval '1 day') $$;
CREATE OPERATOR public.- (LEFTARG = timestamptz, RIGHTARG = numeric, FUNCTION = substract_days);

-- functions

CREATE FUNCTION public.get_uuid () RETURNS varchar
  LANGUAGE plpgsql VOLATILE SET search_path TO public
  AS $$
BEGIN
  RETURN upper (replace (uuid_generate_v4 ()::text, '-', ''));
END $$;

CREATE FUNCTION public.ob_to_number (value text) RETURNS numeric
  LANGUAGE plpgsql IMMUTABLE STRICT SET search_path TO pg_catalog
  AS $$
BEGIN
  RETURN pg_catalog.float8in (pg_catalog.textout (value))::numeric;
EXCEPTION WHEN OTHERS THEN
  RETURN NULL;
END $$;

CREATE FUNCTION public.ob_search_key (value varchar) RETURNS varchar
  LANGUAGE sql IMMUTABLE STRICT SET search_path TO pg_catalog
  AS $$ SELECT lower (btrim ($1)) $$;

CREATE FUNCTION public.ob_search_key (value varchar, prefix varchar) RETURNS varchar
  LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT $2 || '/' || public.ob_search_key ($1) $$;

CREATE FUNCTION public.c_isactive (flag char) RETURNS boolean
  LANGUAGE plpgsql IMMUTABLE SET search_path TO public, pg_catalog
  AS $$
BEGIN
  RETURN flag IN ('Y', 'N');
END $$;
COMMENT ON FUNCTION public.c_isactive (char) IS 'CHECK of every ISACTIVE column';

CREATE FUNCTION public.ad_bounds (OUT lowest numeric, OUT highest numeric)
  LANGUAGE plpgsql STABLE SET search_path TO public
  AS $$
BEGIN
  SELECT min (grandtotal), max (grandtotal) INTO lowest, highest FROM c_order;
END $$;

CREATE PROCEDURE public.ad_touch (p_id varchar)
  LANGUAGE plpgsql SET search_path TO public
  AS $$
BEGIN
  UPDATE ad_user SET updated = now () WHERE ad_user_id = p_id;
END $$;

-- the dictionary and the state of the application

CREATE TABLE public.ad_client (
  ad_client_id ob_uuid PRIMARY KEY,
  name varchar(60) NOT NULL,
  isactive char(1) NOT NULL DEFAULT 'Y' CHECK (c_isactive (isactive)),
  created timestamp NOT NULL DEFAULT now ()
);
CREATE TABLE public.ad_user (
  ad_user_id ob_uuid PRIMARY KEY DEFAULT get_uuid (),
  ad_client_id ob_uuid NOT NULL REFERENCES ad_client,
  name varchar(60) NOT NULL,
  email varchar(100),
  picture bytea,
  isactive char(1) NOT NULL DEFAULT 'Y' CHECK (c_isactive (isactive)),
  updated timestamp NOT NULL DEFAULT now ()
);
CREATE UNIQUE INDEX ad_user_email ON ad_user (lower (email)) WHERE email IS NOT NULL;
CREATE TABLE public.ad_module (
  ad_module_id ob_uuid PRIMARY KEY,
  name varchar(60) NOT NULL,
  version varchar(60) NOT NULL,
  javapackage varchar(1000) NOT NULL,
  type char(1) NOT NULL DEFAULT 'M',
  status char(1) DEFAULT 'A',
  isindevelopment char(1) NOT NULL DEFAULT 'N',
  enabled char(1) NOT NULL DEFAULT 'Y'
);
CREATE TABLE public.ad_module_install (
  ad_module_id ob_uuid NOT NULL,
  ad_org_id ob_uuid,
  version_no varchar(60)
);
CREATE TABLE public.ad_system (
  ad_system_id ob_uuid PRIMARY KEY,
  name varchar(60) NOT NULL,
  instance_key varchar(4000),
  activation_key varchar(4000)
);
CREATE TABLE public.ad_system_info (
  ad_system_info_id ob_uuid PRIMARY KEY,
  system_status varchar(60),
  last_build timestamp,
  last_dbupdate timestamp,
  db_checksum varchar(60)
);
CREATE TABLE public.ad_table (
  ad_table_id ob_uuid PRIMARY KEY,
  tablename varchar(60) NOT NULL UNIQUE
);
CREATE TABLE public.c_file (
  c_file_id ob_uuid PRIMARY KEY,
  ad_client_id ob_uuid NOT NULL REFERENCES ad_client,
  isactive char(1) NOT NULL DEFAULT 'Y' CHECK (c_isactive (isactive)),
  created timestamp NOT NULL,
  name varchar(255) NOT NULL,
  seqno numeric(10),
  text varchar(4000),
  ad_table_id ob_uuid NOT NULL REFERENCES ad_table,
  ad_record_id varchar(32) NOT NULL,
  path varchar(2000)
);
CREATE INDEX c_file_record ON c_file (ad_table_id, ad_record_id);

-- the business: three tables in a circle of foreign keys

CREATE TABLE public.c_bpartner (
  c_bpartner_id ob_uuid PRIMARY KEY,
  ad_client_id ob_uuid NOT NULL REFERENCES ad_client,
  value varchar(40) NOT NULL,
  name varchar(60) NOT NULL,
  searchkey varchar GENERATED ALWAYS AS (ob_search_key (value)) STORED,
  parent_id ob_uuid REFERENCES c_bpartner,
  credit ob_money,
  UNIQUE (ad_client_id, value)
);
CREATE INDEX c_bpartner_name_trgm ON c_bpartner USING gin (name gin_trgm_ops);
CREATE INDEX c_bpartner_key ON c_bpartner (ob_search_key (name));
CREATE STATISTICS c_bpartner_names (dependencies) ON value, name FROM c_bpartner;

CREATE TABLE public.c_order (
  c_order_id ob_uuid PRIMARY KEY,
  documentno integer GENERATED ALWAYS AS IDENTITY (START 1000000 INCREMENT 10),
  ad_client_id ob_uuid NOT NULL REFERENCES ad_client,
  c_bpartner_id ob_uuid NOT NULL REFERENCES c_bpartner,
  c_invoice_id ob_uuid,
  docstatus ob_docstatus NOT NULL DEFAULT 'DR',
  dateordered timestamptz NOT NULL,
  grandtotal numeric(12,2) NOT NULL DEFAULT 0,
  description varchar(255),
  CONSTRAINT c_order_total_check CHECK (grandtotal >= 0)
);
CREATE TABLE public.c_invoice (
  c_invoice_id ob_uuid PRIMARY KEY,
  documentno integer GENERATED BY DEFAULT AS IDENTITY,
  m_inout_id ob_uuid,
  dateinvoiced date NOT NULL
);
CREATE TABLE public.m_inout (
  m_inout_id ob_uuid PRIMARY KEY,
  c_order_id ob_uuid REFERENCES c_order DEFERRABLE INITIALLY DEFERRED,
  movementdate date NOT NULL
);
ALTER TABLE c_order ADD FOREIGN KEY (c_invoice_id) REFERENCES c_invoice;
ALTER TABLE c_invoice ADD FOREIGN KEY (m_inout_id) REFERENCES m_inout;

CREATE SEQUENCE public.ob_lineno START 10 INCREMENT 10 CACHE 5;
CREATE TABLE public.c_orderline (
  c_orderline_id ob_uuid PRIMARY KEY,
  c_order_id ob_uuid NOT NULL REFERENCES c_order ON DELETE CASCADE,
  line bigint NOT NULL DEFAULT nextval ('ob_lineno'),
  qty numeric NOT NULL,
  price numeric(12,2) NOT NULL,
  linenetamt numeric GENERATED ALWAYS AS (qty * price) STORED,
  description varchar(2000)
);
ALTER SEQUENCE ob_lineno OWNED BY c_orderline.line;
CREATE INDEX c_orderline_order ON c_orderline (c_order_id);
COMMENT ON COLUMN c_orderline.linenetamt IS 'qty × price; it''s computed';

-- an image table with large values, out of line in TOAST

CREATE TABLE public.ad_image (
  ad_image_id ob_uuid PRIMARY KEY,
  name varchar(255),
  bindarydata bytea
);
ALTER TABLE ad_image ALTER bindarydata SET STORAGE EXTERNAL;

-- large objects, which a module may use

CREATE TABLE public.ob_document (id serial PRIMARY KEY, name text, content oid);

-- partitioned by date, with a default partition and one that is partitioned again

CREATE TABLE public.fact_acct (
  fact_acct_id varchar(32) NOT NULL,
  dateacct date NOT NULL,
  account integer NOT NULL,
  amtacctdr numeric NOT NULL DEFAULT 0,
  amtacctcr numeric NOT NULL DEFAULT 0,
  PRIMARY KEY (fact_acct_id, dateacct, account)
) PARTITION BY RANGE (dateacct);
CREATE TABLE public.fact_acct_2023 PARTITION OF fact_acct
  FOR VALUES FROM ('2023-01-01') TO ('2024-01-01');
CREATE TABLE public.fact_acct_2024 PARTITION OF fact_acct
  FOR VALUES FROM ('2024-01-01') TO ('2025-01-01') PARTITION BY HASH (account);
CREATE TABLE public.fact_acct_2024_0 PARTITION OF fact_acct_2024
  FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE public.fact_acct_2024_1 PARTITION OF fact_acct_2024
  FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE TABLE public.fact_acct_rest PARTITION OF fact_acct DEFAULT;
CREATE INDEX fact_acct_account ON fact_acct (account);

-- inheritance, an unlogged table, row security, another schema, a name that needs quotes

CREATE TABLE public.ob_event (id bigserial, happened timestamptz, what text);
CREATE TABLE public.ob_event_login (who varchar(60)) INHERITS (ob_event);
CREATE UNLOGGED TABLE public.ad_session_usage (ad_session_id varchar(32), opened timestamptz);
CREATE TABLE public.ob_private (owner_name name DEFAULT current_user, secret text);
ALTER TABLE ob_private ENABLE ROW LEVEL SECURITY;
CREATE POLICY ob_private_own ON ob_private TO :"reader" USING (owner_name = current_user);
CREATE SCHEMA obetl;
CREATE TABLE obetl."Tabla ""rara"" ñ" ("columna con espacio" integer PRIMARY KEY, "order" text);
COMMENT ON TABLE obetl."Tabla ""rara"" ñ" IS E'línea uno\nlínea dos; DROP TABLE c_order; --';

-- triggers

CREATE TABLE public.ad_audit_trail (
  at timestamptz NOT NULL DEFAULT now (),
  tablename name NOT NULL,
  record_id varchar(32),
  action char(1) NOT NULL
);
CREATE FUNCTION public.c_order_trg () RETURNS trigger
  LANGUAGE plpgsql SET search_path TO public
  AS $$
BEGIN
  INSERT INTO ad_audit_trail (tablename, record_id, action)
    VALUES (TG_TABLE_NAME, coalesce (NEW.c_order_id, OLD.c_order_id), left (TG_OP, 1));
  RETURN NULL;
END $$;
CREATE TRIGGER c_order_trg AFTER INSERT OR UPDATE OR DELETE ON c_order
  FOR EACH ROW EXECUTE FUNCTION c_order_trg ();
CREATE FUNCTION public.c_orderline_trg () RETURNS trigger
  LANGUAGE plpgsql SET search_path TO public
  AS $$
BEGIN
  NEW.description := coalesce (NEW.description, 'línea ' || NEW.line);
  RETURN NEW;
END $$;
CREATE TRIGGER c_orderline_trg BEFORE INSERT ON c_orderline
  FOR EACH ROW WHEN (NEW.qty > 0) EXECUTE FUNCTION c_orderline_trg ();
CREATE TRIGGER c_orderline_off_trg BEFORE UPDATE ON c_orderline
  FOR EACH ROW EXECUTE FUNCTION c_orderline_trg ();
ALTER TABLE c_orderline DISABLE TRIGGER c_orderline_off_trg;
CREATE FUNCTION public.m_inout_check () RETURNS trigger
  LANGUAGE plpgsql SET search_path TO public
  AS $$
BEGIN
  IF NEW.movementdate < date '2000-01-01' THEN
    RAISE EXCEPTION 'too old';
  END IF;
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER m_inout_check AFTER INSERT ON m_inout DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION m_inout_check ();

-- views, a view with rules, materialized views

CREATE VIEW public.c_order_v AS
  SELECT o.c_order_id, o.documentno, b.name AS bpartner, o.grandtotal,
         o.dateordered + 30::numeric AS duedate
    FROM c_order o JOIN c_bpartner b ON b.c_bpartner_id = o.c_bpartner_id
   WHERE o.docstatus <> 'VO';
CREATE VIEW public.ad_user_v AS SELECT ad_user_id, name, email FROM ad_user WHERE isactive = 'Y';
CREATE RULE ad_user_v_ins AS ON INSERT TO ad_user_v DO INSTEAD
  INSERT INTO ad_user (ad_user_id, ad_client_id, name, email)
    VALUES (coalesce (NEW.ad_user_id, get_uuid ()), '0', NEW.name, NEW.email);
CREATE RULE ad_user_v_del AS ON DELETE TO ad_user_v DO INSTEAD
  UPDATE ad_user SET isactive = 'N' WHERE ad_user.ad_user_id = OLD.ad_user_id;
CREATE MATERIALIZED VIEW public.c_order_month AS
  SELECT date_trunc ('month', dateordered AT TIME ZONE 'UTC') AS month, count(*) AS orders,
         sum (grandtotal) AS total
    FROM c_order GROUP BY 1;
CREATE UNIQUE INDEX c_order_month_key ON c_order_month (month);
CREATE MATERIALIZED VIEW public.c_order_year AS
  SELECT date_trunc ('year', month) AS year, sum (total) AS total FROM c_order_month GROUP BY 1;
CREATE MATERIALIZED VIEW public.ob_never_filled AS SELECT 1 AS one WITH NO DATA;

-- grants to a second role

GRANT USAGE ON SCHEMA public, obetl TO :"reader";
GRANT SELECT ON c_order, c_orderline, c_order_v, ob_private TO :"reader";
GRANT SELECT (ad_user_id, name), UPDATE (name) ON ad_user TO :"reader" WITH GRANT OPTION;
GRANT USAGE ON SEQUENCE ob_lineno TO :"reader";
REVOKE EXECUTE ON FUNCTION get_uuid () FROM PUBLIC;
GRANT EXECUTE ON FUNCTION get_uuid () TO :"reader";
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO :"reader";
