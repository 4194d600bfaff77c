-- What silver has of changed_coins, from the first change of all on.
SELECT s.crypto_id, s.symbol, s.name, s.last_updated, s.snapshot_time
FROM {lake}.price_snapshots AS s
JOIN changed_coins AS c ON c.crypto_id = s.crypto_id
JOIN {lake}.ingestion_batches AS b ON b.batch_id = s.batch_id
WHERE b.status = 'completed'
    AND s.snapshot_month >= '{first_month}'
    AND s.snapshot_time >= CAST('{first_change}+00' AS TIMESTAMP)
