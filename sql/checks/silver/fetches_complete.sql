-- A fetch ended early: the batch holds the pages that were got before.
SELECT b.landing_file, b.error
FROM scoped_batches JOIN ingestion_batches AS b USING (batch_id)
WHERE b.status = 'completed' AND b.error IS NOT NULL
