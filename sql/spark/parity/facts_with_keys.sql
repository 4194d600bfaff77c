-- Which batches the facts with these keys come from.
SELECT f.crypto_id, f.vs_currency, f.snapshot_time, b.landing_file
FROM {lake}.fact_crypto_price_metrics AS f
JOIN sought_keys AS k
    ON k.crypto_id = f.crypto_id AND k.vs_currency = f.vs_currency
    AND k.snapshot_time = f.snapshot_time
JOIN {lake}.ingestion_batches AS b ON b.batch_id = f.batch_id
WHERE f.snapshot_month IN ({months})
