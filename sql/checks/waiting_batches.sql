-- The batches that wait for gold.
CREATE TEMPORARY TABLE scoped_batches ON COMMIT DROP AS
SELECT batch_id, landing_file, file_sha256, status, gold_loaded_at
FROM ingestion_batches
WHERE status = 'completed' AND gold_loaded_at IS NULL
