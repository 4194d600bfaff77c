-- What gold does not have yet: the snapshots of the batches pending for it, in the months that
-- pruned_views.sql has made visible, and all that silver knows.
CREATE OR REPLACE TEMPORARY VIEW pending_snapshots AS
SELECT s.crypto_id, s.name_id, s.last_updated, s.snapshot_time
FROM ingestion_batches AS b
JOIN pruned_price_snapshots AS s USING (batch_id)
WHERE b.status = 'completed' AND b.gold_loaded_at IS NULL;

CREATE OR REPLACE TEMPORARY VIEW pending_history AS
SELECT
    h.crypto_id, h.symbol, h.name, h.vs_currency, h.snapshot_time, h.last_updated,
    h.ingested_at, h.source, h.landing_file, h.batch_id, h.record_index,
    -- [[[cog columns((*PRICE_MEASURES, *METRIC_MEASURES), "h.{}") ]]]
    h.current_price, h.high_24h, h.low_24h, h.price_change_24h, h.price_change_pct_24h,
    h.ath, h.ath_change_pct, h.ath_date, h.atl, h.atl_change_pct, h.atl_date,
    h.market_cap, h.market_cap_rank, h.fully_diluted_valuation, h.total_volume,
    h.market_cap_change_24h, h.market_cap_change_pct_24h, h.circulating_supply,
    h.total_supply, h.max_supply, h.roi_times, h.roi_currency, h.roi_percentage,
    h.market_cap_rank_with_rehypothecated
    -- [[[end]]]
FROM ingestion_batches AS b
JOIN pruned_price_history AS h USING (batch_id)
WHERE b.status = 'completed' AND b.gold_loaded_at IS NULL;

CREATE OR REPLACE TEMPORARY VIEW known_snapshots AS
SELECT crypto_id, name_id, last_updated, snapshot_time FROM price_snapshots;
