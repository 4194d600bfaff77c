-- Prices, caps, volumes and supplies are not negative; a change may be. Compared one by one: least()
-- would want a common type for decimals of different scales.
SELECT crypto_id, vs_currency, snapshot_time
FROM {lake}.fact_crypto_price_metrics
WHERE
    -- [[[cog any_of((c for c in FACT.measures if not c.kind.signed), "{} < 0") ]]]
    current_price < 0
        OR high_24h < 0
        OR low_24h < 0
        OR ath < 0
        OR atl < 0
        OR market_cap < 0
        OR market_cap_rank < 0
        OR fully_diluted_valuation < 0
        OR total_volume < 0
        OR circulating_supply < 0
        OR total_supply < 0
        OR max_supply < 0
        OR market_cap_rank_with_rehypothecated < 0
    -- [[[end]]]
