-- A batch gets its number before its rows are written, and keeps it: a load that died is found as
-- "loading" and goes on with the same number. A completed batch is left as it is.
--
-- Numbers are counted on from the greatest without a gap. So if another load has begun batches since
-- they were read, the first new number is taken, and this ends with an error: it is run again.
MERGE INTO {lake}.ingestion_batches AS b
USING (
    WITH known AS (SELECT batch_id, landing_file FROM {lake}.ingestion_batches)
    SELECT
        s.*,
        k.batch_id IS NOT NULL AS is_known,
        coalesce(
            k.batch_id,
            CAST(m.highest + row_number() OVER (
                ORDER BY CASE WHEN k.batch_id IS NULL THEN 0 ELSE 1 END, s.place
            ) AS BIGINT)
        ) AS batch_id,
        CASE WHEN s.failed THEN 'failed' ELSE 'loading' END AS status
    FROM staged_batches AS s
    LEFT JOIN known AS k ON k.landing_file = s.landing_file
    CROSS JOIN (SELECT coalesce(max(batch_id), 0) AS highest FROM known) AS m
) AS s
ON b.batch_id = s.batch_id
WHEN MATCHED AND (b.status <> 'completed' OR NOT s.is_known) THEN UPDATE SET
    landing_file = CASE
        WHEN NOT s.is_known
        THEN raise_error(concat('another load has begun ', b.landing_file))
        ELSE s.landing_file
    END,
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
    records_rejected, warnings, schema_drift, loaded_at, gold_loaded_at, candles_loaded_at
) VALUES (
    s.batch_id, s.landing_file, s.file_sha256, s.partition_hour, s.source, s.source_kind,
    s.vs_currency, s.ingested_at, s.request, s.status, s.error, s.records_fetched, 0, 0,
    s.records_rejected, s.warnings, s.schema_drift, current_timestamp(), NULL, NULL
)
