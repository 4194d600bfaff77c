-- The facts of some days.
SELECT *
FROM lake.facts
WHERE snapshot_time >= %(start)s AND snapshot_time < %(end)s
ORDER BY snapshot_time, crypto_id, vs_currency
