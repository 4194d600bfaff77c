-- A landing file could not be loaded: its batch failed.
SELECT b.landing_file, b.error
FROM scoped_batches JOIN ingestion_batches AS b USING (batch_id)
WHERE b.status <> 'completed'
