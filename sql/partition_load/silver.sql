-- Both silver tables of the month.
-- The planner multiplies what the columns of a join let through, expects a few rows and would go
-- through the batches for each.
SET LOCAL enable_nestloop = off;

INSERT INTO month_price_snapshots (
    crypto_id, vs_currency, snapshot_time, last_updated, name_id, batch_id, record_index,
    -- [[[cog columns(PRICE_MEASURES) ]]]
    current_price, high_24h, low_24h, price_change_24h, price_change_pct_24h, ath,
    ath_change_pct, ath_date, atl, atl_change_pct, atl_date
    -- [[[end]]]
)
SELECT
    crypto_id, vs_currency, snapshot_time, last_updated, name_id, batch_id, record_index,
    -- [[[cog columns(PRICE_MEASURES) ]]]
    current_price, high_24h, low_24h, price_change_24h, price_change_pct_24h, ath,
    ath_change_pct, ath_date, atl, atl_change_pct, atl_date
    -- [[[end]]]
FROM accepted_records
JOIN cryptocurrency_names USING (crypto_id, symbol, name);

INSERT INTO month_market_metrics (
    crypto_id, vs_currency, snapshot_time,
    -- [[[cog columns(METRIC_MEASURES) ]]]
    market_cap, market_cap_rank, fully_diluted_valuation, total_volume,
    market_cap_change_24h, market_cap_change_pct_24h, circulating_supply, total_supply,
    max_supply, roi_times, roi_currency, roi_percentage,
    market_cap_rank_with_rehypothecated
    -- [[[end]]]
)
SELECT
    crypto_id, vs_currency, snapshot_time,
    -- [[[cog columns(METRIC_MEASURES) ]]]
    market_cap, market_cap_rank, fully_diluted_valuation, total_volume,
    market_cap_change_24h, market_cap_change_pct_24h, circulating_supply, total_supply,
    max_supply, roi_times, roi_currency, roi_percentage,
    market_cap_rank_with_rehypothecated
    -- [[[end]]]
FROM accepted_records;

SET LOCAL enable_nestloop = on;
