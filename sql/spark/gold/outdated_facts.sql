-- The facts that point at a version which ends before them, and the version that covers them.
SELECT
    f.crypto_id, f.vs_currency, f.snapshot_time, f.snapshot_month, covering.crypto_key
FROM {lake}.fact_crypto_price_metrics AS f
JOIN {lake}.dim_cryptocurrency AS pointed
    ON pointed.crypto_key = f.crypto_key AND pointed.valid_to <= f.last_updated
JOIN {lake}.dim_cryptocurrency AS covering
    ON covering.crypto_id = f.crypto_id
    AND covering.valid_from <= f.last_updated AND f.last_updated < covering.valid_to
WHERE f.snapshot_month >= '{first_month}'
    AND f.snapshot_time >= CAST('{first_reassigned}+00' AS TIMESTAMP)
