-- A snapshot does not lie on the time bucket of its last_updated.
SELECT s.crypto_id, s.vs_currency, s.snapshot_time, s.last_updated
FROM scoped_batches JOIN pruned_price_snapshots AS s USING (batch_id)
WHERE s.snapshot_time <> round_to_snapshot_interval(s.last_updated)
