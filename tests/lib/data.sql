-- SPDX-License-Identifier: GPL-3.0-or-later
--
-- Fills the tables of schema.sql; the same seed gives the same rows. Variables: seed, orders,
-- images (number of), imagebytes (size of each), reader.

BEGIN;
SET LOCAL client_min_messages = warning;
SET LOCAL synchronous_commit = off;

CREATE FUNCTION pg_temp.id (kind text, n bigint, seed text) RETURNS text
  LANGUAGE sql IMMUTABLE AS $$ SELECT upper (md5 (seed || kind || n)) $$;
CREATE FUNCTION pg_temp.noise (bytes bigint, seed text) RETURNS bytea
  LANGUAGE sql IMMUTABLE
  AS $$ SELECT substring (string_agg (decode (md5 (seed || i), 'hex'), '' ORDER BY i) FROM 1 FOR bytes::integer)
          FROM generate_series (1, bytes / 16 + 1) AS i $$;

INSERT INTO ad_client (ad_client_id, name, created)
  VALUES ('0', 'System', '2009-01-01'), (pg_temp.id ('client', 1, :'seed'), 'La Ñapa', '2012-03-04');
INSERT INTO ad_user (ad_user_id, ad_client_id, name, email, picture, updated)
  SELECT pg_temp.id ('user', i, :'seed'), pg_temp.id ('client', 1, :'seed'), 'Usuario ' || i,
         'u' || i || '@example.org', pg_temp.noise (300 + i, :'seed' || i),
         timestamp '2024-01-01' + i * interval '1 hour'
    FROM generate_series (1, 40) AS i;
INSERT INTO ad_user (ad_user_id, ad_client_id, name) VALUES ('100', '0', 'Openbravo');

INSERT INTO ad_module VALUES
  ('0', 'Core', '24.4.0', 'org.openbravo', 'M', 'A'),
  ('FF8080812D842086012D844F3CC0003E', 'Advanced Payables and Receivables Mngmt', '3.0.2400',
   'org.openbravo.advpaymentmngt', 'M', 'A'),
  (pg_temp.id ('module', 1, :'seed'), 'Ñandú módulo', '1.2.0', 'org.example.nandu', 'M', 'A');
INSERT INTO ad_system VALUES ('0', 'La Ñapa', NULL, NULL);
INSERT INTO ad_system_info
  VALUES ('0', 'RB70', '2024-11-20 10:00', '2024-11-20 09:58', md5 (:'seed'));
INSERT INTO ad_table
  SELECT pg_temp.id ('table', i, :'seed'), name
    FROM unnest (ARRAY ['C_Order', 'C_Invoice', 'M_InOut', 'C_BPartner', 'AD_User'])
         WITH ORDINALITY AS t (name, i);

INSERT INTO c_bpartner (c_bpartner_id, ad_client_id, value, name, parent_id, credit)
  SELECT pg_temp.id ('bp', i, :'seed'), pg_temp.id ('client', 1, :'seed'), ' BP-' || i || ' ',
         'Señor ' || md5 (:'seed' || i), CASE WHEN i % 7 = 0 THEN pg_temp.id ('bp', i / 7, :'seed') END,
         ROW (i * 1.5, 'EUR')::ob_money
    FROM generate_series (1, greatest (10, :orders / 10)) AS i;

-- Descriptions: some long enough to be compressed or to move out of line, with every character.
INSERT INTO c_order (c_order_id, ad_client_id, c_bpartner_id, docstatus, dateordered, grandtotal,
                     description)
  SELECT pg_temp.id ('order', i, :'seed'), pg_temp.id ('client', 1, :'seed'),
         pg_temp.id ('bp', 1 + i % greatest (10, :orders / 10), :'seed'),
         (enum_range (NULL::ob_docstatus))[1 + i % 5],
         timestamptz '2023-01-01 UTC' + (i % 700) * interval '1 day 17 minutes',
         (('x' || substr (md5 (:'seed' || i), 1, 6))::bit(24)::integer) / 100.0,
         CASE i % 5 WHEN 0 THEN NULL WHEN 1 THEN '' WHEN 2 THEN E'tab\there\nnew "line" \\N \\.'
           ELSE md5 (:'seed' || i) || ' ¿cuánto? 数量 ' || i END
    FROM generate_series (1, :orders) AS i;
