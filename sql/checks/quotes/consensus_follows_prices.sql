-- A row of the consensus is not what follows from the prices that it shows.
SELECT f.crypto_id, f.vs_currency, f.hour_start, f.median_price, f.source_count, f.source_prices, f.left_out
FROM analytics.fact_crypto_price_consensus AS f
CROSS JOIN check_scope
CROSS JOIN LATERAL (
    SELECT array_agg(p.price::numeric ORDER BY p.price::numeric) AS prices
    FROM jsonb_each_text(f.source_prices) AS p (source, price)
    WHERE NOT f.left_out ? p.source
) AS s
WHERE f.hour_start >= range_start AND f.hour_start < range_end
    AND (median_of_sorted(s.prices), cardinality(s.prices), s.prices[1], s.prices[cardinality(s.prices)])
        IS DISTINCT FROM (f.median_price, f.source_count::integer, f.lowest_price, f.highest_price)
