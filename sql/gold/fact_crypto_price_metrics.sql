-- Rows of fact_crypto_price_metrics: the snapshots of the batches pending for gold.
CREATE OR REPLACE TEMPORARY VIEW incoming_fact_crypto_price_metrics AS
SELECT
    -- In floating point, which is exact here and a tenth of the time that to_char takes.
    (
        date_part('year', h.utc) * 10000 + date_part('month', h.utc) * 100 + date_part('day', h.utc)
    )::integer AS date_key,
    (date_part('hour', h.utc) * 100 + date_part('minute', h.utc))::smallint AS time_key,
    coalesce(c.crypto_key, -1) AS crypto_key,
    coalesce(o.source_key, -1) AS source_key,
    h.crypto_id,
    h.vs_currency,
    h.snapshot_time,
    h.last_updated,
    h.batch_id,
    -- [[[cog columns(FACT.measures, "h.{}", end=",", one_per_line=True) ]]]
    h.current_price,
    h.high_24h,
    h.low_24h,
    h.price_change_24h,
    h.price_change_pct_24h,
    h.ath,
    h.ath_change_pct,
    h.atl,
    h.atl_change_pct,
    h.market_cap,
    h.market_cap_rank,
    h.fully_diluted_valuation,
    h.total_volume,
    h.market_cap_change_24h,
    h.market_cap_change_pct_24h,
    h.circulating_supply,
    h.total_supply,
    h.max_supply,
    h.roi_times,
    h.roi_percentage,
    h.market_cap_rank_with_rehypothecated,
    -- [[[end]]]
    now() AS load_timestamp
FROM (SELECT *, snapshot_time AT TIME ZONE 'UTC' AS utc FROM pending_history) AS h
LEFT JOIN analytics.dim_cryptocurrency AS c
    ON c.crypto_id = h.crypto_id
    AND c.valid_from <= h.last_updated AND h.last_updated < c.valid_to
LEFT JOIN analytics.dim_source AS o ON o.source_name = h.source;
