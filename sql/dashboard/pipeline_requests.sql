-- The request budget: credits of this calendar month (UTC) by day, and their sum up to each day, of the
-- plan in use.
WITH days AS (
    SELECT
        (sent_at AT TIME ZONE 'UTC')::date AS day,
        count(*) AS requests,
        sum(credits) AS credits,
        count(*) FILTER (WHERE http_status IS DISTINCT FROM 200) AS not_ok
    FROM v_pipeline_requests
    WHERE api = 'coingecko' AND plan = :'plan'
        AND sent_at >= date_trunc('month', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'
    GROUP BY day
)
SELECT
    m.day::date AS day, coalesce(d.requests, 0) AS requests, coalesce(d.credits, 0) AS credits,
    coalesce(d.not_ok, 0) AS not_ok,
    CASE WHEN m.day <= now() AT TIME ZONE 'UTC' THEN
        sum(coalesce(d.credits, 0)) OVER (ORDER BY m.day)
    END AS credits_so_far
FROM generate_series(
    date_trunc('month', now() AT TIME ZONE 'UTC'),
    date_trunc('month', now() AT TIME ZONE 'UTC') + interval '1 month - 1 day',
    interval '1 day'
) AS m (day)
LEFT JOIN days AS d ON d.day = m.day::date
ORDER BY m.day
