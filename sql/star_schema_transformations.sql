-- Creates the star schema by hand, unless it is there, and loads it from silver:
--   psql -f sql/create_tables.sql && psql -f sql/star_schema_transformations.sql
-- The pipeline runs the same files; running this twice changes nothing.
\set ON_ERROR_STOP on
SET TIME ZONE 'UTC';
SELECT to_regclass('analytics.dim_date') IS NULL AS create_gold \gset
SELECT to_regprocedure('drop_months_before(timestamptz)') IS NULL AS create_maintenance \gset
SELECT to_regnamespace('loading') IS NULL AS create_whole_months \gset
SELECT to_regclass('lake.changes') IS NULL AS create_lake \gset
SELECT NOT coalesce(
    (SELECT prosecdef FROM pg_proc WHERE proname = 'drop_months_before'), false
) AS create_roles \gset
SELECT to_regprocedure('see_months(timestamptz[])') IS NULL AS create_seen_months \gset
BEGIN;
\if :create_gold
    \ir migrations/0002_gold.sql
    UPDATE alembic_version SET version_num = '0002_gold';
\endif
\if :create_maintenance
    \ir migrations/0003_maintenance.sql
    UPDATE alembic_version SET version_num = '0003_maintenance';
\endif
\if :create_whole_months
    \ir migrations/0004_whole_months.sql
    UPDATE alembic_version SET version_num = '0004_whole_months';
\endif
\if :create_lake
    \ir migrations/0005_lake.sql
    UPDATE alembic_version SET version_num = '0005_lake';
\endif
\if :create_roles
    \ir migrations/0006_roles.sql
    UPDATE alembic_version SET version_num = '0006_roles';
    \ir grants.sql
\endif
\if :create_seen_months
    \ir migrations/0007_seen_months.sql
    UPDATE alembic_version SET version_num = '0007_seen_months';
\endif
-- One load at a time; the pipeline takes the same lock.
SELECT lock_warehouse();
\ir gold/seen_months.sql
\ir gold/waiting.sql
\ir gold/dim_date.sql
\ir merge/dim_date.sql
\ir gold/dim_time.sql
\ir merge/dim_time.sql
\ir gold/dim_source.sql
\ir merge/dim_source.sql
\ir gold/dim_cryptocurrency.sql
\ir merge/dim_cryptocurrency.sql
\ir gold/fact_crypto_price_metrics.sql
\ir merge/fact_crypto_price_metrics.sql
COMMIT;
