-- Three roles for one warehouse, with the rights that docs/SECURITY.md lists:
--   crypto_owner    owns the tables: migrates, and empties them (crypto-pipeline migrate, replay)
--   etl_role        runs the pipeline: reads, inserts, updates
--   analytics_role  reads schema analytics and the views, for a minute at most
-- Run it in the warehouse database, as a superuser or as its owner with CREATEROLE and CREATEDB,
-- before the first start or later; a second time changes nothing:
--   psql -d crypto_warehouse -f sql/roles.sql
-- The roles have no password yet: \password ROLE in psql sets one and shows it to nobody.
\set ON_ERROR_STOP on
SET client_min_messages = warning;

SELECT format('CREATE ROLE %I LOGIN', role)
FROM unnest(ARRAY['crypto_owner', 'etl_role', 'analytics_role']) AS role
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role)
\gexec

BEGIN;

-- Who is no superuser hands something over only to a role that he could act as.
SELECT format('GRANT crypto_owner, etl_role TO %I', current_user)
WHERE NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)
\gexec

-- ---------------------------------------------------------------------------------------------
-- The owner
-- ---------------------------------------------------------------------------------------------

ALTER DATABASE :"DBNAME" OWNER TO crypto_owner;
-- Whatever an earlier installation made as another role.
SELECT format('ALTER SCHEMA %I OWNER TO crypto_owner', nspname)
FROM pg_namespace
WHERE nspname IN ('public', 'analytics', 'loading', 'lake')
ORDER BY nspname
\gexec
SELECT format(
    'ALTER %s %s OWNER TO crypto_owner',
    CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END,
    c.oid::regclass
)
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname IN ('public', 'analytics', 'loading', 'lake') AND c.relkind IN ('r', 'p', 'v', 'S')
    AND pg_get_userbyid(c.relowner) <> 'crypto_owner'
    -- What belongs to an extension stays there; a column's sequence goes with its table.
    AND NOT EXISTS (
        SELECT FROM pg_depend AS d
        WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
            AND (d.deptype = 'e' OR c.relkind = 'S' AND d.deptype IN ('a', 'i'))
    )
ORDER BY c.oid
\gexec
SELECT format('ALTER FUNCTION %s OWNER TO crypto_owner', p.oid::regprocedure)
FROM pg_proc AS p
JOIN pg_namespace AS n ON n.oid = p.pronamespace
WHERE n.nspname IN ('public', 'analytics', 'loading', 'lake') AND p.prokind = 'f'
    AND pg_get_userbyid(p.proowner) <> 'crypto_owner'
    AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.objid = p.oid AND d.deptype = 'e')
ORDER BY p.oid
\gexec

-- ---------------------------------------------------------------------------------------------
-- Everybody else: nothing that is not granted
-- ---------------------------------------------------------------------------------------------

REVOKE ALL ON DATABASE :"DBNAME" FROM PUBLIC;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;

-- ---------------------------------------------------------------------------------------------
-- The loader
-- ---------------------------------------------------------------------------------------------

REVOKE ALL ON DATABASE :"DBNAME" FROM etl_role;
REVOKE CREATE ON SCHEMA public FROM etl_role;
-- Staging goes through temporary tables.
GRANT CONNECT, TEMPORARY ON DATABASE :"DBNAME" TO etl_role;
-- Dagster keeps its runs here and changes its tables itself: they are the loader's, and no others.
CREATE SCHEMA IF NOT EXISTS dagster AUTHORIZATION etl_role;
ALTER SCHEMA dagster OWNER TO etl_role;
SELECT format('ALTER TABLE %s OWNER TO etl_role', c.oid::regclass)
FROM pg_class AS c
WHERE c.relnamespace = 'dagster'::regnamespace AND c.relkind IN ('r', 'p')
    AND pg_get_userbyid(c.relowner) <> 'etl_role'
ORDER BY c.oid
\gexec
-- A replay, which is the owner's, is a run too. No CREATE: what is made here is the loader's.
GRANT USAGE ON SCHEMA dagster TO crypto_owner;
GRANT ALL ON ALL TABLES IN SCHEMA dagster TO crypto_owner;
GRANT ALL ON ALL SEQUENCES IN SCHEMA dagster TO crypto_owner;
ALTER DEFAULT PRIVILEGES FOR ROLE etl_role IN SCHEMA dagster GRANT ALL ON TABLES TO crypto_owner;
ALTER DEFAULT PRIVILEGES FOR ROLE etl_role IN SCHEMA dagster GRANT ALL ON SEQUENCES TO crypto_owner;
-- For Dagster's own connections, which name no schema. The pipeline sets its own in each
-- transaction. A pooler may drop what a client asks for at its start, but not this.
ALTER ROLE etl_role IN DATABASE :"DBNAME" SET search_path = dagster;

-- ---------------------------------------------------------------------------------------------
-- The readers
-- ---------------------------------------------------------------------------------------------

REVOKE ALL ON DATABASE :"DBNAME" FROM analytics_role;
GRANT CONNECT ON DATABASE :"DBNAME" TO analytics_role;
ALTER ROLE analytics_role IN DATABASE :"DBNAME" SET statement_timeout = '60s';
ALTER ROLE analytics_role IN DATABASE :"DBNAME" SET idle_in_transaction_session_timeout = '5min';
ALTER ROLE analytics_role IN DATABASE :"DBNAME" SET default_transaction_read_only = on;
ALTER ROLE analytics_role IN DATABASE :"DBNAME" SET search_path = analytics, public;

SELECT to_regclass('analytics.dim_date') IS NOT NULL
    AND to_regprocedure('public.attach_loading_month(regclass, timestamptz)') IS NOT NULL
    AND to_regclass('lake.changes') IS NOT NULL AS migrated \gset
\if :migrated
    SET LOCAL ROLE crypto_owner;
    SET LOCAL search_path = public;
    \ir grants.sql
\endif
COMMIT;
