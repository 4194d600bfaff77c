-- A coin has two snapshots in one currency and time bucket.
SELECT s.crypto_id, s.vs_currency, s.snapshot_time, count(*) AS snapshots
FROM (
    SELECT DISTINCT s.crypto_id, s.vs_currency, s.snapshot_time
    FROM scoped_batches JOIN pruned_price_snapshots AS s USING (batch_id)
) AS scoped
JOIN pruned_price_snapshots AS s USING (crypto_id, vs_currency, snapshot_time)
GROUP BY s.crypto_id, s.vs_currency, s.snapshot_time
HAVING count(*) > 1
