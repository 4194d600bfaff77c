-- Every candle has its dimension rows.
SELECT c.crypto_id, c.vs_currency, c.date_key, c.time_key
FROM (
    SELECT crypto_id, vs_currency, date_key, time_key, source_key
    FROM {lake}.fact_crypto_price_hourly
    UNION ALL
    SELECT crypto_id, vs_currency, date_key, CAST(0 AS SMALLINT), source_key
    FROM {lake}.fact_crypto_price_daily
) AS c
LEFT JOIN {lake}.dim_date AS d ON d.date_key = c.date_key
LEFT JOIN {lake}.dim_time AS t ON t.time_key = c.time_key
LEFT JOIN {lake}.dim_source AS s ON s.source_key = c.source_key AND s.source_key > 0
LEFT JOIN {lake}.dim_currency AS y ON y.vs_currency = c.vs_currency
WHERE d.date_key IS NULL OR t.time_key IS NULL OR s.source_key IS NULL OR y.vs_currency IS NULL
