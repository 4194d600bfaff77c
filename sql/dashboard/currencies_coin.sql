-- One coin in every currency that there are prices in, by day, 100 at the first day shown.
WITH newest AS (
    SELECT max(day) AS day FROM analytics.fact_crypto_price_daily WHERE crypto_id = :'coin'
)
SELECT
    f.day, f.vs_currency, coalesce(c.currency_name, f.vs_currency) AS currency_name, f.close_price,
    round(100 * f.close_price
        / first_value(f.close_price) OVER (PARTITION BY f.vs_currency ORDER BY f.day), 4) AS indexed
FROM newest AS n
JOIN analytics.fact_crypto_price_daily AS f ON f.crypto_id = :'coin' AND f.day > n.day - :'days'::integer
LEFT JOIN analytics.dim_currency AS c USING (vs_currency)
ORDER BY f.vs_currency, f.day
