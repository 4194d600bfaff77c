-- A batch gets its number before its rows are written, and keeps it: a load that died is found as
-- "loading" and goes on with the same number. A completed batch is left as it is.
MERGE INTO {lake}.ingestion_batches AS b
USING (
    SELECT
        s.*,
        CAST(m.highest + s.place AS BIGINT) AS batch_id,
        CASE WHEN s.failed THEN 'failed' ELSE 'loading' END AS status
    FROM staged_batches AS s
    CROSS JOIN (
        SELECT coalesce(max(batch_id), 0) AS highest FROM {lake}.ingestion_batches
    ) AS m
) AS s
ON b.landing_file = s.landing_file
WHEN MATCHED AND b.status <> 'completed' THEN UPDATE SET
    file_sha256 = s.file_sha256,
    source = s.source,
    source_kind = s.source_kind,
    vs_currency = s.vs_currency,
    ingested_at = s.ingested_at,
    request = s.request,
    status = s.status,
    error = s.error,
    records_fetched = s.records_fetched,
    records_rejected = s.records_rejected,
    warnings = s.warnings,
    schema_drift = s.schema_drift,
    loaded_at = current_timestamp()
WHEN NOT MATCHED THEN INSERT (
    batch_id, landing_file, file_sha256, partition_hour, source, source_kind, vs_currency,
    ingested_at, request, status, error, records_fetched, records_loaded, records_duplicate,
    records_rejected, warnings, schema_drift, loaded_at, gold_loaded_at
) VALUES (
    s.batch_id, s.landing_file, s.file_sha256, s.partition_hour, s.source, s.source_kind,
    s.vs_currency, s.ingested_at, s.request, s.status, s.error, s.records_fetched, 0, 0,
    s.records_rejected, s.warnings, s.schema_drift, current_timestamp(), NULL
)
