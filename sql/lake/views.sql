-- The facts as a lake has them, for the statements beside this file.
-- Runs as the owner of the tables, after every migration.
DO $$
BEGIN
    IF to_regclass('lake.facts') IS NOT NULL THEN
        DROP VIEW lake.facts, lake.unrepresentable_values;
    END IF;
END
$$;

CREATE VIEW lake.facts AS
SELECT
    -- [[[cog lake_columns(FACT) ]]]
    f.date_key,
    f.time_key,
    f.crypto_key,
    f.source_key,
    f.crypto_id,
    f.vs_currency,
    f.snapshot_time,
    f.last_updated,
    f.batch_id,
    lake.to_decimal(f.current_price, 38, 26) AS current_price,
    lake.to_decimal(f.high_24h, 38, 26) AS high_24h,
    lake.to_decimal(f.low_24h, 38, 26) AS low_24h,
    lake.to_decimal(f.price_change_24h, 38, 26) AS price_change_24h,
    lake.to_decimal(f.price_change_pct_24h, 38, 14) AS price_change_pct_24h,
    lake.to_decimal(f.ath, 38, 26) AS ath,
    lake.to_decimal(f.ath_change_pct, 38, 14) AS ath_change_pct,
    lake.to_decimal(f.atl, 38, 26) AS atl,
    lake.to_decimal(f.atl_change_pct, 38, 14) AS atl_change_pct,
    lake.to_decimal(f.market_cap, 38, 14) AS market_cap,
    f.market_cap_rank,
    lake.to_decimal(f.fully_diluted_valuation, 38, 14) AS fully_diluted_valuation,
    lake.to_decimal(f.total_volume, 38, 14) AS total_volume,
    lake.to_decimal(f.market_cap_change_24h, 38, 14) AS market_cap_change_24h,
    lake.to_decimal(f.market_cap_change_pct_24h, 38, 14) AS market_cap_change_pct_24h,
    lake.to_decimal(f.circulating_supply, 38, 8) AS circulating_supply,
    lake.to_decimal(f.total_supply, 38, 8) AS total_supply,
    lake.to_decimal(f.max_supply, 38, 8) AS max_supply,
    lake.to_decimal(f.roi_times, 38, 14) AS roi_times,
    lake.to_decimal(f.roi_percentage, 38, 14) AS roi_percentage,
    f.market_cap_rank_with_rehypothecated,
    f.load_timestamp,
    -- [[[end]]]
    to_char(f.snapshot_time AT TIME ZONE 'UTC', 'YYYY-MM') AS snapshot_month,
    num_nonnulls(
        -- [[[cog columns(numbers(FACT.measures), "f.{}") ]]]
        f.current_price, f.high_24h, f.low_24h, f.price_change_24h, f.price_change_pct_24h,
        f.ath, f.ath_change_pct, f.atl, f.atl_change_pct, f.market_cap,
        f.fully_diluted_valuation, f.total_volume, f.market_cap_change_24h,
        f.market_cap_change_pct_24h, f.circulating_supply, f.total_supply, f.max_supply,
        f.roi_times, f.roi_percentage
        -- [[[end]]]
    ) AS measures_known
FROM analytics.fact_crypto_price_metrics AS f;
COMMENT ON VIEW lake.facts IS
    'The facts with their measures as decimals of a lake, rounded half-even; null where the decimal cannot hold the value. measures_known counts the values before that.';

CREATE VIEW lake.unrepresentable_values AS
SELECT
    'fact_crypto_price_metrics' AS table_name,
    f.crypto_id,
    f.vs_currency,
    f.snapshot_time,
    v.column_name,
    v.value::text AS exact_value,
    lake.unrepresentable_reason(v.value, v.digits, v.decimals) AS reason,
    f.batch_id
FROM analytics.fact_crypto_price_metrics AS f
CROSS JOIN LATERAL (
    VALUES
        -- [[[cog decimal_values(FACT) ]]]
        ('current_price', f.current_price, 38, 26),
        ('high_24h', f.high_24h, 38, 26),
        ('low_24h', f.low_24h, 38, 26),
        ('price_change_24h', f.price_change_24h, 38, 26),
        ('price_change_pct_24h', f.price_change_pct_24h, 38, 14),
        ('ath', f.ath, 38, 26),
        ('ath_change_pct', f.ath_change_pct, 38, 14),
        ('atl', f.atl, 38, 26),
        ('atl_change_pct', f.atl_change_pct, 38, 14),
        ('market_cap', f.market_cap, 38, 14),
        ('fully_diluted_valuation', f.fully_diluted_valuation, 38, 14),
        ('total_volume', f.total_volume, 38, 14),
        ('market_cap_change_24h', f.market_cap_change_24h, 38, 14),
        ('market_cap_change_pct_24h', f.market_cap_change_pct_24h, 38, 14),
        ('circulating_supply', f.circulating_supply, 38, 8),
        ('total_supply', f.total_supply, 38, 8),
        ('max_supply', f.max_supply, 38, 8),
        ('roi_times', f.roi_times, 38, 14),
        ('roi_percentage', f.roi_percentage, 38, 14)
        -- [[[end]]]
) AS v (column_name, value, digits, decimals)
WHERE lake.unrepresentable_reason(v.value, v.digits, v.decimals) IS NOT NULL;
COMMENT ON VIEW lake.unrepresentable_values IS
    'The values of the facts that the decimals of a lake cannot hold.';
