-- What a unit of the chosen currency is worth in the others, by day: the median over the coins that have
-- a price in both of price in the other / price in the chosen one. The ten largest coins, at most.
WITH newest AS (
    SELECT day
    FROM analytics.fact_crypto_price_daily
    WHERE vs_currency = :'currency'
    ORDER BY day DESC
    LIMIT 1
),
largest AS (
    SELECT f.crypto_id
    FROM newest AS n
    JOIN analytics.fact_crypto_price_daily AS f ON f.vs_currency = :'currency' AND f.day = n.day
    ORDER BY f.market_cap DESC NULLS LAST, f.crypto_id
    LIMIT 10
),
rates AS (
    SELECT o.day, o.vs_currency, o.close_price / b.close_price AS rate
    FROM largest AS l
    CROSS JOIN newest AS n
    JOIN analytics.fact_crypto_price_daily AS b
        ON b.crypto_id = l.crypto_id AND b.vs_currency = :'currency'
    JOIN analytics.fact_crypto_price_daily AS o
        ON o.crypto_id = b.crypto_id AND o.day = b.day AND o.vs_currency <> b.vs_currency
    WHERE b.day > n.day - :'days'::integer
)
SELECT
    r.day, r.vs_currency, c.currency_name,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY r.rate::double precision) AS rate,
    count(*) AS coins
FROM rates AS r
LEFT JOIN analytics.dim_currency AS c USING (vs_currency)
GROUP BY r.day, r.vs_currency, c.currency_name
ORDER BY r.vs_currency, r.day
