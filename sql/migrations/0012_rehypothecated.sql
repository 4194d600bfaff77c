-- The rank that counts tokens which stand for others, where a request asked for it.
-- Runs once, in one transaction; never edited after release: a change is a new migration.

ALTER TABLE market_metrics
    ADD COLUMN market_cap_rank_with_rehypothecated integer,
    DROP CONSTRAINT rank_positive,
    ADD CONSTRAINT rank_positive CHECK (
        least(market_cap_rank, market_cap_rank_with_rehypothecated) > 0
    );
ALTER TABLE analytics.fact_crypto_price_metrics
    ADD COLUMN market_cap_rank_with_rehypothecated integer;

CREATE OR REPLACE VIEW v_price_history AS
SELECT
    s.crypto_id,
    n.symbol,
    n.name,
    s.vs_currency,
    s.snapshot_time,
    s.last_updated,
    b.ingested_at,
    b.source,
    b.landing_file,
    s.batch_id,
    s.record_index,
    s.current_price,
    s.high_24h,
    s.low_24h,
    s.price_change_24h,
    s.price_change_pct_24h,
    s.ath,
    s.ath_change_pct,
    s.ath_date,
    s.atl,
    s.atl_change_pct,
    s.atl_date,
    m.market_cap,
    m.market_cap_rank,
    m.fully_diluted_valuation,
    m.total_volume,
    m.market_cap_change_24h,
    m.market_cap_change_pct_24h,
    m.circulating_supply,
    m.total_supply,
    m.max_supply,
    m.roi_times,
    m.roi_currency,
    m.roi_percentage,
    m.market_cap_rank_with_rehypothecated
FROM price_snapshots AS s
JOIN market_metrics AS m USING (crypto_id, vs_currency, snapshot_time)
JOIN cryptocurrency_names AS n USING (name_id)
JOIN ingestion_batches AS b USING (batch_id);
