-- The market at the newest hour: capitalisation, volume, the share of the largest, how many rise.
WITH newest AS (
    SELECT day
    FROM analytics.fact_crypto_price_daily
    WHERE vs_currency = :'currency'
    ORDER BY day DESC
    LIMIT 1
),
latest AS (
    SELECT f.crypto_id, h.hour_start, h.close_price, h.market_cap, h.total_volume
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
compared AS (
    SELECT l.*, e.close_price AS price_before, e.market_cap AS market_cap_before
    FROM latest AS l
    LEFT JOIN LATERAL (
        SELECT b.close_price, b.market_cap
        FROM analytics.fact_crypto_price_hourly AS b
        WHERE b.crypto_id = l.crypto_id AND b.vs_currency = :'currency'
            AND b.hour_start <= l.hour_start - interval '24 hours'
            AND b.hour_start > l.hour_start - interval '26 hours 24 minutes'
        ORDER BY b.hour_start DESC
        LIMIT 1
    ) AS e ON true
)
SELECT
    max(hour_start) AS hour_start,
    sum(market_cap) AS market_cap,
    -- Of the coins that have both, so that a coin which comes or goes is no change.
    round(100 * (
        sum(market_cap) FILTER (WHERE market_cap_before IS NOT NULL)
        / nullif(sum(market_cap_before) FILTER (WHERE market_cap IS NOT NULL), 0) - 1
    ), 4) AS change_pct_24h,
    sum(total_volume) AS total_volume,
    round(100 * max(market_cap) FILTER (WHERE crypto_id = 'bitcoin') / nullif(sum(market_cap), 0), 4)
        AS bitcoin_share_pct,
    round(100 * max(market_cap) FILTER (WHERE crypto_id = 'ethereum') / nullif(sum(market_cap), 0), 4)
        AS ethereum_share_pct,
    count(*) AS coins,
    count(*) FILTER (WHERE close_price > price_before) AS rising,
    count(*) FILTER (WHERE close_price < price_before) AS falling
FROM compared
