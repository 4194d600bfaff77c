-- The good points of the staged files, each in its bucket, the first of a bucket first.
CREATE TEMPORARY TABLE good_points ON COMMIT DROP AS
SELECT
    b.crypto_id, b.vs_currency, b.granularity_minutes,
    to_timestamp((p.observed_ms - p.observed_ms % (b.granularity_minutes * 60000::bigint)) / 1000)
        AS bucket_time,
    to_timestamp(p.observed_ms / 1000::double precision) AS observed_at,
    p.price, nullif(p.market_cap, 0) AS market_cap, p.total_volume,
    b.history_batch_id, p.point_index, b.load_order, b.ingested_at
FROM staged_points AS p
JOIN staged_history_batches AS b USING (file_id)
LEFT JOIN broken_points AS x
    ON x.file_id = p.file_id AND x.point_index = p.point_index AND x.rejected_by <> '{}'
WHERE b.failure IS NULL AND x.file_id IS NULL
ORDER BY
    b.crypto_id, b.vs_currency, b.granularity_minutes, bucket_time,
    b.load_order, p.observed_ms, p.point_index;

CREATE TEMPORARY TABLE point_months ON COMMIT DROP AS
SELECT
    date_trunc('month', day AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' AS month,
    bool_or(granularity_minutes < 1440) AS has_hours
FROM (
    SELECT DISTINCT
        day_floor(bucket_time) AS day, granularity_minutes
    FROM good_points
) AS days
GROUP BY month;

SELECT ensure_month_partitions('price_points', ARRAY(SELECT month FROM point_months));

-- The order is that of the key, and in a bucket that of loading: the first row of two wins.
WITH loaded AS (
    INSERT INTO price_points (
        crypto_id, vs_currency, granularity_minutes, bucket_time, observed_at, price, market_cap,
        total_volume, history_batch_id, point_index
    )
    SELECT
        crypto_id, vs_currency, granularity_minutes, bucket_time, observed_at, price, market_cap,
        total_volume, history_batch_id, point_index
    FROM good_points
    ON CONFLICT DO NOTHING
    RETURNING history_batch_id
),
counted AS (SELECT history_batch_id, count(*)::integer AS points FROM loaded GROUP BY history_batch_id)
UPDATE history_batches AS b
SET points_loaded = c.points, points_duplicate = b.points_duplicate - c.points
FROM counted AS c
WHERE b.history_batch_id = c.history_batch_id;

INSERT INTO rejected_points (history_batch_id, point_index, rules, reason, point)
SELECT b.history_batch_id, x.point_index, x.rejected_by, x.reason, r.point
FROM broken_points AS x
JOIN staged_history_batches AS b USING (file_id)
JOIN staged_rejected_points AS r USING (file_id, point_index)
WHERE x.rejected_by <> '{}'
ON CONFLICT (history_batch_id, point_index) DO UPDATE SET
    rules = excluded.rules, reason = excluded.reason, point = excluded.point;
