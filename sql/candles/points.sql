-- The hours in which five-minute points are new, each from all that it has: hour by hour, so that only the
-- months of the hours are read. A snapshot goes before them, they before the hourly point.
ANALYZE changed_hours;

WITH candles AS (
    SELECT h.*, p.*
    FROM changed_hours AS h
    CROSS JOIN LATERAL (
        SELECT
            (array_agg(p.history_batch_id ORDER BY p.bucket_time))[1] AS history_batch_id,
            (array_agg(p.price ORDER BY p.bucket_time))[1] AS open_price,
            max(p.price) AS high_price,
            min(p.price) AS low_price,
            (array_agg(p.price ORDER BY p.bucket_time))[count(*)] AS close_price,
            CASE WHEN count(*) = 1 THEN min(p.price) ELSE round(sum(p.price) / count(*)::numeric(38, 26), 26) END
                AS mean_price,
            (array_agg(p.market_cap ORDER BY p.bucket_time) FILTER (WHERE p.market_cap IS NOT NULL))
                [count(p.market_cap)] AS market_cap,
            (array_agg(p.total_volume ORDER BY p.bucket_time) FILTER (WHERE p.total_volume IS NOT NULL))
                [count(p.total_volume)] AS total_volume,
            count(*)::integer AS observations
        FROM price_points AS p
        WHERE p.crypto_id = h.crypto_id AND p.vs_currency = h.vs_currency AND p.granularity_minutes = 5
            AND p.bucket_time >= h.hour_start AND p.bucket_time < h.hour_start + interval '1 hour'
        HAVING count(*) > 0
    ) AS p
),
merged AS (
    INSERT INTO analytics.fact_crypto_price_hourly AS f (
        date_key, time_key, source_key, crypto_id, vs_currency, hour_start, open_price, high_price,
        low_price, close_price, mean_price, market_cap, total_volume, observations, coverage_share,
        origin
    )
    SELECT
        date_key(c.hour_start),
        hour_key(c.hour_start),
        s.source_key, c.crypto_id, c.vs_currency, c.hour_start, c.open_price, c.high_price,
        c.low_price, c.close_price, c.mean_price, c.market_cap, c.total_volume, c.observations,
        round(c.observations / 12.0, 4), b.origin
    FROM candles AS c
    JOIN history_batches AS b USING (history_batch_id)
    JOIN analytics.dim_source AS s ON s.source_name = b.source
    ON CONFLICT (crypto_id, vs_currency, hour_start) DO UPDATE SET
        source_key = excluded.source_key,
        open_price = excluded.open_price,
        high_price = excluded.high_price,
        low_price = excluded.low_price,
        close_price = excluded.close_price,
        mean_price = excluded.mean_price,
        market_cap = excluded.market_cap,
        total_volume = excluded.total_volume,
        observations = excluded.observations,
        coverage_share = excluded.coverage_share,
        origin = excluded.origin,
        load_timestamp = statement_timestamp()
    WHERE f.origin <> 'snapshot' AND f.observations <= excluded.observations
    RETURNING crypto_id, vs_currency, hour_start
)
INSERT INTO changed_days
SELECT crypto_id, vs_currency, day_floor(hour_start), count(*)
FROM merged GROUP BY crypto_id, vs_currency, day_floor(hour_start);
