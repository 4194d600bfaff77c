-- The landing files with records that wait in quarantine, as far as they are asked for: those that break one
-- of %(rules)s, in files that were fetched since %(since)s. With each the files of the same fetch that
-- came later, which may correct it.
SELECT
    b.landing_file,
    b.file_sha256,
    ARRAY(
        SELECT c.landing_file
        FROM ingestion_batches AS c
        WHERE c.ingested_at = b.ingested_at
            AND c.source = b.source
            AND c.vs_currency = b.vs_currency
            AND c.batch_id > b.batch_id
            AND c.status = 'completed'
        ORDER BY c.batch_id
    ) AS corrections
FROM ingestion_batches AS b
WHERE (%(since)s::timestamptz IS NULL OR coalesce(b.ingested_at, b.partition_hour) >= %(since)s)
    AND b.batch_id IN (
        SELECT batch_id FROM rejected_records
        WHERE resolved_at IS NULL AND (%(rules)s::text[] IS NULL OR rules && %(rules)s)
    )
ORDER BY b.batch_id
