SELECT {columns}
FROM analytics.fact_crypto_price_metrics AS f
WHERE f.batch_id = ANY (%(batches)s)
ORDER BY f.snapshot_time, f.crypto_id, f.vs_currency
