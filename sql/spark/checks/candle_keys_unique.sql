-- No two candles have the same coin, currency and hour or day.
SELECT crypto_id, vs_currency, hour_start AS start, count(*) AS candles
FROM {lake}.fact_crypto_price_hourly
GROUP BY crypto_id, vs_currency, hour_start
HAVING count(*) > 1
UNION ALL
SELECT crypto_id, vs_currency, CAST(day AS TIMESTAMP), count(*)
FROM {lake}.fact_crypto_price_daily
GROUP BY crypto_id, vs_currency, day
HAVING count(*) > 1
