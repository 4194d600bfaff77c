-- The records of the staged files that wait in quarantine, as far as they are asked for.
CREATE TEMPORARY TABLE waiting_records ON COMMIT DROP AS
SELECT f.file_id, b.batch_id, b.status, r.record_index, b.ingested_at, b.source, b.vs_currency
FROM staged_files AS f
JOIN ingestion_batches AS b USING (landing_file)
JOIN rejected_records AS r USING (batch_id)
WHERE r.resolved_at IS NULL
    AND (%(rules)s::text[] IS NULL OR r.rules && %(rules)s)
    AND (%(since)s::timestamptz IS NULL OR coalesce(b.ingested_at, b.partition_hour) >= %(since)s);