INSERT INTO c_invoice (c_invoice_id, documentno, dateinvoiced)
  SELECT pg_temp.id ('invoice', i, :'seed'), 500 + i, date '2023-02-01' + (i % 600)::integer
    FROM generate_series (1, :orders) AS i WHERE i % 2 = 0;
INSERT INTO m_inout (m_inout_id, c_order_id, movementdate)
  SELECT pg_temp.id ('inout', i, :'seed'), pg_temp.id ('order', i, :'seed'),
         date '2023-02-01' + (i % 600)::integer
    FROM generate_series (1, :orders) AS i WHERE i % 2 = 0;
UPDATE c_invoice SET m_inout_id = m_inout_id_of.id
  FROM (SELECT pg_temp.id ('invoice', i, :'seed') AS invoice, pg_temp.id ('inout', i, :'seed') AS id
          FROM generate_series (1, :orders) AS i WHERE i % 2 = 0) AS m_inout_id_of
 WHERE c_invoice_id = invoice;
UPDATE c_order SET c_invoice_id = id
  FROM (SELECT pg_temp.id ('order', i, :'seed') AS order_id, pg_temp.id ('invoice', i, :'seed') AS id
          FROM generate_series (1, :orders) AS i WHERE i % 4 = 0) AS numbers
 WHERE c_order_id = order_id;
INSERT INTO c_orderline (c_orderline_id, c_order_id, qty, price, description)
  SELECT pg_temp.id ('line', i * 10 + j, :'seed'), pg_temp.id ('order', i, :'seed'), (i % 9) + 0.25 * j,
         (i % 1000) + 0.99, CASE WHEN j = 3 THEN repeat (md5 (:'seed' || i), 3) END
    FROM generate_series (1, :orders) AS i, generate_series (1, 5) AS j;

INSERT INTO fact_acct
  SELECT pg_temp.id ('fact', i, :'seed'), date '2022-12-20' + (i % 760)::integer, 40000000 + i % 500,
         (i % 977) / 7.0, (i % 977) / 7.0
    FROM generate_series (1, :orders * 3) AS i;

INSERT INTO ad_image
  SELECT pg_temp.id ('image', i, :'seed'), 'imagen ' || i || '.png',
         pg_temp.noise (:imagebytes, :'seed' || i)
    FROM generate_series (1, :images) AS i;
INSERT INTO ad_image VALUES (pg_temp.id ('image', 0, :'seed'), 'empty', ''),
                            (pg_temp.id ('image', -1, :'seed'), 'null', NULL);

INSERT INTO ob_document (name, content)
  SELECT 'documento ' || i, lo_from_bytea (0, pg_temp.noise (i * 3000, :'seed' || 'lo' || i))
    FROM generate_series (1, 12) AS i;
SELECT set_config ('ob.reader', :'reader', true);
DO $$
DECLARE
  document record;
BEGIN
  FOR document IN SELECT * FROM ob_document WHERE id <= 2 LOOP
    EXECUTE format ('GRANT SELECT ON LARGE OBJECT %s TO %I', document.content,
                    current_setting ('ob.reader'));
    EXECUTE format ('COMMENT ON LARGE OBJECT %s IS %L', document.content, document.name);
  END LOOP;
END $$;

INSERT INTO ob_event (happened, what)
  SELECT timestamptz '2024-01-01 UTC' + i * interval '1 minute', 'event ' || i
    FROM generate_series (1, 50) AS i;
INSERT INTO ob_event_login (happened, what, who)
  SELECT timestamptz '2024-02-01 UTC' + i * interval '1 minute', 'login', 'Usuario ' || i
    FROM generate_series (1, 50) AS i;
INSERT INTO ad_session_usage SELECT md5 (:'seed' || i), now () FROM generate_series (1, 20) AS i;
INSERT INTO ob_private VALUES (current_user, 'of the owner'), (:'reader', 'of the reader');
INSERT INTO obetl."Tabla ""rara"" ñ" SELECT i, 'fila ' || i FROM generate_series (1, 30) AS i;
COMMIT;

REFRESH MATERIALIZED VIEW c_order_month;
REFRESH MATERIALIZED VIEW c_order_year;
ANALYZE;
