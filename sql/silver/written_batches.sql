-- The batches that this transaction has written, which bear its time; the other staged files were
-- loaded before.
SELECT
    b.batch_id,
    b.status,
    b.landing_file,
    b.error,
    b.records_loaded,
    b.records_duplicate,
    b.records_rejected
FROM staged_ingestion_batches AS s
JOIN ingestion_batches AS b USING (landing_file)
WHERE b.loaded_at = now()
ORDER BY s.load_order;
