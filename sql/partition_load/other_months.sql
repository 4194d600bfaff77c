-- The month's records that belong to other months go there the usual way, by sql/merge.
CREATE TEMPORARY VIEW incoming_price_snapshots AS
SELECT
    landing_file, record_index, crypto_id, vs_currency, snapshot_time,
    last_updated, symbol, name,
    -- [[[cog columns(PRICE_MEASURES) ]]]
    current_price, high_24h, low_24h, price_change_24h, price_change_pct_24h, ath,
    ath_change_pct, ath_date, atl, atl_change_pct, atl_date
    -- [[[end]]]
FROM records_of_other_months;

CREATE TEMPORARY VIEW incoming_market_metrics AS
SELECT
    landing_file, record_index, crypto_id, vs_currency, snapshot_time,
    -- [[[cog columns(METRIC_MEASURES) ]]]
    market_cap, market_cap_rank, fully_diluted_valuation, total_volume,
    market_cap_change_24h, market_cap_change_pct_24h, circulating_supply, total_supply,
    max_supply, roi_times, roi_currency, roi_percentage,
    market_cap_rank_with_rehypothecated
    -- [[[end]]]
FROM records_of_other_months;
