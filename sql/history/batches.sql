-- The batches of the staged files. One that is loaded already is left as it is, a failed one tried again.
DELETE FROM staged_history_batches AS s
USING history_batches AS b
WHERE b.landing_file = s.landing_file AND b.status = 'completed';

INSERT INTO data_origin (kind)
SELECT source_kind(source) FROM staged_history_batches WHERE failure IS NULL
ORDER BY load_order LIMIT 1
ON CONFLICT DO NOTHING;

INSERT INTO history_batches (
    history_batch_id, landing_file, file_sha256, origin, crypto_id, vs_currency, granularity_minutes, source,
    requested_from, requested_to, ingested_at, status, error, points_fetched, points_duplicate,
    points_rejected, points_unfinished, warnings
)
SELECT
    history_batch_id, landing_file, file_sha256, origin, crypto_id, vs_currency, granularity_minutes, source,
    requested_from, requested_to, ingested_at,
    CASE WHEN failure IS NULL THEN 'completed' ELSE 'failed' END, failure, points_fetched,
    -- Until it is known which of them are loaded.
    points_fetched - points_rejected - points_unfinished,
    points_rejected, points_unfinished, warnings
FROM staged_history_batches
ORDER BY load_order
ON CONFLICT (landing_file) DO UPDATE SET
    file_sha256 = excluded.file_sha256,
    origin = excluded.origin,
    granularity_minutes = excluded.granularity_minutes,
    source = excluded.source,
    requested_from = excluded.requested_from,
    requested_to = excluded.requested_to,
    ingested_at = excluded.ingested_at,
    status = excluded.status,
    error = excluded.error,
    points_fetched = excluded.points_fetched,
    points_duplicate = excluded.points_duplicate,
    points_rejected = excluded.points_rejected,
    points_unfinished = excluded.points_unfinished,
    warnings = excluded.warnings,
    run_id = current_run_id(),
    loaded_at = now();

-- A currency that nobody has described yet.
INSERT INTO analytics.dim_currency (vs_currency, currency_name, kind, display_decimals)
SELECT DISTINCT vs_currency, vs_currency, 'unknown', 8
FROM staged_history_batches WHERE failure IS NULL
ON CONFLICT DO NOTHING;
