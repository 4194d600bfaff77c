-- The coins to choose from: those with a price in the last week, the largest first.
WITH newest AS (
    SELECT day
    FROM analytics.fact_crypto_price_daily
    WHERE vs_currency = :'currency'
    ORDER BY day DESC
    LIMIT 1
),
held AS (
    SELECT DISTINCT ON (f.crypto_id) f.crypto_id, f.market_cap
    FROM newest AS n
    JOIN analytics.fact_crypto_price_daily AS f
        ON f.vs_currency = :'currency' AND f.day BETWEEN n.day - 7 AND n.day
    ORDER BY f.crypto_id, f.day DESC
)
SELECT h.crypto_id, d.symbol, d.name
FROM held AS h
LEFT JOIN analytics.dim_cryptocurrency AS d ON d.crypto_id = h.crypto_id AND d.is_current
ORDER BY h.market_cap DESC NULLS LAST, h.crypto_id
LIMIT 1000
