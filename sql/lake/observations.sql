-- Of which file each snapshot and point of a month is that candles are made of.
SELECT f.crypto_id, f.vs_currency, 0 AS minutes, f.snapshot_time AS at, b.landing_file
FROM analytics.fact_crypto_price_metrics AS f JOIN ingestion_batches AS b USING (batch_id)
WHERE f.snapshot_time >= (%(month)s || '-01')::timestamp AT TIME ZONE 'UTC'
    AND f.snapshot_time < ((%(month)s || '-01')::timestamp + interval '1 month') AT TIME ZONE 'UTC'
UNION ALL
SELECT p.crypto_id, p.vs_currency, p.granularity_minutes, p.bucket_time, b.landing_file
FROM price_points AS p JOIN history_batches AS b USING (history_batch_id)
WHERE p.bucket_time >= (%(month)s || '-01')::timestamp AT TIME ZONE 'UTC'
    AND p.bucket_time < ((%(month)s || '-01')::timestamp + interval '1 month') AT TIME ZONE 'UTC'
