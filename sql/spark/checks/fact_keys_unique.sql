-- No two facts have the same coin, currency and bucket.
SELECT crypto_id, vs_currency, snapshot_time, count(*) AS facts
FROM {lake}.fact_crypto_price_metrics
GROUP BY crypto_id, vs_currency, snapshot_time
HAVING count(*) > 1
