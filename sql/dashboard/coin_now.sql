-- One coin at its newest hour, and the range of its prices in the days shown.
WITH newest AS (
    SELECT day
    FROM analytics.fact_crypto_price_daily
    WHERE crypto_id = :'coin' AND vs_currency = :'currency'
    ORDER BY day DESC
    LIMIT 1
),
latest AS (
    SELECT n.day, h.*
    FROM newest AS n
    CROSS JOIN LATERAL (
        SELECT hour_start, close_price, market_cap, total_volume
        FROM analytics.fact_crypto_price_hourly
        WHERE crypto_id = :'coin' AND vs_currency = :'currency'
            AND hour_start >= n.day::timestamp AT TIME ZONE 'UTC'
        ORDER BY hour_start DESC
        LIMIT 1
    ) AS h
)
SELECT
    :'coin' AS crypto_id, d.symbol, d.name, l.hour_start, l.close_price AS price,
    round(100 * (l.close_price / b.close_price - 1), 4) AS change_pct_24h,
    l.market_cap, l.total_volume,
    (
        SELECT 1 + count(*)
        FROM analytics.fact_crypto_price_daily AS f
        WHERE f.day = l.day AND f.vs_currency = :'currency' AND f.market_cap > l.market_cap
    ) AS cap_rank,
    r.low_price, r.high_price, r.first_day
FROM latest AS l
LEFT JOIN analytics.dim_cryptocurrency AS d ON d.crypto_id = :'coin' AND d.is_current
LEFT JOIN LATERAL (
    SELECT e.close_price
    FROM analytics.fact_crypto_price_hourly AS e
    WHERE e.crypto_id = :'coin' AND e.vs_currency = :'currency'
        AND e.hour_start <= l.hour_start - interval '24 hours'
        AND e.hour_start > l.hour_start - interval '26 hours 24 minutes'
    ORDER BY e.hour_start DESC
    LIMIT 1
) AS b ON true
CROSS JOIN LATERAL (
    SELECT min(f.low_price) AS low_price, max(f.high_price) AS high_price, min(f.day) AS first_day
    FROM analytics.fact_crypto_price_daily AS f
    WHERE f.crypto_id = :'coin' AND f.vs_currency = :'currency' AND f.day > l.day - :'days'::integer
) AS r
