-- The last step of a gold load.
MERGE INTO {lake}.ingestion_batches AS b
USING pending_batches AS w
ON b.batch_id = w.batch_id
WHEN MATCHED THEN UPDATE SET gold_loaded_at = current_timestamp()
