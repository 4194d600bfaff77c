-- A day that has hours is made of them.
SELECT d.crypto_id, d.vs_currency, d.day, d.observations, h.observations AS of_hours
FROM {lake}.fact_crypto_price_daily AS d
JOIN (
    SELECT crypto_id, vs_currency, date_key, sum(observations) AS observations
    FROM {lake}.fact_crypto_price_hourly
    GROUP BY crypto_id, vs_currency, date_key
) AS h
    ON h.crypto_id = d.crypto_id AND h.vs_currency = d.vs_currency AND h.date_key = d.date_key
WHERE d.observations <> h.observations
