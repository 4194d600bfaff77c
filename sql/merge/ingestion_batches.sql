-- A file that is loaded already is left as it is, a failed one tried again. A batch is "loading"
-- until rejected_records.sql, the last merge of the transaction, completes it.
INSERT INTO data_origin (kind)
SELECT source_kind(source) FROM incoming_ingestion_batches WHERE NOT failed
ORDER BY ingested_at, landing_file LIMIT 1
ON CONFLICT DO NOTHING;

WITH merged AS (
    INSERT INTO ingestion_batches (
        batch_id, landing_file, file_sha256, partition_hour, source, vs_currency, ingested_at,
        ingested_at_origin, request, status, error, records_fetched, records_rejected, warnings, schema_drift
    )
    SELECT
        batch_id, landing_file, file_sha256, partition_hour, source, vs_currency, ingested_at,
        ingested_at_origin, request::jsonb, CASE WHEN failed THEN 'failed' ELSE 'loading' END, error,
        records_fetched, records_rejected, warnings::jsonb, schema_drift::jsonb
    FROM incoming_ingestion_batches
    ORDER BY ingested_at, landing_file
    ON CONFLICT (landing_file) DO UPDATE SET
        file_sha256 = excluded.file_sha256,
        source = excluded.source,
        vs_currency = excluded.vs_currency,
        ingested_at = excluded.ingested_at,
        ingested_at_origin = excluded.ingested_at_origin,
        request = excluded.request,
        status = excluded.status,
        error = excluded.error,
        records_fetched = excluded.records_fetched,
        records_rejected = excluded.records_rejected,
        warnings = excluded.warnings,
        schema_drift = excluded.schema_drift,
        run_id = current_run_id(),
        loaded_at = now()
    WHERE ingestion_batches.status = 'failed'
    RETURNING status
)
SELECT
    count(*) FILTER (WHERE status = 'loading') AS batches_new,
    count(*) FILTER (WHERE status = 'failed') AS batches_failed,
    (SELECT count(*) FROM incoming_ingestion_batches) - count(*) AS batches_loaded_before
FROM merged;
