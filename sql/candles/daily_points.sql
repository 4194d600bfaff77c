-- The candles of days that have a new daily point and no candle yet; answers how many.
WITH merged AS (
    INSERT INTO analytics.fact_crypto_price_daily (
        date_key, source_key, crypto_id, vs_currency, day, open_price, high_price, low_price,
        close_price, mean_price, market_cap, total_volume, observations, coverage_share, origin
    )
    SELECT
        p.date_key, s.source_key, p.crypto_id, p.vs_currency, (p.day_start AT TIME ZONE 'UTC')::date,
        p.price, p.price, p.price, p.price, p.price, p.market_cap, p.total_volume,
        1, 0.0417, s.origin
    FROM daily_points AS p JOIN placed_batches AS s USING (history_batch_id)
    ON CONFLICT DO NOTHING
    RETURNING crypto_id, vs_currency, day
),
extended AS (
    INSERT INTO history_series AS s (crypto_id, vs_currency, first_day, last_day, in_snapshots)
    SELECT crypto_id, vs_currency, min(day), max(day), false
    FROM merged GROUP BY crypto_id, vs_currency
    ON CONFLICT (crypto_id, vs_currency) DO UPDATE SET
        first_day = least(s.first_day, excluded.first_day),
        last_day = greatest(s.last_day, excluded.last_day),
        last_hour = CASE WHEN excluded.last_day <= s.last_day THEN s.last_hour END
)
SELECT count(*) FROM merged
