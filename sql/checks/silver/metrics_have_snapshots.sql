-- Market metrics have no snapshot: the two tables are 1:1.
-- Looked for by coin, around the times of its snapshots: that is what the primary key finds without
-- reading a month.
SELECT m.crypto_id, m.vs_currency, m.snapshot_time
FROM (
    SELECT s.crypto_id, s.vs_currency, min(s.snapshot_time) AS first, max(s.snapshot_time) AS last
    FROM scoped_batches JOIN pruned_price_snapshots AS s USING (batch_id)
    GROUP BY s.crypto_id, s.vs_currency
) AS scoped
JOIN pruned_market_metrics AS m
    ON m.crypto_id = scoped.crypto_id
    AND m.vs_currency = scoped.vs_currency
    AND m.snapshot_time BETWEEN scoped.first - interval '1 hour' AND scoped.last + interval '1 hour'
LEFT JOIN pruned_price_snapshots AS s
    ON (s.crypto_id, s.vs_currency, s.snapshot_time)
        = (m.crypto_id, m.vs_currency, m.snapshot_time)
WHERE s.crypto_id IS NULL
