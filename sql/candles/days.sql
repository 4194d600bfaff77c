-- The days of changed_hours, from all of their hours; then the days of daily points that have no hour.
CREATE TEMPORARY TABLE changed_days ON COMMIT DROP AS
SELECT DISTINCT
    crypto_id, vs_currency, date_bin('1 day', hour_start, '2000-01-01 00:00:00+00') AS day_start
FROM changed_hours;
ANALYZE changed_days;

INSERT INTO analytics.fact_crypto_price_daily AS f (
    date_key, source_key, crypto_id, vs_currency, day, open_price, high_price, low_price, close_price,
    mean_price, market_cap, total_volume, observations, coverage_share, origin
)
SELECT
    to_char(d.day_start AT TIME ZONE 'UTC', 'YYYYMMDD')::integer,
    (array_agg(h.source_key ORDER BY h.hour_start))[1],
    d.crypto_id, d.vs_currency, (d.day_start AT TIME ZONE 'UTC')::date,
    (array_agg(h.open_price ORDER BY h.hour_start))[1],
    max(h.high_price),
    min(h.low_price),
    (array_agg(h.close_price ORDER BY h.hour_start))[count(*)],
    CASE
        WHEN count(*) = 1 THEN min(h.mean_price)
        ELSE round(sum(h.mean_price * h.observations) / sum(h.observations)::numeric(38, 26), 26)
    END,
    (array_agg(h.market_cap ORDER BY h.hour_start) FILTER (WHERE h.market_cap IS NOT NULL))
        [count(h.market_cap)],
    (array_agg(h.total_volume ORDER BY h.hour_start) FILTER (WHERE h.total_volume IS NOT NULL))
        [count(h.total_volume)],
    sum(h.observations)::integer,
    round(count(*) / 24.0, 4),
    CASE
        WHEN bool_or(h.origin = 'snapshot') THEN 'snapshot'
        WHEN bool_or(h.origin = 'chart') THEN 'chart'
        ELSE 'import'
    END
FROM changed_days AS d
JOIN analytics.fact_crypto_price_hourly AS h
    ON h.crypto_id = d.crypto_id AND h.vs_currency = d.vs_currency
    AND h.hour_start >= d.day_start AND h.hour_start < d.day_start + interval '1 day'
    AND date_bin('1 day', h.hour_start, '2000-01-01 00:00:00+00') = d.day_start
GROUP BY d.crypto_id, d.vs_currency, d.day_start
ON CONFLICT (crypto_id, vs_currency, day) DO UPDATE SET
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
    load_timestamp = now();
