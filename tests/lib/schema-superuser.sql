-- SPDX-License-Identifier: GPL-3.0-or-later
--
-- What an Openbravo database holds that only the superuser can make. Runs before schema.sql.
-- Variables: owner, reader.

CREATE EXTENSION "uuid-ossp";
CREATE EXTENSION pg_trgm;
ALTER DATABASE :"database" SET search_path TO "$user", public;
ALTER DATABASE :"database" SET default_statistics_target TO '150';
ALTER DATABASE :"database" SET bytea_output TO 'hex';
ALTER ROLE :"owner" IN DATABASE :"database" SET work_mem TO '16MB';
ALTER ROLE :"reader" IN DATABASE :"database" SET statement_timeout TO '5min';
GRANT CONNECT ON DATABASE :"database" TO :"reader";
REVOKE CONNECT, TEMPORARY ON DATABASE :"database" FROM PUBLIC;
COMMENT ON DATABASE :"database" IS 'Openbravo of "La Ñapa", S.L. (producción)';
