-- A measure in gold differs from silver's.
SELECT f.crypto_id, f.vs_currency, f.snapshot_time, f.current_price, h.current_price AS silver_price
FROM differing_batches AS b
JOIN pruned_fact_crypto_price_metrics AS f USING (batch_id)
JOIN pruned_price_history AS h USING (crypto_id, vs_currency, snapshot_time)
WHERE (
    -- [[[cog columns(FACT.measures, "f.{}") ]]]
    f.current_price, f.high_24h, f.low_24h, f.price_change_24h, f.price_change_pct_24h,
    f.ath, f.ath_change_pct, f.atl, f.atl_change_pct, f.market_cap, f.market_cap_rank,
    f.fully_diluted_valuation, f.total_volume, f.market_cap_change_24h,
    f.market_cap_change_pct_24h, f.circulating_supply, f.total_supply, f.max_supply,
    f.roi_times, f.roi_percentage, f.market_cap_rank_with_rehypothecated
    -- [[[end]]]
) IS DISTINCT FROM (
    -- [[[cog columns(FACT.measures, "h.{}") ]]]
    h.current_price, h.high_24h, h.low_24h, h.price_change_24h, h.price_change_pct_24h,
    h.ath, h.ath_change_pct, h.atl, h.atl_change_pct, h.market_cap, h.market_cap_rank,
    h.fully_diluted_valuation, h.total_volume, h.market_cap_change_24h,
    h.market_cap_change_pct_24h, h.circulating_supply, h.total_supply, h.max_supply,
    h.roi_times, h.roi_percentage, h.market_cap_rank_with_rehypothecated
    -- [[[end]]]
)
