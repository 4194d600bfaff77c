-- a point that the source, or a second file, states otherwise than before: the first value stays
SELECT c.crypto_id, c.vs_currency, c.bucket_time, c.known_from, c.price
FROM price_corrections AS c
JOIN history_batches AS b USING (history_batch_id)
WHERE b.loaded_at >= (SELECT loaded_since FROM check_scope)
ORDER BY c.known_from DESC
