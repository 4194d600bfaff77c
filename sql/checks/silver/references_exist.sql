-- A snapshot points at a coin or a name that is not there.
SELECT s.crypto_id, s.vs_currency, s.snapshot_time, s.name_id
FROM scoped_batches
JOIN pruned_price_snapshots AS s USING (batch_id)
LEFT JOIN cryptocurrencies AS c USING (crypto_id)
LEFT JOIN cryptocurrency_names AS n USING (name_id)
WHERE c.crypto_id IS NULL OR n.name_id IS NULL
