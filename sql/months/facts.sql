-- The facts of the month, by gold/fact_crypto_price_metrics.sql.
-- The planner multiplies what the columns of a join let through, expects a few rows and would go
-- through the batches for each.
SET LOCAL enable_nestloop = off;

CREATE OR REPLACE TEMPORARY VIEW waiting_history AS
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
    r.current_price,
    r.high_24h,
    r.low_24h,
    r.price_change_24h,
    r.price_change_percentage_24h,
    r.ath,
    r.ath_change_percentage,
    r.ath_date,
    r.atl,
    r.atl_change_percentage,
    r.atl_date,
    r.market_cap,
    r.market_cap_rank,
    r.fully_diluted_valuation,
    r.total_volume,
    r.market_cap_change_24h,
    r.market_cap_change_percentage_24h,
    r.circulating_supply,
    r.total_supply,
    r.max_supply,
    r.roi_times,
    r.roi_currency,
    r.roi_percentage
FROM accepted_records AS r
JOIN staged_files AS b USING (file_id);

INSERT INTO month_fact_crypto_price_metrics SELECT * FROM incoming_fact_crypto_price_metrics;

SET LOCAL enable_nestloop = on;
