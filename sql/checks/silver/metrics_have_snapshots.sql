-- Market metrics have no snapshot: the two tables are 1:1.
SELECT m.crypto_id, m.vs_currency, m.snapshot_time
FROM (
    SELECT DISTINCT s.snapshot_time
    FROM scoped_batches JOIN price_snapshots AS s USING (batch_id)
) AS scoped
JOIN market_metrics AS m USING (snapshot_time)
LEFT JOIN price_snapshots AS s USING (crypto_id, vs_currency, snapshot_time)
WHERE s.crypto_id IS NULL
