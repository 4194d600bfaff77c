-- Every fact has its four dimension rows, and its coin's version is the one of its time.
SELECT f.crypto_id, f.vs_currency, f.snapshot_time
FROM {lake}.fact_crypto_price_metrics AS f
LEFT JOIN {lake}.dim_cryptocurrency AS c
    ON c.crypto_key = f.crypto_key
    AND c.crypto_id = f.crypto_id
    AND c.valid_from <= f.last_updated AND f.last_updated < c.valid_to
LEFT JOIN {lake}.dim_date AS d ON d.date_key = f.date_key
LEFT JOIN {lake}.dim_time AS t ON t.time_key = f.time_key
LEFT JOIN {lake}.dim_source AS s ON s.source_key = f.source_key AND s.source_key > 0
WHERE c.crypto_key IS NULL OR d.date_key IS NULL OR t.time_key IS NULL OR s.source_key IS NULL
