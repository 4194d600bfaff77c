-- The marts as a lake has them, for lakehouse/marts.py.
-- Runs as the owner of the tables, after every migration.
DO $$
BEGIN
    IF to_regclass('lake.mart_returns_hourly') IS NOT NULL THEN
        DROP VIEW lake.mart_returns_hourly, lake.mart_coin_daily, lake.mart_rankings_daily,
            lake.mart_market_daily, lake.mart_correlations_daily;
    END IF;
END
$$;

CREATE VIEW lake.mart_returns_hourly AS
SELECT
    -- [[[cog lake_columns(MART_RETURNS) ]]]
    f.crypto_id,
    f.vs_currency,
    f.hour_start,
    f.simple_return_1h,
    f.log_return_1h,
    f.simple_return_24h,
    f.log_return_24h,
    f.simple_return_7d,
    f.log_return_7d,
    f.simple_return_30d,
    f.log_return_30d,
    f.simple_return_1y,
    f.log_return_1y,
    f.load_timestamp,
    -- [[[end]]]
    to_char(f.hour_start AT TIME ZONE 'UTC', 'YYYY-MM') AS snapshot_month
FROM analytics.mart_returns_hourly AS f;
COMMENT ON VIEW lake.mart_returns_hourly IS
    'The rows of mart_returns_hourly with decimals of a lake, rounded half-even; null where the decimal cannot hold the value.';

CREATE VIEW lake.mart_coin_daily AS
SELECT
    -- [[[cog lake_columns(MART_COIN) ]]]
    f.crypto_id,
    f.vs_currency,
    f.day,
    lake.to_decimal(f.close_price, 38, 26) AS close_price,
    f.simple_return_1d,
    f.log_return_1d,
    f.hourly_returns,
    f.realised_variance,
    f.realised_volatility_1d,
    f.realised_volatility_30d,
    f.daily_returns_30d,
    f.volatility_30d,
    lake.to_decimal(f.peak_price, 38, 26) AS peak_price,
    f.drawdown,
    f.max_drawdown,
    lake.to_decimal(f.total_volume, 38, 14) AS total_volume,
    f.volume_median_30d,
    f.volume_ratio,
    f.load_timestamp,
    -- [[[end]]]
    to_char(f.day, 'YYYY-MM') AS snapshot_month
FROM analytics.mart_coin_daily AS f;
COMMENT ON VIEW lake.mart_coin_daily IS
    'The rows of mart_coin_daily with decimals of a lake, rounded half-even; null where the decimal cannot hold the value.';

CREATE VIEW lake.mart_rankings_daily AS
SELECT
    -- [[[cog lake_columns(MART_RANKINGS) ]]]
    f.vs_currency,
    f.day,
    f.crypto_id,
    lake.to_decimal(f.market_cap, 38, 14) AS market_cap,
    f.cap_position,
    f.rank_class,
    f.market_cap_share,
    f.simple_return_1d,
    f.gain_position,
    f.loss_position,
    f.load_timestamp,
    -- [[[end]]]
    to_char(f.day, 'YYYY-MM') AS snapshot_month
FROM analytics.mart_rankings_daily AS f;
COMMENT ON VIEW lake.mart_rankings_daily IS
    'The rows of mart_rankings_daily with decimals of a lake, rounded half-even; null where the decimal cannot hold the value.';

CREATE VIEW lake.mart_market_daily AS
SELECT
    -- [[[cog lake_columns(MART_MARKET) ]]]
    f.vs_currency,
    f.day,
    f.coins,
    lake.to_decimal(f.market_cap, 38, 14) AS market_cap,
    lake.to_decimal(f.total_volume, 38, 14) AS total_volume,
    f.largest_id,
    f.largest_share,
    f.top_10_share,
    f.concentration,
    f.advancing,
    f.declining,
    f.unchanged,
    f.advancing_share,
    f.at_peak,
    f.load_timestamp,
    -- [[[end]]]
    to_char(f.day, 'YYYY-MM') AS snapshot_month
FROM analytics.mart_market_daily AS f;
COMMENT ON VIEW lake.mart_market_daily IS
    'The rows of mart_market_daily with decimals of a lake, rounded half-even; null where the decimal cannot hold the value.';

CREATE VIEW lake.mart_correlations_daily AS
SELECT
    -- [[[cog lake_columns(MART_CORRELATIONS) ]]]
    f.vs_currency,
    f.day,
    f.cap_position,
    f.other_position,
    f.crypto_id,
    f.other_id,
    f.correlation,
    f.common_days,
    f.load_timestamp,
    -- [[[end]]]
    to_char(f.day, 'YYYY-MM') AS snapshot_month
FROM analytics.mart_correlations_daily AS f;
COMMENT ON VIEW lake.mart_correlations_daily IS
    'The rows of mart_correlations_daily with decimals of a lake, rounded half-even; null where the decimal cannot hold the value.';
