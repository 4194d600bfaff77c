-- The facts of the buckets that were taken, by the records that have them now.
UPDATE analytics.fact_crypto_price_metrics AS f
SET
    crypto_key = coalesce(c.crypto_key, -1),
    source_key = coalesce(o.source_key, -1),
    last_updated = h.last_updated,
    batch_id = h.batch_id,
    load_timestamp = now(),
    -- [[[cog columns(FACT.measures, "{} = h.{}", one_per_line=True) ]]]
    current_price = h.current_price,
    high_24h = h.high_24h,
    low_24h = h.low_24h,
    price_change_24h = h.price_change_24h,
    price_change_pct_24h = h.price_change_pct_24h,
    ath = h.ath,
    ath_change_pct = h.ath_change_pct,
    atl = h.atl,
    atl_change_pct = h.atl_change_pct,
    market_cap = h.market_cap,
    market_cap_rank = h.market_cap_rank,
    fully_diluted_valuation = h.fully_diluted_valuation,
    total_volume = h.total_volume,
    market_cap_change_24h = h.market_cap_change_24h,
    market_cap_change_pct_24h = h.market_cap_change_pct_24h,
    circulating_supply = h.circulating_supply,
    total_supply = h.total_supply,
    max_supply = h.max_supply,
    roi_times = h.roi_times,
    roi_percentage = h.roi_percentage,
    market_cap_rank_with_rehypothecated = h.market_cap_rank_with_rehypothecated
    -- [[[end]]]
FROM (
    SELECT crypto_id, vs_currency, snapshot_time FROM replayed_records
    WHERE takes_bucket AND held_by IS NOT NULL
) AS t
JOIN v_price_history AS h USING (crypto_id, vs_currency, snapshot_time)
LEFT JOIN analytics.dim_cryptocurrency AS c
    ON c.crypto_id = h.crypto_id AND c.valid_from <= h.last_updated AND h.last_updated < c.valid_to
LEFT JOIN analytics.dim_source AS o ON o.source_name = h.source
WHERE (f.crypto_id, f.vs_currency, f.snapshot_time) = (t.crypto_id, t.vs_currency, t.snapshot_time);
