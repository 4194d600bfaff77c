-- What gold has yet to learn, in a load that builds a month apart: after gold/waiting.sql, which has
-- the same relations for what is in the tables.
CREATE OR REPLACE TEMPORARY VIEW waiting_snapshots AS
SELECT crypto_id, name_id, last_updated, snapshot_time FROM month_price_snapshots
UNION ALL
SELECT s.crypto_id, s.name_id, s.last_updated, s.snapshot_time
FROM ingestion_batches AS b
JOIN price_snapshots AS s USING (batch_id)
WHERE b.status = 'completed' AND b.gold_loaded_at IS NULL;

CREATE OR REPLACE TEMPORARY VIEW known_snapshots AS
SELECT crypto_id, name_id, last_updated FROM month_price_snapshots
UNION ALL
SELECT crypto_id, name_id, last_updated FROM price_snapshots;

CREATE TEMPORARY VIEW month_history AS
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
