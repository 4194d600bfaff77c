-- The batches that a check looks at: those of the run's hours, or all where the run has none.
CREATE TEMPORARY TABLE scoped_batches ON COMMIT DROP AS
SELECT batch_id, landing_file, file_sha256, status, gold_loaded_at
FROM ingestion_batches
WHERE (%(start)s::timestamptz IS NULL OR partition_hour >= %(start)s)
    AND (%(end)s::timestamptz IS NULL OR partition_hour < %(end)s)
