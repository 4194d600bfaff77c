-- Requests from a machine's log. One that a budget has reserved is there already, without its outcome.
INSERT INTO api_requests AS r (
    request_id, sent_at, plan, endpoint, http_status, credits, received_bytes, duration_ms, is_cached, run_id,
    api
)
SELECT DISTINCT ON (request_id)
    request_id, sent_at, plan, endpoint, http_status, credits, received_bytes, duration_ms, is_cached, run_id,
    api
FROM incoming_requests
ORDER BY request_id
ON CONFLICT (request_id) DO UPDATE SET
    endpoint = excluded.endpoint,
    http_status = excluded.http_status,
    credits = excluded.credits,
    received_bytes = excluded.received_bytes,
    duration_ms = excluded.duration_ms,
    is_cached = excluded.is_cached,
    run_id = excluded.run_id
WHERE r.endpoint IS NULL;
