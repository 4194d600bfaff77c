-- A batch of price history gets its number before its points are written, and keeps it, as in
-- silver/begin_batches.sql.
MERGE INTO {lake}.history_batches AS b
USING (
    WITH known AS (SELECT history_batch_id, landing_file FROM {lake}.history_batches)
    SELECT
        s.*,
        k.history_batch_id IS NOT NULL AS is_known,
        coalesce(
            k.history_batch_id,
            CAST(m.highest + row_number() OVER (
                ORDER BY CASE WHEN k.history_batch_id IS NULL THEN 0 ELSE 1 END, s.place
            ) AS BIGINT)
        ) AS history_batch_id,
        CASE WHEN s.error IS NULL THEN 'loading' ELSE 'failed' END AS status
    FROM staged_history_batches AS s
    LEFT JOIN known AS k ON k.landing_file = s.landing_file
    CROSS JOIN (SELECT coalesce(max(history_batch_id), 0) AS highest FROM known) AS m
) AS s
ON b.history_batch_id = s.history_batch_id
WHEN MATCHED AND (b.status <> 'completed' OR NOT s.is_known) THEN UPDATE SET
    landing_file = CASE
        WHEN NOT s.is_known
        THEN raise_error(concat('another load has begun ', b.landing_file))
        ELSE s.landing_file
    END,
    file_sha256 = s.file_sha256,
    origin = s.origin,
    granularity_minutes = s.granularity_minutes,
    source = s.source,
    source_kind = s.source_kind,
    requested_from = s.requested_from,
    requested_to = s.requested_to,
    ingested_at = s.ingested_at,
    status = s.status,
    error = s.error,
    points_fetched = s.points_fetched,
    points_duplicate = s.points_fetched - s.points_rejected - s.points_unfinished,
    points_rejected = s.points_rejected,
    points_unfinished = s.points_unfinished,
    warnings = s.warnings,
    loaded_at = current_timestamp()
WHEN NOT MATCHED THEN INSERT (
    history_batch_id, landing_file, file_sha256, origin, crypto_id, vs_currency,
    granularity_minutes, source, source_kind, requested_from, requested_to, ingested_at, status,
    error, points_fetched, points_loaded, points_duplicate, points_rejected, points_unfinished,
    warnings, loaded_at, candles_loaded_at
) VALUES (
    s.history_batch_id, s.landing_file, s.file_sha256, s.origin, s.crypto_id, s.vs_currency,
    s.granularity_minutes, s.source, s.source_kind, s.requested_from, s.requested_to,
    s.ingested_at, s.status, s.error, s.points_fetched, 0,
    s.points_fetched - s.points_rejected - s.points_unfinished, s.points_rejected,
    s.points_unfinished, s.warnings, current_timestamp(), NULL
)
