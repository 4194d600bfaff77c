-- Of which file each snapshot and point of a month is that candles are made of.
SELECT s.crypto_id, s.vs_currency, 0 AS minutes, s.snapshot_time AS at, b.landing_file
FROM {lake}.price_snapshots AS s
JOIN {lake}.ingestion_batches AS b ON b.batch_id = s.batch_id
WHERE s.snapshot_month = '{of}'
UNION ALL
SELECT
    p.crypto_id, p.vs_currency, CAST(p.granularity_minutes AS INT), p.bucket_time, b.landing_file
FROM {lake}.price_points AS p
JOIN {lake}.history_batches AS b ON b.history_batch_id = p.history_batch_id
WHERE p.snapshot_month = '{of}'
