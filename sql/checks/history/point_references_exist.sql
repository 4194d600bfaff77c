-- a point of no completed batch, or of another coin or currency than its batch
SELECT p.crypto_id, p.vs_currency, p.bucket_time, p.history_batch_id
FROM price_points AS p
LEFT JOIN history_batches AS b
    ON b.history_batch_id = p.history_batch_id AND b.status = 'completed'
    AND b.crypto_id = p.crypto_id AND b.vs_currency = p.vs_currency
-- What a load has just written, it has written with its batch.
WHERE b.history_batch_id IS NULL AND (SELECT loaded_since FROM check_scope) = '-infinity'
