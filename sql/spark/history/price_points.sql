-- First write wins: a bucket that has a point keeps it. Of two points for one bucket the earlier file's
-- wins, within one file the earlier one.
MERGE INTO {lake}.price_points AS t
USING (
    SELECT
        crypto_id, vs_currency, granularity_minutes, bucket_time, observed_at,
        -- [[[cog columns(POINT_MEASURES, end=",") ]]]
        price, market_cap, total_volume,
        -- [[[end]]]
        history_batch_id, point_index, price_text, market_cap_text, total_volume_text,
        snapshot_month
    FROM (
        SELECT
            *,
            row_number() OVER (
                PARTITION BY crypto_id, vs_currency, granularity_minutes, bucket_time
                ORDER BY history_batch_id, observed_at, point_index
            ) AS place
        FROM accepted_points
    ) AS numbered
    WHERE place = 1
) AS i
ON t.snapshot_month IN ({months})
    AND t.snapshot_month = i.snapshot_month
    AND t.crypto_id = i.crypto_id
    AND t.vs_currency = i.vs_currency
    AND t.granularity_minutes = i.granularity_minutes
    AND t.bucket_time = i.bucket_time
WHEN NOT MATCHED THEN INSERT *
