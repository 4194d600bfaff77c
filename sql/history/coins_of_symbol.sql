-- The coins that have or had a symbol, with the newest rank of each, the largest first.
SELECT c.crypto_id, c.name, newest.market_cap_rank
FROM cryptocurrencies AS c
LEFT JOIN LATERAL (
    SELECT m.market_cap_rank
    FROM market_metrics AS m
    WHERE m.crypto_id = c.crypto_id
        AND m.snapshot_time >= c.last_seen_at - interval '2 days'
    ORDER BY m.snapshot_time DESC
    LIMIT 1
) AS newest ON true
WHERE c.crypto_id IN (
    SELECT crypto_id FROM cryptocurrency_names WHERE lower(symbol) = lower(%(symbol)s)
)
ORDER BY newest.market_cap_rank NULLS LAST, c.crypto_id
