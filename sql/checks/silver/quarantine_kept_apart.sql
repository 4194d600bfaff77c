-- A record in quarantine was loaded all the same.
SELECT r.batch_id, r.record_index, r.reason
FROM scoped_batches
JOIN rejected_records AS r USING (batch_id)
JOIN pruned_price_snapshots AS s USING (batch_id, record_index)
WHERE r.resolved_batch_id IS DISTINCT FROM r.batch_id
