-- The days of staged daily points that have no candle yet; answers how many.
WITH merged AS (
    INSERT INTO analytics.fact_crypto_price_daily (
        date_key, source_key, crypto_id, vs_currency, day, open_price, high_price, low_price,
        close_price, mean_price, market_cap, total_volume, observations, coverage_share, origin
    )
    SELECT
        to_char(g.bucket_time AT TIME ZONE 'UTC', 'YYYYMMDD')::integer, s.source_key,
        g.crypto_id, g.vs_currency, (g.bucket_time AT TIME ZONE 'UTC')::date,
        g.price, g.price, g.price, g.price, g.price, g.market_cap, g.total_volume,
        1, round(1 / 24.0, 4), s.origin
    FROM good_points AS g JOIN point_sources AS s USING (history_batch_id)
    WHERE g.granularity_minutes = 1440
    ORDER BY
        g.crypto_id, g.vs_currency, g.bucket_time, g.load_order, g.observed_at, g.point_index
    ON CONFLICT DO NOTHING
    RETURNING crypto_id, vs_currency, day
),
extended AS (
    INSERT INTO history_series AS s (crypto_id, vs_currency, first_day, last_day, in_snapshots)
    SELECT crypto_id, vs_currency, min(day), max(day), false
    FROM merged GROUP BY crypto_id, vs_currency
    ON CONFLICT (crypto_id, vs_currency) DO UPDATE SET
        first_day = least(s.first_day, excluded.first_day),
        last_day = greatest(s.last_day, excluded.last_day)
)
SELECT count(*) FROM merged
