-- The facts of the month, by gold/fact_crypto_price_metrics.sql.
-- The planner multiplies what the columns of a join let through, expects a few rows and would go
-- through the batches for each.
SET LOCAL enable_nestloop = off;

CREATE OR REPLACE TEMPORARY VIEW pending_history AS
SELECT
    r.crypto_id,
    r.symbol,
    r.name,
    r.vs_currency,
    r.snapshot_time,
    r.last_updated,
    r.ingested_at,
    b.source,
    r.landing_file,
    r.batch_id,
    r.record_index,
    -- [[[cog columns((*PRICE_MEASURES, *METRIC_MEASURES), "r.{}", one_per_line=True) ]]]
    r.current_price,
    r.high_24h,
    r.low_24h,
    r.price_change_24h,
    r.price_change_pct_24h,
    r.ath,
    r.ath_change_pct,
    r.ath_date,
    r.atl,
    r.atl_change_pct,
    r.atl_date,
    r.market_cap,
    r.market_cap_rank,
    r.fully_diluted_valuation,
    r.total_volume,
    r.market_cap_change_24h,
    r.market_cap_change_pct_24h,
    r.circulating_supply,
    r.total_supply,
    r.max_supply,
    r.roi_times,
    r.roi_currency,
    r.roi_percentage,
    r.market_cap_rank_with_rehypothecated
    -- [[[end]]]
FROM accepted_records AS r
JOIN staged_files AS b USING (file_id);

INSERT INTO month_fact_crypto_price_metrics (
    -- [[[cog columns(FACT.columns) ]]]
    date_key, time_key, crypto_key, source_key, crypto_id, vs_currency, snapshot_time,
    last_updated, batch_id, current_price, high_24h, low_24h, price_change_24h,
    price_change_pct_24h, ath, ath_change_pct, atl, atl_change_pct, market_cap,
    market_cap_rank, fully_diluted_valuation, total_volume, market_cap_change_24h,
    market_cap_change_pct_24h, circulating_supply, total_supply, max_supply, roi_times,
    roi_percentage, market_cap_rank_with_rehypothecated, load_timestamp
    -- [[[end]]]
)
SELECT
    -- [[[cog columns(FACT.columns) ]]]
    date_key, time_key, crypto_key, source_key, crypto_id, vs_currency, snapshot_time,
    last_updated, batch_id, current_price, high_24h, low_24h, price_change_24h,
    price_change_pct_24h, ath, ath_change_pct, atl, atl_change_pct, market_cap,
    market_cap_rank, fully_diluted_valuation, total_volume, market_cap_change_24h,
    market_cap_change_pct_24h, circulating_supply, total_supply, max_supply, roi_times,
    roi_percentage, market_cap_rank_with_rehypothecated, load_timestamp
    -- [[[end]]]
FROM incoming_fact_crypto_price_metrics;

SET LOCAL enable_nestloop = on;
