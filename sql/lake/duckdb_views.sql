-- The views that people query, over the gold tables of a lake, for DuckDB: PostgreSQL's columns as far as
-- gold has them. What only silver has is left out: ingested_at, landing_file, record_index, ath_date,
-- atl_date, roi_currency.

-- Every fact with the symbol and name of its time, and where it came from.
CREATE VIEW v_price_history AS
SELECT
    f.crypto_id, c.symbol, c.name, f.vs_currency, f.snapshot_time, f.last_updated,
    s.source_name AS source, f.batch_id,
    -- [[[cog columns(FACT.measures, "f.{}") ]]]
    f.current_price, f.high_24h, f.low_24h, f.price_change_24h, f.price_change_pct_24h,
    f.ath, f.ath_change_pct, f.atl, f.atl_change_pct, f.market_cap, f.market_cap_rank,
    f.fully_diluted_valuation, f.total_volume, f.market_cap_change_24h,
    f.market_cap_change_pct_24h, f.circulating_supply, f.total_supply, f.max_supply,
    f.roi_times, f.roi_percentage, f.market_cap_rank_with_rehypothecated
    -- [[[end]]]
FROM analytics.fact_crypto_price_metrics AS f
JOIN analytics.dim_cryptocurrency AS c USING (crypto_key)
JOIN analytics.dim_source AS s USING (source_key);

-- The newest price of every coin in every currency, under its current symbol and name.
CREATE VIEW v_latest_prices AS
SELECT
    f.crypto_id, c.symbol, c.name, f.vs_currency,
    f.current_price, f.price_change_pct_24h, f.market_cap, f.market_cap_rank, f.total_volume,
    f.snapshot_time, f.last_updated,
    f.last_updated < newest.ingested_at - INTERVAL 24 HOURS AS is_stale
FROM analytics.fact_crypto_price_metrics AS f
SEMI JOIN (
    SELECT crypto_id, vs_currency, max(snapshot_time) AS snapshot_time
    FROM analytics.fact_crypto_price_metrics
    GROUP BY crypto_id, vs_currency
) AS latest USING (crypto_id, vs_currency, snapshot_time)
JOIN analytics.dim_cryptocurrency AS c ON c.crypto_id = f.crypto_id AND c.is_current
CROSS JOIN (SELECT max(last_ingested_at) AS ingested_at FROM analytics.dim_source) AS newest;
