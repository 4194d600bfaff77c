-- A coin has two facts in one currency and time bucket.
SELECT f.crypto_id, f.vs_currency, f.snapshot_time, count(*) AS facts
FROM (
    SELECT DISTINCT f.crypto_id, f.vs_currency, f.snapshot_time
    FROM scoped_batches JOIN pruned_fact_crypto_price_metrics AS f USING (batch_id)
) AS scoped
JOIN pruned_fact_crypto_price_metrics AS f USING (crypto_id, vs_currency, snapshot_time)
GROUP BY f.crypto_id, f.vs_currency, f.snapshot_time
HAVING count(*) > 1
