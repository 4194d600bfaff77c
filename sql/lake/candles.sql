-- The candles as a lake has them, for lakehouse/candles.py.
-- Runs as the owner of the tables, after every migration.
DO $$
BEGIN
    IF to_regclass('lake.fact_crypto_price_hourly') IS NOT NULL THEN
        DROP VIEW lake.fact_crypto_price_hourly, lake.fact_crypto_price_daily;
    END IF;
END
$$;

CREATE VIEW lake.fact_crypto_price_hourly AS
SELECT
    -- [[[cog lake_columns(FACT_HOURLY) ]]]
    f.date_key,
    f.time_key,
    f.source_key,
    f.crypto_id,
    f.vs_currency,
    f.hour_start,
    lake.to_decimal(f.open_price, 38, 26) AS open_price,
    lake.to_decimal(f.high_price, 38, 26) AS high_price,
    lake.to_decimal(f.low_price, 38, 26) AS low_price,
    lake.to_decimal(f.close_price, 38, 26) AS close_price,
    lake.to_decimal(f.mean_price, 38, 26) AS mean_price,
    lake.to_decimal(f.market_cap, 38, 14) AS market_cap,
    lake.to_decimal(f.total_volume, 38, 14) AS total_volume,
    f.observations,
    lake.to_decimal(f.coverage_share, 5, 4) AS coverage_share,
    f.origin,
    f.load_timestamp,
    -- [[[end]]]
    to_char(f.hour_start AT TIME ZONE 'UTC', 'YYYY-MM') AS snapshot_month
FROM analytics.fact_crypto_price_hourly AS f;
COMMENT ON VIEW lake.fact_crypto_price_hourly IS
    'The hourly candles with decimals of a lake, rounded half-even; null where the decimal cannot hold the value.';

CREATE VIEW lake.fact_crypto_price_daily AS
SELECT
    -- [[[cog lake_columns(FACT_DAILY) ]]]
    f.date_key,
    f.source_key,
    f.crypto_id,
    f.vs_currency,
    f.day,
    lake.to_decimal(f.open_price, 38, 26) AS open_price,
    lake.to_decimal(f.high_price, 38, 26) AS high_price,
    lake.to_decimal(f.low_price, 38, 26) AS low_price,
    lake.to_decimal(f.close_price, 38, 26) AS close_price,
    lake.to_decimal(f.mean_price, 38, 26) AS mean_price,
    lake.to_decimal(f.market_cap, 38, 14) AS market_cap,
    lake.to_decimal(f.total_volume, 38, 14) AS total_volume,
    f.observations,
    lake.to_decimal(f.coverage_share, 5, 4) AS coverage_share,
    f.origin,
    f.load_timestamp,
    -- [[[end]]]
    to_char(f.day, 'YYYY-MM') AS snapshot_month
FROM analytics.fact_crypto_price_daily AS f;
COMMENT ON VIEW lake.fact_crypto_price_daily IS
    'The daily candles with decimals of a lake, rounded half-even; null where the decimal cannot hold the value.';
