SELECT {columns}
FROM analytics.fact_crypto_price_metrics AS f
WHERE f.snapshot_time >= %(start)s AND f.snapshot_time < %(end)s
ORDER BY f.snapshot_time, f.crypto_id, f.vs_currency
