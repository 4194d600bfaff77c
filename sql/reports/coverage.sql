-- Of the hours that are expected of all coins and currencies: those that the candles have and those that
-- are missing, of the last 24 hours and the last 30 days before a time. Days that are over count by
-- their daily candle.
WITH bounds AS (
    SELECT
        hour_floor(%(end)s::timestamptz) AS range_end,
        hour_floor(%(end)s::timestamptz) - interval '24 hours' AS day_start,
        day_floor(%(end)s::timestamptz) - interval '29 days' AS month_start,
        day_floor(%(end)s::timestamptz) AS today
),
gaps AS MATERIALIZED (
    SELECT g.is_explained, g.gap_start, g.gap_end
    FROM bounds AS b, gaps_between(b.month_start, b.range_end) AS g
    WHERE g.grid = 'hour'
),
hours_of_days AS (
    SELECT coalesce(sum(round(d.coverage_share * 24)), 0) AS hours
    FROM bounds AS b
    JOIN analytics.fact_crypto_price_daily AS d
        ON d.day >= (b.month_start AT TIME ZONE 'UTC')::date
        AND d.day < (b.today AT TIME ZONE 'UTC')::date
    JOIN history_series AS s USING (crypto_id, vs_currency)
    WHERE s.first_hourly_day <= d.day
),
hours_of_last_day AS (
    SELECT
        count(*) FILTER (WHERE f.hour_start >= b.day_start) AS hours,
        count(*) FILTER (WHERE f.hour_start >= b.today) AS hours_of_today
    FROM bounds AS b
    JOIN analytics.fact_crypto_price_hourly AS f
        ON f.hour_start >= least(b.day_start, b.today) AND f.hour_start < b.range_end
    JOIN history_series AS s USING (crypto_id, vs_currency)
    WHERE s.first_hourly_day <= (f.hour_start AT TIME ZONE 'UTC')::date
)
SELECT
    p.period,
    p.present::bigint AS present,
    (coalesce(sum(m.hours), 0))::bigint AS missing,
    (coalesce(sum(m.hours) FILTER (WHERE NOT m.is_explained), 0))::bigint AS not_asked_for
FROM bounds AS b
CROSS JOIN hours_of_days AS d
CROSS JOIN hours_of_last_day AS l
CROSS JOIN LATERAL (
    VALUES ('last 24 hours', b.day_start, l.hours),
        ('last 30 days', b.month_start, d.hours + l.hours_of_today)
) AS p (period, since, present)
LEFT JOIN LATERAL (
    SELECT
        g.is_explained,
        extract(epoch FROM g.gap_end - greatest(g.gap_start, p.since)) / 3600 AS hours
    FROM gaps AS g
    WHERE g.gap_end > p.since
) AS m ON true
GROUP BY p.period, p.since, p.present
ORDER BY p.since DESC
