-- The currencies that there are prices in, the one with the most coins first.
WITH newest AS (
    SELECT day FROM analytics.fact_crypto_price_daily ORDER BY day DESC LIMIT 1
)
SELECT f.vs_currency, c.currency_name, c.kind, c.display_decimals, count(*) AS coins, max(f.day) AS newest_day
FROM newest AS n
JOIN analytics.fact_crypto_price_daily AS f ON f.day BETWEEN n.day - 7 AND n.day
LEFT JOIN analytics.dim_currency AS c USING (vs_currency)
GROUP BY f.vs_currency, c.currency_name, c.kind, c.display_decimals
ORDER BY count(*) DESC, f.vs_currency
