-- The batch of an answer. A failed one is tried again, a completed one left as it is.
INSERT INTO quote_batches (
    quote_batch_id, landing_file, file_sha256, body_sha256, source, endpoint, request, vs_currencies,
    ingested_at, status, error, items_fetched, items_loaded, items_duplicate, items_rejected,
    schema_drift
)
VALUES (
    %(quote_batch_id)s, %(landing_file)s, %(file_sha256)s, %(body_sha256)s, %(source)s, %(endpoint)s,
    %(request)s, %(vs_currencies)s, %(ingested_at)s,
    CASE WHEN %(error)s::text IS NULL THEN 'completed' ELSE 'failed' END, %(error)s,
    %(fetched)s, %(loaded)s, %(fetched)s - %(loaded)s - %(rejected)s, %(rejected)s, %(drift)s
)
ON CONFLICT (landing_file) DO UPDATE SET
    file_sha256 = excluded.file_sha256,
    body_sha256 = excluded.body_sha256,
    source = excluded.source,
    endpoint = excluded.endpoint,
    request = excluded.request,
    vs_currencies = excluded.vs_currencies,
    ingested_at = excluded.ingested_at,
    status = excluded.status,
    error = excluded.error,
    items_fetched = excluded.items_fetched,
    items_loaded = excluded.items_loaded,
    items_duplicate = excluded.items_duplicate,
    items_rejected = excluded.items_rejected,
    schema_drift = excluded.schema_drift,
    run_id = current_run_id(),
    loaded_at = now()
WHERE quote_batches.status = 'failed'
