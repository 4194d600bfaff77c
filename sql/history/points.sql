-- The good points of the staged files into their buckets, and on the way into the candles that follow
-- from them alone. Of two for one bucket the first in the order of loading wins, in one file the earlier.
-- A series of which nothing is there yet in its range needs no look at what is there, row by row.
WITH good AS (
    SELECT
        b.crypto_id, b.vs_currency, b.granularity_minutes,
        to_timestamp(
            (p.observed_ms - p.observed_ms % (b.granularity_minutes * 60000::bigint)) / 1000
        ) AS bucket_time,
        to_timestamp(p.observed_ms / 1000::double precision) AS observed_at,
        p.price, nullif(p.market_cap, 0) AS market_cap, p.total_volume,
        b.history_batch_id, p.point_index, b.load_order, b.is_new
    FROM staged_points AS p
    JOIN placed_batches AS b USING (file_id)
    LEFT JOIN broken_points AS x
        ON x.file_id = p.file_id AND x.point_index = p.point_index AND x.rejected_by <> '{}'
    WHERE x.file_id IS NULL
),
inserted_new AS (
    INSERT INTO price_points (
        crypto_id, vs_currency, granularity_minutes, bucket_time, observed_at, price, market_cap,
        total_volume, history_batch_id, point_index
    )
    SELECT DISTINCT ON (crypto_id, vs_currency, granularity_minutes, bucket_time)
        crypto_id, vs_currency, granularity_minutes, bucket_time, observed_at, price, market_cap,
        total_volume, history_batch_id, point_index
    FROM good WHERE is_new
    ORDER BY
        crypto_id, vs_currency, granularity_minutes, bucket_time, load_order, observed_at,
        point_index
    RETURNING
        crypto_id, vs_currency, granularity_minutes, bucket_time, price, market_cap, total_volume,
        history_batch_id
),
inserted_beside AS (
    INSERT INTO price_points (
        crypto_id, vs_currency, granularity_minutes, bucket_time, observed_at, price, market_cap,
        total_volume, history_batch_id, point_index
    )
    SELECT
        crypto_id, vs_currency, granularity_minutes, bucket_time, observed_at, price, market_cap,
        total_volume, history_batch_id, point_index
    FROM good WHERE NOT is_new
    ORDER BY
        crypto_id, vs_currency, granularity_minutes, bucket_time, load_order, observed_at,
        point_index
    ON CONFLICT DO NOTHING
    RETURNING
        crypto_id, vs_currency, granularity_minutes, bucket_time, price, market_cap, total_volume,
        history_batch_id
),
inserted AS MATERIALIZED (
    SELECT * FROM inserted_new UNION ALL SELECT * FROM inserted_beside
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
candles AS MATERIALIZED (
    SELECT
        date_key(i.bucket_time) AS date_key, hour_key(i.bucket_time) AS time_key,
        b.source_key, i.crypto_id, i.vs_currency, i.bucket_time AS hour_start,
        day_floor(i.bucket_time) AS day_start, i.price, i.market_cap, i.total_volume, b.origin,
        b.is_new
    FROM inserted AS i JOIN placed_batches AS b USING (history_batch_id)
    WHERE i.granularity_minutes = 60
),
hours_new AS (
    INSERT INTO analytics.fact_crypto_price_hourly (
        date_key, time_key, source_key, crypto_id, vs_currency, hour_start, open_price, high_price,
        low_price, close_price, mean_price, market_cap, total_volume, observations, coverage_share,
        origin
    )
    SELECT
        date_key, time_key, source_key, crypto_id, vs_currency, hour_start, price, price, price, price,
        price, market_cap, total_volume, 1, 0.0833, origin
    FROM candles WHERE is_new
),
days_new AS (
    INSERT INTO day_candles
    SELECT
        crypto_id, vs_currency, (day_start AT TIME ZONE 'UTC')::date,
        (array_agg(source_key ORDER BY hour_start))[1],
        (array_agg(price ORDER BY hour_start))[1],
        max(price),
        min(price),
        (array_agg(price ORDER BY hour_start))[count(*)],
        CASE
            WHEN count(*) = 1 THEN min(price)
            ELSE round(sum(price) / count(*)::numeric(38, 26), 26)
        END,
        (array_agg(market_cap ORDER BY hour_start) FILTER (WHERE market_cap IS NOT NULL))
            [count(market_cap)],
        (array_agg(total_volume ORDER BY hour_start) FILTER (WHERE total_volume IS NOT NULL))
            [count(total_volume)],
        count(*), count(*), 0,
        CASE WHEN bool_or(origin = 'chart') THEN 'chart' ELSE 'import' END,
        min(hour_start), max(hour_start)
    FROM candles WHERE is_new
    GROUP BY crypto_id, vs_currency, day_start
    RETURNING hours
),
hours_beside AS (
    INSERT INTO analytics.fact_crypto_price_hourly AS f (
        date_key, time_key, source_key, crypto_id, vs_currency, hour_start, open_price, high_price,
        low_price, close_price, mean_price, market_cap, total_volume, observations, coverage_share,
        origin
    )
    SELECT
        date_key, time_key, source_key, crypto_id, vs_currency, hour_start, price, price, price, price,
        price, market_cap, total_volume, 1, 0.0833, origin
    FROM candles WHERE NOT is_new
    ON CONFLICT DO NOTHING
    RETURNING crypto_id, vs_currency, hour_start
),
days_beside AS (
    INSERT INTO changed_days
    SELECT crypto_id, vs_currency, day_floor(hour_start), count(*)
    FROM hours_beside GROUP BY crypto_id, vs_currency, day_floor(hour_start)
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
    SELECT i.*, date_key(i.bucket_time) FROM inserted AS i WHERE i.granularity_minutes = 1440
    RETURNING 1
)
SELECT
    (SELECT coalesce(sum(hours), 0)::bigint FROM days_new) AS hours_new,
    (SELECT coalesce(sum(hours), 0)::bigint FROM days_beside) AS hours_beside,
    (SELECT count(*) FROM parts_of_hours) AS parts_of_hours,
    (SELECT count(*) FROM daily) AS daily,
    (SELECT count(*) FROM counted) AS batches
