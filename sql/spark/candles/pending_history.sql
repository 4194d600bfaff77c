SELECT history_batch_id
FROM {lake}.history_batches
WHERE status = 'completed' AND candles_loaded_at IS NULL
ORDER BY history_batch_id
