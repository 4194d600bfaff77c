-- Both silver tables of the month.
-- The planner multiplies what the columns of a join let through, expects a few rows and would go
-- through the batches for each.
SET LOCAL enable_nestloop = off;

INSERT INTO month_price_snapshots (
    crypto_id, vs_currency, snapshot_time, last_updated, name_id, batch_id, record_index,
    current_price, high_24h, low_24h, price_change_24h, price_change_percentage_24h,
    ath, ath_change_percentage, ath_date, atl, atl_change_percentage, atl_date
)
SELECT
    crypto_id, vs_currency, snapshot_time, last_updated, name_id, batch_id, record_index,
    current_price, high_24h, low_24h, price_change_24h, price_change_percentage_24h,
    ath, ath_change_percentage, ath_date, atl, atl_change_percentage, atl_date
FROM accepted_records
JOIN cryptocurrency_names USING (crypto_id, symbol, name);

INSERT INTO month_market_metrics (
    crypto_id, vs_currency, snapshot_time,
    market_cap, market_cap_rank, fully_diluted_valuation, total_volume,
    market_cap_change_24h, market_cap_change_percentage_24h,
    circulating_supply, total_supply, max_supply, roi_times, roi_currency, roi_percentage
)
SELECT
    crypto_id, vs_currency, snapshot_time,
    market_cap, market_cap_rank, fully_diluted_valuation, total_volume,
    market_cap_change_24h, market_cap_change_percentage_24h,
    circulating_supply, total_supply, max_supply, roi_times, roi_currency, roi_percentage
FROM accepted_records;

SET LOCAL enable_nestloop = on;
