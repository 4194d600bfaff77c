-- a price that is more than a tenth away from market cap / circulating supply
SELECT f.crypto_id, f.vs_currency, f.snapshot_time, f.current_price, f.market_cap, f.circulating_supply
FROM pruned_fact_crypto_price_metrics AS f
WHERE f.snapshot_time >= (SELECT range_start FROM check_scope)
    AND f.snapshot_time < (SELECT range_end FROM check_scope)
    AND f.market_cap > 0 AND f.circulating_supply > 0
    AND abs(f.current_price * f.circulating_supply - f.market_cap) > 0.1 * f.market_cap
