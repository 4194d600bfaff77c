-- Creates the star schema by hand, unless it is there, and loads it from silver:
--   psql -f sql/create_tables.sql && psql -f sql/star_schema_transformations.sql
-- The pipeline runs the same files; running this twice changes nothing.
\set ON_ERROR_STOP on
SET TIME ZONE 'UTC';
SELECT
    -- [[[cog migrations_due() ]]]
    version_num < '0002' AS due_0002,
    version_num < '0003' AS due_0003,
    version_num < '0004' AS due_0004,
    version_num < '0005' AS due_0005,
    version_num < '0006' AS due_0006,
    version_num < '0007' AS due_0007,
    version_num < '0008' AS due_0008,
    version_num < '0009' AS due_0009,
    version_num < '0010' AS due_0010,
    version_num < '0011' AS due_0011,
    version_num < '0012' AS due_0012,
    version_num < '0013' AS due_0013,
    version_num < '0014' AS due_0014,
    version_num < '0015' AS due_0015,
    version_num < '0016' AS due_0016,
    version_num < '0017' AS due_0017,
    version_num < '0020' AS due_0020,
    version_num < '0030' AS due_0030,
    version_num < '0031' AS due_0031,
    version_num < '0032' AS due_0032,
    version_num < '0033' AS due_0033,
    version_num < '0034' AS due_0034,
    version_num < '0037' AS due_0037,
    version_num < '0038' AS due_0038,
    version_num < '0041' AS due_0041
    -- [[[end]]]
FROM alembic_version \gset
BEGIN;
-- [[[cog migrations_run() ]]]
\if :due_0002
    \ir migrations/0002_gold.sql
    UPDATE alembic_version SET version_num = '0002_gold';
\endif
\if :due_0003
    \ir migrations/0003_maintenance.sql
    UPDATE alembic_version SET version_num = '0003_maintenance';
\endif
\if :due_0004
    \ir migrations/0004_whole_months.sql
    UPDATE alembic_version SET version_num = '0004_whole_months';
\endif
\if :due_0005
    \ir migrations/0005_lake.sql
    UPDATE alembic_version SET version_num = '0005_lake';
\endif
\if :due_0006
    \ir migrations/0006_roles.sql
    UPDATE alembic_version SET version_num = '0006_roles';
\endif
\if :due_0007
    \ir migrations/0007_seen_months.sql
    UPDATE alembic_version SET version_num = '0007_seen_months';
\endif
\if :due_0008
    \ir migrations/0008_latest_prices.sql
    UPDATE alembic_version SET version_num = '0008_latest_prices';
\endif
\if :due_0009
    \ir migrations/0009_names.sql
    UPDATE alembic_version SET version_num = '0009_names';
\endif
\if :due_0010
    \ir migrations/0010_merge.sql
    UPDATE alembic_version SET version_num = '0010_merge';
\endif
\if :due_0011
    \ir migrations/0011_terms.sql
    UPDATE alembic_version SET version_num = '0011_terms';
\endif
\if :due_0012
    \ir migrations/0012_rehypothecated.sql
    UPDATE alembic_version SET version_num = '0012_rehypothecated';
\endif
\if :due_0013
    \ir migrations/0013_file_forms.sql
    UPDATE alembic_version SET version_num = '0013_file_forms';
\endif
\if :due_0014
    \ir migrations/0014_price_history.sql
    UPDATE alembic_version SET version_num = '0014_price_history';
\endif
\if :due_0015
    \ir migrations/0015_gaps.sql
    UPDATE alembic_version SET version_num = '0015_gaps';
\endif
\if :due_0016
    \ir migrations/0016_currencies.sql
    UPDATE alembic_version SET version_num = '0016_currencies';
\endif
\if :due_0017
    \ir migrations/0017_ohlc.sql
    UPDATE alembic_version SET version_num = '0017_ohlc';
\endif
\if :due_0020
    \ir migrations/0020_quarantine.sql
    UPDATE alembic_version SET version_num = '0020_quarantine';
\endif
\if :due_0030
    \ir migrations/0030_coin_list.sql
    UPDATE alembic_version SET version_num = '0030_coin_list';
\endif
\if :due_0031
    \ir migrations/0031_dashboard.sql
    UPDATE alembic_version SET version_num = '0031_dashboard';
\endif
\if :due_0032
    \ir migrations/0032_aliases_in_history.sql
    UPDATE alembic_version SET version_num = '0032_aliases_in_history';
\endif
\if :due_0033
    \ir migrations/0033_candle_reads.sql
    UPDATE alembic_version SET version_num = '0033_candle_reads';
\endif
\if :due_0034
    \ir migrations/0034_marts.sql
    UPDATE alembic_version SET version_num = '0034_marts';
\endif
\if :due_0037
    \ir migrations/0037_quotes.sql
    UPDATE alembic_version SET version_num = '0037_quotes';
\endif
\if :due_0038
    \ir migrations/0038_consensus.sql
    UPDATE alembic_version SET version_num = '0038_consensus';
\endif
\if :due_0041
    \ir migrations/0041_series_hours.sql
    UPDATE alembic_version SET version_num = '0041_series_hours';
\endif
-- [[[end]]]
\ir comments.sql
\ir lake/views.sql
\ir lake/candles.sql
\ir lake/marts.sql
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
