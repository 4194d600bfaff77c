-- A snapshot has no market metrics: the two tables are 1:1.
SELECT s.crypto_id, s.vs_currency, s.snapshot_time
FROM scoped_batches
JOIN pruned_price_snapshots AS s USING (batch_id)
LEFT JOIN pruned_market_metrics AS m USING (crypto_id, vs_currency, snapshot_time)
WHERE m.crypto_id IS NULL
