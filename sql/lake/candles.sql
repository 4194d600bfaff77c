-- The candles as a lake has them, for lakehouse/candles.py.
-- Runs as the owner of the tables, after every migration.
DO $$
BEGIN
    IF to_regclass('lake.fact_crypto_price_hourly') IS NOT NULL THEN
        DROP VIEW lake.fact_crypto_price_hourly, lake.fact_crypto_price_daily;
    END IF;
    IF to_regclass('lake.unrepresentable_in_candles') IS NOT NULL THEN
        DROP VIEW lake.unrepresentable_in_candles;
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
    to_char(f.hour_start AT TIME ZONE 'UTC', 'YYYY-MM') AS snapshot_month,
    num_nonnulls(
        -- [[[cog columns(numbers(FACT_HOURLY.columns), "f.{}") ]]]
        f.open_price, f.high_price, f.low_price, f.close_price, f.mean_price, f.market_cap,
        f.total_volume, f.coverage_share
        -- [[[end]]]
    ) AS measures_known
FROM analytics.fact_crypto_price_hourly AS f;
COMMENT ON VIEW lake.fact_crypto_price_hourly IS
    'The hourly candles with decimals of a lake, rounded half-even; null where the decimal cannot hold the value. measures_known counts the values before that.';

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
    to_char(f.day, 'YYYY-MM') AS snapshot_month,
    num_nonnulls(
        -- [[[cog columns(numbers(FACT_DAILY.columns), "f.{}") ]]]
        f.open_price, f.high_price, f.low_price, f.close_price, f.mean_price, f.market_cap,
        f.total_volume, f.coverage_share
        -- [[[end]]]
    ) AS measures_known
FROM analytics.fact_crypto_price_daily AS f;
COMMENT ON VIEW lake.fact_crypto_price_daily IS
    'The daily candles with decimals of a lake, rounded half-even; null where the decimal cannot hold the value. measures_known counts the values before that.';

CREATE VIEW lake.unrepresentable_in_candles AS
SELECT
    'fact_crypto_price_hourly' AS table_name,
    f.crypto_id,
    f.vs_currency,
    f.hour_start AS snapshot_time,
    v.column_name,
    v.value::text AS exact_value,
    lake.unrepresentable_reason(v.value, v.digits, v.decimals) AS reason,
    -1::bigint AS batch_id,
    f.load_timestamp
FROM analytics.fact_crypto_price_hourly AS f
CROSS JOIN LATERAL (
    VALUES
        -- [[[cog decimal_values(FACT_HOURLY) ]]]
        ('open_price', f.open_price, 38, 26),
        ('high_price', f.high_price, 38, 26),
        ('low_price', f.low_price, 38, 26),
        ('close_price', f.close_price, 38, 26),
        ('mean_price', f.mean_price, 38, 26),
        ('market_cap', f.market_cap, 38, 14),
        ('total_volume', f.total_volume, 38, 14),
        ('coverage_share', f.coverage_share, 5, 4)
        -- [[[end]]]
) AS v (column_name, value, digits, decimals)
WHERE lake.unrepresentable_reason(v.value, v.digits, v.decimals) IS NOT NULL
UNION ALL
SELECT
    'fact_crypto_price_daily' AS table_name,
    f.crypto_id,
    f.vs_currency,
    f.day::timestamp AT TIME ZONE 'UTC' AS snapshot_time,
    v.column_name,
    v.value::text AS exact_value,
    lake.unrepresentable_reason(v.value, v.digits, v.decimals) AS reason,
    -1::bigint AS batch_id,
    f.load_timestamp
FROM analytics.fact_crypto_price_daily AS f
CROSS JOIN LATERAL (
    VALUES
        -- [[[cog decimal_values(FACT_DAILY) ]]]
        ('open_price', f.open_price, 38, 26),
        ('high_price', f.high_price, 38, 26),
        ('low_price', f.low_price, 38, 26),
        ('close_price', f.close_price, 38, 26),
        ('mean_price', f.mean_price, 38, 26),
        ('market_cap', f.market_cap, 38, 14),
        ('total_volume', f.total_volume, 38, 14),
        ('coverage_share', f.coverage_share, 5, 4)
        -- [[[end]]]
) AS v (column_name, value, digits, decimals)
WHERE lake.unrepresentable_reason(v.value, v.digits, v.decimals) IS NOT NULL;
COMMENT ON VIEW lake.unrepresentable_in_candles IS
    'The values of the candles that the decimals of a lake cannot hold.';
