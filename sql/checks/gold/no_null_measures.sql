-- A fact has no price, or lacks the market cap, volume or supply that silver has.
SELECT f.crypto_id, f.vs_currency, f.snapshot_time
FROM differing_batches AS b
JOIN pruned_fact_crypto_price_metrics AS f USING (batch_id)
LEFT JOIN pruned_market_metrics AS m USING (crypto_id, vs_currency, snapshot_time)
WHERE f.current_price IS NULL
    OR num_nulls(f.market_cap, f.total_volume, f.circulating_supply)
        > num_nulls(m.market_cap, m.total_volume, m.circulating_supply)
