-- A snapshot points at the name of another coin.
SELECT s.crypto_id, s.vs_currency, s.snapshot_time, n.crypto_id AS name_of
FROM scoped_batches
JOIN pruned_price_snapshots AS s USING (batch_id)
JOIN cryptocurrency_names AS n USING (name_id)
WHERE n.crypto_id <> s.crypto_id
