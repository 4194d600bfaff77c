-- The sources of a coin's price part by more than consensus_tolerance() of their median, in an hour.
SELECT
    f.crypto_id, f.vs_currency, f.hour_start, round(100 * f.spread_share, 2) AS spread_percent,
    f.source_prices, f.left_out
FROM analytics.fact_crypto_price_consensus AS f CROSS JOIN check_scope
WHERE f.source_count > 1 AND f.spread_share > consensus_tolerance()
    AND f.hour_start >= range_start AND f.hour_start < range_end
ORDER BY f.spread_share DESC
