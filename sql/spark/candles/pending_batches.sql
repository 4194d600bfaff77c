SELECT batch_id
FROM {lake}.ingestion_batches
WHERE status = 'completed' AND gold_loaded_at IS NOT NULL AND candles_loaded_at IS NULL
ORDER BY batch_id
