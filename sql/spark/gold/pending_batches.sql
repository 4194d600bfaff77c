SELECT batch_id, source, source_kind
FROM {lake}.ingestion_batches
WHERE status = 'completed' AND gold_loaded_at IS NULL
ORDER BY batch_id
