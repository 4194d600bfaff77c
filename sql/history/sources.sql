-- The staged batches with their source, and whether anything is there yet in the range of their series:
-- points, or an hour of one of its days.
CREATE TEMPORARY TABLE placed_batches ON COMMIT DROP AS
WITH ranges AS (
    SELECT file_id, min(observed_ms) AS first_ms, max(observed_ms) AS last_ms
    FROM staged_points GROUP BY file_id
),
series AS (
    SELECT
        b.crypto_id, b.vs_currency, b.granularity_minutes,
        day_floor(to_timestamp(min(r.first_ms) / 1000)) AS first_day,
        day_floor(to_timestamp(max(r.last_ms) / 1000)) + interval '24 hours' AS day_after
    FROM staged_history_batches AS b JOIN ranges AS r USING (file_id)
    WHERE b.failure IS NULL
    GROUP BY b.crypto_id, b.vs_currency, b.granularity_minutes
),
judged AS (
    SELECT
        s.*,
        NOT EXISTS (
            SELECT FROM price_points AS p
            WHERE p.crypto_id = s.crypto_id AND p.vs_currency = s.vs_currency
                AND p.granularity_minutes = s.granularity_minutes
                AND p.bucket_time >= s.first_day AND p.bucket_time < s.day_after
        )
        AND NOT EXISTS (
            SELECT FROM analytics.fact_crypto_price_hourly AS h
            WHERE h.crypto_id = s.crypto_id AND h.vs_currency = s.vs_currency
                AND h.hour_start >= s.first_day AND h.hour_start < s.day_after
        )
        -- Five-minute points of the same days would come between.
        AND count(*) OVER (PARTITION BY s.crypto_id, s.vs_currency) = 1 AS is_new
    FROM series AS s
)
SELECT
    b.file_id, b.history_batch_id, b.crypto_id, b.vs_currency, b.granularity_minutes, b.load_order,
    b.origin, s.source_key, coalesce(j.is_new, false) AS is_new
FROM staged_history_batches AS b
JOIN analytics.dim_source AS s ON s.source_name = b.source
LEFT JOIN judged AS j USING (crypto_id, vs_currency, granularity_minutes)
WHERE b.failure IS NULL;
ANALYZE placed_batches;
