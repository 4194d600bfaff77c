-- The facts of some batches.
SELECT *
FROM lake.facts
WHERE batch_id = ANY (%(batches)s)
ORDER BY snapshot_time, crypto_id, vs_currency
