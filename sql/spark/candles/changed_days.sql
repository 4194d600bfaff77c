-- The days on which a coin has a snapshot or a point whose batch is pending for the candles.
SELECT DISTINCT s.crypto_id, s.vs_currency, CAST(s.snapshot_time AS DATE) AS day
FROM {lake}.price_snapshots AS s
JOIN pending_candle_batches AS b ON b.batch_id = s.batch_id
WHERE s.batch_id BETWEEN {first_batch} AND {last_batch}
UNION
SELECT DISTINCT p.crypto_id, p.vs_currency, CAST(p.bucket_time AS DATE) AS day
FROM {lake}.price_points AS p
JOIN pending_candle_history AS b ON b.history_batch_id = p.history_batch_id
WHERE p.history_batch_id BETWEEN {first_history_batch} AND {last_history_batch}
