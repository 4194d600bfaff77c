-- The batch of an answer. A failed one is tried again, a completed one left as it is.
INSERT INTO coin_list_batches (
    landing_file, file_sha256, body_sha256, is_active, source, request, ingested_at, status, error,
    coins_fetched, coins_listed, coins_rejected, flaws
)
VALUES (
    %(landing_file)s, %(file_sha256)s, %(body_sha256)s, %(is_active)s, %(source)s, %(request)s,
    %(ingested_at)s, CASE WHEN %(error)s::text IS NULL THEN 'completed' ELSE 'failed' END, %(error)s,
    %(fetched)s, %(listed)s, %(rejected)s, %(flaws)s
)
ON CONFLICT (landing_file) DO UPDATE SET
    file_sha256 = excluded.file_sha256,
    body_sha256 = excluded.body_sha256,
    is_active = excluded.is_active,
    source = excluded.source,
    request = excluded.request,
    ingested_at = excluded.ingested_at,
    status = excluded.status,
    error = excluded.error,
    coins_fetched = excluded.coins_fetched,
    coins_listed = excluded.coins_listed,
    coins_rejected = excluded.coins_rejected,
    flaws = excluded.flaws,
    run_id = current_run_id(),
    loaded_at = now()
WHERE coin_list_batches.status = 'failed'
