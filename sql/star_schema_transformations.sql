-- Creates the star schema by hand, unless it is there, and loads it from silver:
--   psql -f sql/create_tables.sql && psql -f sql/star_schema_transformations.sql
-- The pipeline runs the same files; running this twice changes nothing.
\set ON_ERROR_STOP on
SET TIME ZONE 'UTC';
SELECT
    version_num < '0002' AS create_gold,
    version_num < '0003' AS create_maintenance,
    version_num < '0004' AS create_whole_months,
    version_num < '0005' AS create_lake,
    version_num < '0006' AS create_roles,
    version_num < '0007' AS create_seen_months,
    version_num < '0008' AS create_latest_prices,
    version_num < '0009' AS rename_columns,
    version_num < '0010' AS create_merge,
    version_num < '0011' AS rename_terms
FROM alembic_version \gset
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
\endif
\if :create_seen_months
    \ir migrations/0007_seen_months.sql
    UPDATE alembic_version SET version_num = '0007_seen_months';
\endif
\if :create_latest_prices
    \ir migrations/0008_latest_prices.sql
    UPDATE alembic_version SET version_num = '0008_latest_prices';
\endif
\if :rename_columns
    \ir migrations/0009_names.sql
    UPDATE alembic_version SET version_num = '0009_names';
\endif
\if :create_merge
    \ir migrations/0010_merge.sql
    UPDATE alembic_version SET version_num = '0010_merge';
\endif
\if :rename_terms
    \ir migrations/0011_terms.sql
    UPDATE alembic_version SET version_num = '0011_terms';
\endif
\ir comments.sql
\ir lake/views.sql
\ir grants.sql
-- One load at a time; the pipeline takes the same lock.
SELECT lock_warehouse();
\ir gold/pruned_views.sql
\ir gold/pending.sql
\ir gold/dim_date.sql
SELECT * FROM merge_incoming('analytics.dim_date', overwrite => false);
\ir gold/dim_time.sql
SELECT * FROM merge_incoming('analytics.dim_time', overwrite => false);
\ir gold/dim_source.sql
SELECT * FROM merge_incoming('analytics.dim_source', overwrite => true);
\ir gold/dim_cryptocurrency.sql
\ir merge/dim_cryptocurrency.sql
\ir gold/fact_crypto_price_metrics.sql
\ir merge/fact_crypto_price_metrics.sql
COMMIT;
