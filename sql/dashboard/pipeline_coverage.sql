-- Coverage, coin by day: the share of the day's hours that have a price. The largest coins; the newest day
-- is not over.
WITH newest AS (
    SELECT day
    FROM analytics.fact_crypto_price_daily
    WHERE vs_currency = :'currency'
    ORDER BY day DESC
    LIMIT 1
),
largest AS (
    SELECT f.crypto_id, f.market_cap
    FROM newest AS n
    JOIN analytics.fact_crypto_price_daily AS f ON f.vs_currency = :'currency' AND f.day = n.day
    ORDER BY f.market_cap DESC NULLS LAST, f.crypto_id
    LIMIT :'top'::integer
)
SELECT
    l.crypto_id, c.symbol, c.name, f.day, f.coverage_share, f.observations, f.origin
FROM largest AS l
CROSS JOIN newest AS n
JOIN analytics.fact_crypto_price_daily AS f
    ON f.crypto_id = l.crypto_id AND f.vs_currency = :'currency' AND f.day > n.day - :'days'::integer
LEFT JOIN analytics.dim_cryptocurrency AS c ON c.crypto_id = l.crypto_id AND c.is_current
ORDER BY l.market_cap DESC NULLS LAST, l.crypto_id, f.day
