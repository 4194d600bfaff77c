-- The good points of the staged files into their buckets, and on the way into the candles that follow
-- from them alone. Of two for one bucket the first in the order of loading wins, in one file the earlier.
WITH inserted AS (
    INSERT INTO price_points (
        crypto_id, vs_currency, granularity_minutes, bucket_time, observed_at, price, market_cap,
        total_volume, history_batch_id, point_index
    )
    SELECT
        b.crypto_id, b.vs_currency, b.granularity_minutes,
        to_timestamp(
            (p.observed_ms - p.observed_ms % (b.granularity_minutes * 60000::bigint)) / 1000
        ),
        to_timestamp(p.observed_ms / 1000::double precision),
        p.price, nullif(p.market_cap, 0), p.total_volume, b.history_batch_id, p.point_index
    FROM staged_points AS p
    JOIN staged_history_batches AS b USING (file_id)
    LEFT JOIN broken_points AS x
        ON x.file_id = p.file_id AND x.point_index = p.point_index AND x.rejected_by <> '{}'
    WHERE b.failure IS NULL AND x.file_id IS NULL
    ORDER BY
        b.crypto_id, b.vs_currency, b.granularity_minutes,
        p.observed_ms - p.observed_ms % (b.granularity_minutes * 60000::bigint),
        b.load_order, p.observed_ms, p.point_index
    ON CONFLICT DO NOTHING
    RETURNING
        crypto_id, vs_currency, granularity_minutes, bucket_time, price, market_cap, total_volume,
        history_batch_id
),
counted AS (
    UPDATE history_batches AS b
    SET points_loaded = c.points, points_duplicate = b.points_duplicate - c.points
    FROM (
        SELECT history_batch_id, count(*)::integer AS points FROM inserted GROUP BY history_batch_id
    ) AS c
    WHERE b.history_batch_id = c.history_batch_id
    RETURNING b.history_batch_id
),
hours AS (
    INSERT INTO analytics.fact_crypto_price_hourly AS f (
        date_key, time_key, source_key, crypto_id, vs_currency, hour_start, open_price, high_price,
        low_price, close_price, mean_price, market_cap, total_volume, observations, coverage_share,
        origin
    )
    SELECT
        d.date_key, date_part('hour', i.bucket_time AT TIME ZONE 'UTC')::smallint * 100::smallint,
        s.source_key, i.crypto_id, i.vs_currency, i.bucket_time,
        i.price, i.price, i.price, i.price, i.price, i.market_cap, i.total_volume,
        1, 0.0833, s.origin
    FROM inserted AS i
    JOIN point_sources AS s USING (history_batch_id)
    JOIN point_days AS d ON d.day_start = day_floor(i.bucket_time)
    WHERE i.granularity_minutes = 60
    ON CONFLICT DO NOTHING
    RETURNING crypto_id, vs_currency, hour_start
),
days AS (
    INSERT INTO changed_days
    SELECT crypto_id, vs_currency, day_floor(hour_start), count(*)
    FROM hours GROUP BY crypto_id, vs_currency, day_floor(hour_start)
    RETURNING hours
),
parts_of_hours AS (
    INSERT INTO changed_hours
    SELECT DISTINCT crypto_id, vs_currency, hour_floor(bucket_time)
    FROM inserted WHERE granularity_minutes = 5
    RETURNING 1
),
daily AS (
    INSERT INTO daily_points
    SELECT i.*, d.date_key
    FROM inserted AS i JOIN point_days AS d ON d.day_start = i.bucket_time
    WHERE i.granularity_minutes = 1440
    RETURNING 1
)
SELECT
    (SELECT coalesce(sum(hours), 0) FROM days)::bigint AS hours,
    (SELECT count(*) FROM parts_of_hours) AS parts_of_hours,
    (SELECT count(*) FROM daily) AS daily,
    (SELECT count(*) FROM counted) AS batches
