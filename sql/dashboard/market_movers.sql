-- The coins among the largest that rose and fell most, in percent, up to the newest hour.
WITH newest AS (
    SELECT day
    FROM analytics.fact_crypto_price_daily
    WHERE vs_currency = :'currency'
    ORDER BY day DESC
    LIMIT 1
),
largest AS (
    SELECT f.crypto_id, f.close_price, f.market_cap, n.day
    FROM newest AS n
    JOIN analytics.fact_crypto_price_daily AS f ON f.vs_currency = :'currency' AND f.day = n.day
    ORDER BY f.market_cap DESC NULLS LAST
    LIMIT :'top'::integer
),
changes AS (
    SELECT
        l.crypto_id, h.hour_start, h.close_price AS price, b.close_price AS price_before, l.market_cap,
        100 * (h.close_price / b.close_price - 1) AS change_pct
    FROM largest AS l
    CROSS JOIN LATERAL (
        SELECT e.hour_start, e.close_price
        FROM analytics.fact_crypto_price_hourly AS e
        WHERE e.crypto_id = l.crypto_id AND e.vs_currency = :'currency'
            AND e.hour_start >= l.day::timestamp AT TIME ZONE 'UTC'
            AND e.hour_start < (l.day + 1)::timestamp AT TIME ZONE 'UTC'
        ORDER BY e.hour_start DESC
        LIMIT 1
    ) AS h
    CROSS JOIN LATERAL (
        SELECT e.close_price
        FROM analytics.fact_crypto_price_hourly AS e
        WHERE e.crypto_id = l.crypto_id AND e.vs_currency = :'currency'
            AND e.hour_start <= h.hour_start - :'hours'::integer * interval '1 hour'
            -- Over a gap, the last price before it, but no older than a tenth of the time.
            AND e.hour_start > h.hour_start - :'hours'::integer * interval '66 minutes'
        ORDER BY e.hour_start DESC
        LIMIT 1
    ) AS b
),
placed AS (
    SELECT
        *,
        row_number() OVER (ORDER BY change_pct DESC, crypto_id) AS from_top,
        row_number() OVER (ORDER BY change_pct, crypto_id) AS from_bottom
    FROM changes
)
SELECT
    p.crypto_id, d.symbol, d.name, round(p.change_pct, 4) AS change_pct, p.price, p.price_before,
    p.market_cap, p.hour_start
FROM placed AS p
LEFT JOIN analytics.dim_cryptocurrency AS d ON d.crypto_id = p.crypto_id AND d.is_current
WHERE p.from_top <= 10 AND p.change_pct > 0 OR p.from_bottom <= 10 AND p.change_pct < 0
ORDER BY p.change_pct DESC, p.crypto_id
