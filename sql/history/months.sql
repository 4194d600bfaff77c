-- The months (first day, UTC) of which answers of the chart endpoint are held.
SELECT DISTINCT month::date
FROM (
    SELECT DISTINCT requested_from AT TIME ZONE 'UTC' AS first, requested_to AT TIME ZONE 'UTC' AS last
    FROM history_batches WHERE status = 'completed' AND origin = 'chart'
) AS asked, generate_series(date_trunc('month', first), last, '1 month') AS month
ORDER BY 1
