-- Capitalisation and volume of the whole market by day: sums over the coins that have a price that day.
SELECT day, sum(market_cap) AS market_cap, sum(total_volume) AS total_volume, count(*) AS coins
FROM analytics.fact_crypto_price_daily
WHERE vs_currency = :'currency'
    AND day > (
        SELECT max(day) - :'days'::integer FROM analytics.fact_crypto_price_daily
    )
GROUP BY day
ORDER BY day
