-- The batches that a check looks at: those of some hours.
CREATE TEMPORARY TABLE scoped_batches ON COMMIT DROP AS
SELECT batch_id, landing_file, file_sha256, status, gold_loaded_at
FROM ingestion_batches
WHERE partition_hour >= %(start)s AND partition_hour < %(end)s
