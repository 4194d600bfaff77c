-- The largest coins at the newest hour: price, changes on full hours and days, market cap and volume.
-- A change over a gap is that to the last price before it, but no older than a tenth of its length.
WITH newest AS (
    SELECT day
    FROM analytics.fact_crypto_price_daily
    WHERE vs_currency = :'currency'
    ORDER BY day DESC
    LIMIT 1
),
latest AS (
    SELECT f.crypto_id, h.hour_start, h.close_price, h.market_cap, h.total_volume, n.day
    FROM newest AS n
    JOIN analytics.fact_crypto_price_daily AS f ON f.vs_currency = :'currency' AND f.day = n.day
    CROSS JOIN LATERAL (
        SELECT e.hour_start, e.close_price, e.market_cap, e.total_volume
        FROM analytics.fact_crypto_price_hourly AS e
        WHERE e.crypto_id = f.crypto_id AND e.vs_currency = :'currency'
            AND e.hour_start >= n.day::timestamp AT TIME ZONE 'UTC'
            AND e.hour_start < (n.day + 1)::timestamp AT TIME ZONE 'UTC'
        ORDER BY e.hour_start DESC
        LIMIT 1
    ) AS h
),
largest AS (
    SELECT *, row_number() OVER (ORDER BY market_cap DESC NULLS LAST, crypto_id) AS cap_rank
    FROM latest
    ORDER BY market_cap DESC NULLS LAST, crypto_id
    LIMIT :'top'::integer
)
SELECT
    l.cap_rank, l.crypto_id, d.symbol, d.name, l.close_price AS price,
    round(100 * (l.close_price / hour.close_price - 1), 4) AS change_pct_24h,
    round(100 * (l.close_price / week.close_price - 1), 4) AS change_pct_7d,
    round(100 * (l.close_price / month.close_price - 1), 4) AS change_pct_30d,
    l.market_cap, l.total_volume,
    ARRAY(
        SELECT f.close_price
        FROM analytics.fact_crypto_price_daily AS f
        WHERE f.crypto_id = l.crypto_id AND f.vs_currency = :'currency' AND f.day > l.day - 30
        ORDER BY f.day
    ) AS closes_30d,
    l.hour_start
FROM largest AS l
LEFT JOIN analytics.dim_cryptocurrency AS d ON d.crypto_id = l.crypto_id AND d.is_current
LEFT JOIN LATERAL (
    SELECT e.close_price
    FROM analytics.fact_crypto_price_hourly AS e
    WHERE e.crypto_id = l.crypto_id AND e.vs_currency = :'currency'
        AND e.hour_start <= l.hour_start - interval '24 hours'
        AND e.hour_start > l.hour_start - interval '26 hours 24 minutes'
    ORDER BY e.hour_start DESC
    LIMIT 1
) AS hour ON true
LEFT JOIN LATERAL (
    SELECT f.close_price
    FROM analytics.fact_crypto_price_daily AS f
    WHERE f.crypto_id = l.crypto_id AND f.vs_currency = :'currency' AND f.day = l.day - 7
) AS week ON true
LEFT JOIN LATERAL (
    SELECT f.close_price
    FROM analytics.fact_crypto_price_daily AS f
    WHERE f.crypto_id = l.crypto_id AND f.vs_currency = :'currency'
        AND f.day BETWEEN l.day - 33 AND l.day - 30
    ORDER BY f.day DESC
    LIMIT 1
) AS month ON true
ORDER BY l.cap_rank
