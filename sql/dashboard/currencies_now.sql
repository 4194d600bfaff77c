-- Every currency that there are prices in: how many coins, the newest day, and the price of one coin.
WITH newest AS (
    SELECT day FROM analytics.fact_crypto_price_daily ORDER BY day DESC LIMIT 1
),
held AS (
    SELECT f.vs_currency, count(DISTINCT f.crypto_id) AS coins, max(f.day) AS newest_day
    FROM newest AS n
    JOIN analytics.fact_crypto_price_daily AS f ON f.day BETWEEN n.day - 7 AND n.day
    GROUP BY f.vs_currency
)
SELECT
    h.vs_currency, c.currency_name, c.kind, h.coins, h.newest_day, p.close_price AS price,
    p.market_cap, p.total_volume
FROM held AS h
LEFT JOIN analytics.dim_currency AS c USING (vs_currency)
LEFT JOIN LATERAL (
    SELECT f.close_price, f.market_cap, f.total_volume
    FROM analytics.fact_crypto_price_daily AS f
    WHERE f.crypto_id = :'coin' AND f.vs_currency = h.vs_currency
    ORDER BY f.day DESC
    LIMIT 1
) AS p ON true
ORDER BY h.coins DESC, h.vs_currency
