SELECT
    batch_id, landing_file, status, gold_loaded_at IS NOT NULL AS in_gold,
    records_fetched, records_loaded, records_rejected
FROM {lake}.ingestion_batches
