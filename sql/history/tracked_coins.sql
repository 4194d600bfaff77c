-- The coins that snapshots have had, by their newest rank, the largest first; one that goes on under
-- another id by that.
SELECT coalesce(i.current_id, c.crypto_id)
FROM cryptocurrencies AS c
LEFT JOIN coin_current_ids AS i USING (crypto_id)
LEFT JOIN LATERAL (
    SELECT m.market_cap_rank
    FROM market_metrics AS m
    WHERE m.crypto_id = c.crypto_id AND m.snapshot_time >= c.last_seen_at - interval '2 days'
    ORDER BY m.snapshot_time DESC
    LIMIT 1
) AS newest ON true
GROUP BY 1
ORDER BY min(newest.market_cap_rank) NULLS LAST, 1
